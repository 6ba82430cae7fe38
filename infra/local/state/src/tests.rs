//! Opens folders in the states in which a run can leave them, complete or not.

use std::io;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const TIMES: Times = Times { now_ms: 1_700_000_000_000, advanced_ms: 5 };

/// A temporary folder, which is removed when the value is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("state-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.join("kept")
    }

    fn open(&self) -> Result<Folder, StateError> {
        Folder::open(&self.folder())
    }

    /// A folder whose state holds `text`.
    fn with(text: &str) -> Self {
        let place = Self::new();
        write(&mut place.open().unwrap(), text).unwrap();
        place
    }

    /// The stored text.
    fn text(&self) -> String {
        let folder = self.open().unwrap();
        fs::read_to_string(folder.file("part").unwrap()).unwrap()
    }

    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(folder: &mut Folder, text: &str) -> Result<(), StateError> {
    folder.write(TIMES, Declared::default(), |to| {
        to.write("part", |to| to.write_all(text.as_bytes()))
    })
}

#[track_caller]
fn check_refused(place: &Place, told: &[&str]) {
    let error = place.open().unwrap_err().to_string();
    for each in told {
        assert!(error.contains(each), "{each} is not in: {error}");
    }
}

#[test]
fn what_was_written_last_is_kept_and_nothing_else() {
    let place = Place::with("first");
    assert_eq!(place.text(), "first");
    let mut folder = place.open().unwrap();
    assert_eq!(folder.times(), Some(TIMES));
    assert_eq!(folder.declared(), Some(&Declared::default()));
    write(&mut folder, "second").unwrap();
    write(&mut folder, "third").unwrap();
    folder.write(TIMES, Declared::default(), |to| to.link("part")).unwrap();
    assert_eq!(place.entries(), ["4", "lock", "state.json"]);
    drop(folder);
    assert_eq!(place.text(), "third");
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let place = Place::with("text");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.folder()), 0o700);
    assert_eq!(mode(&place.folder().join("1")), 0o700);
    assert_eq!(mode(&place.folder().join("1/part")), 0o600);
}

#[test]
fn a_write_that_fails_leaves_the_state_before() {
    let place = Place::with("before");
    let mut folder = place.open().unwrap();
    let failed = folder.write(TIMES, Declared::default(), |to| {
        to.write("part", |to| to.write_all(b"half"))?;
        to.write("other", |_| Err(io::Error::other("the disk is full")))
    });
    let error = failed.unwrap_err();
    assert!(
        error.to_string().ends_with("kept/2/other: it cannot be written: the disk is full"),
        "{error}"
    );
    assert_eq!(place.entries(), ["1", "lock", "state.json"]);
    drop(folder);
    assert_eq!(place.text(), "before");
}

#[test]
fn a_process_killed_while_it_writes_leaves_the_state_before() {
    let place = Place::with("before");
    // The process ended before it replaced the manifest: a new generation and a new manifest, both
    // possibly incomplete.
    fs::create_dir(place.folder().join("2")).unwrap();
    fs::write(place.folder().join("2/part"), "after").unwrap();
    fs::write(place.folder().join(NEXT_MANIFEST), "{\"kind\":").unwrap();
    assert_eq!(place.text(), "before");
    assert_eq!(place.entries(), ["1", "lock", "state.json"]);
    // The process ended after it replaced the manifest: the generation before still exists.
    fs::create_dir(place.folder().join("0")).unwrap();
    assert_eq!(place.text(), "before");
    // The process ended before it wrote the first manifest.
    fs::remove_file(place.folder().join(MANIFEST)).unwrap();
    let mut folder = place.open().unwrap();
    assert_eq!((folder.times(), folder.declared(), folder.file("part")), (None, None, None));
    write(&mut folder, "anew").unwrap();
    drop(folder);
    assert_eq!(place.text(), "anew");
}

#[test]
fn a_folder_is_one_emulation_s_at_a_time() {
    let place = Place::with("text");
    let held = place.open().unwrap();
    check_refused(&place, &["kept: another emulation keeps its state there", "another folder"]);
    drop(held);
    assert_eq!(place.text(), "text");
}

#[test]
fn somebody_else_s_folder_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.folder()).unwrap();
    fs::write(place.folder().join("thesis.txt"), "years").unwrap();
    check_refused(&place, &["kept: it holds thesis.txt", "not there yet"]);
    assert_eq!(place.entries(), ["thesis.txt"]);
    fs::remove_file(place.folder().join("thesis.txt")).unwrap();
    fs::write(place.folder().join(MANIFEST), "{\"kind\":\"a game\",\"version\":1}").unwrap();
    check_refused(&place, &["kept: it holds another program's state.json"]);
    assert_eq!(place.entries(), ["state.json"]);

    let place = Place::new();
    fs::write(place.folder(), "a file").unwrap();
    check_refused(&place, &["kept: it cannot be made"]);
}

#[test]
fn another_version_is_told_and_not_touched() {
    let place = Place::with("text");
    let path = place.folder().join(MANIFEST);
    let newer = fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
    fs::write(&path, newer).unwrap();
    check_refused(&place, &["kept/state.json: it is of version 2, and this program knows 1"]);
    assert_eq!(place.entries(), ["1", "lock", "state.json"]);
}

/// Changes a complete state, and expects that it is found to be damaged.
#[track_caller]
fn check_damaged(harm: impl FnOnce(&Path), told: &str) {
    let place = Place::with("a text of some length");
    harm(&place.folder());
    check_refused(&place, &[told, "it is damaged", "delete the folder to begin anew"]);
}

#[test]
fn damage_is_told_with_its_file() {
    check_damaged(|kept| fs::write(kept.join(MANIFEST), "{\"kind\":").unwrap(), "kept/state.json");
    let no_version = "{\"kind\":\"sluicegate local state\"}";
    check_damaged(|kept| fs::write(kept.join(MANIFEST), no_version).unwrap(), "no version");
    check_damaged(|kept| fs::remove_file(kept.join("1/part")).unwrap(), "kept/1/part: ");
    check_damaged(|kept| fs::remove_dir_all(kept.join("1")).unwrap(), "it is missing");
    check_damaged(|kept| fs::write(kept.join("1/part"), "a text").unwrap(), "6 bytes, not 21");
    let other = "a text of some strength";
    check_damaged(|kept| fs::write(kept.join("1/part"), &other[..21]).unwrap(), "checksum");
}

/// A process that another thread is starting holds such a copy.
#[test]
fn a_folder_that_is_given_up_is_free_though_a_copy_of_its_lock_is_open() {
    let place = Place::with("a");
    let folder = place.open().unwrap();
    assert!(matches!(place.open(), Err(StateError::Locked { .. })));
    let copy = folder.lock.try_clone().unwrap();
    drop(folder);
    assert!(place.open().is_ok());
    drop(copy);
}
