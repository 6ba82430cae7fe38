//! Checks what `tests/fuzz` says of contracts and events without a fuzzer: with its seeds, and with changed ones.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../../tests/fuzz/src/contracts.rs"]
mod contracts_script;

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/contracts");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_seed_holds() {
    let seeds = seeds();
    assert!(seeds.len() >= 2);
    for seed in &seeds {
        assert!(contracts_script::check(seed) > 0, "none of its events is taken in");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// A part of a seed is replaced by a part of another one, or by a few characters.
    #[test]
    fn changed_seeds_hold(
        which in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        taken in any::<prop::sample::Index>(),
        length in 0..40_usize,
        put in prop_oneof![Just(None), "[ -~\n]{0,6}".prop_map(Some)],
    ) {
        let seeds = seeds();
        let (seed, other) = (which.get(&seeds), other.get(&seeds));
        let (at, taken) = (from.index(seed.len()), taken.index(other.len()));
        let put = match &put {
            Some(text) => text.as_bytes(),
            None => &other[taken..(taken + length).min(other.len())],
        };
        let mut script = seed[..at].to_vec();
        script.extend(put);
        script.extend(&seed[(at + length).min(seed.len())..]);
        contracts_script::check(&script);
    }
}
