//! A check that holds for the configuration of every function.

use std::collections::BTreeMap;

use runtime::env::EnvError;

/// Checks that a configuration can be read from these variables, and that without any one of them it is refused with
/// that variable's name.
///
/// # Panics
/// When it is not so.
#[track_caller]
pub fn check_each_is_needed<T>(
    all: &BTreeMap<&str, &str>,
    read: impl Fn(&BTreeMap<&str, &str>) -> Result<T, EnvError>,
) {
    assert!(read(all).is_ok(), "not all that is needed");
    for name in all.keys() {
        let mut without = all.clone();
        without.remove(name);
        let Err(error) = read(&without) else { panic!("{name} is not needed") };
        assert!(error.to_string().contains(name), "{error}");
    }
}
