//! Seeds with the changes that a fuzzer makes: parts are cut out, doubled, overwritten or taken
//! from another seed, and words of the dictionary are inserted.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const CASES: u32 = 256;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fuzz").join(name)
}

/// The seeds of a fuzz target, in the order of their names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder("seeds").join(target)).expect("a folder of seeds");
    let mut paths: Vec<_> = files.map(|file| file.expect("a seed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// The words of a fuzz target's dictionary, without escapes.
fn words(target: &str) -> Vec<Vec<u8>> {
    let path = folder("dictionaries").join(format!("{target}.dict"));
    let text = fs::read_to_string(path).expect("a dictionary");
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescaped).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.bytes().next() {
        let (byte, length) = match rest.as_bytes() {
            [b'\\', b'x', ..] => {
                (u8::from_str_radix(&rest[2..4], 16).expect("two hexadecimal digits"), 4)
            }
            [b'\\', escaped, ..] => (*escaped, 2),
            _ => (first, 1),
        };
        bytes.push(byte);
        // Dictionaries are ASCII.
        rest = &rest[length..];
    }
    bytes
}

#[derive(Clone, Debug)]
enum Change {
    Cut { from: Index, length: usize },
    Double { from: Index, length: usize },
    Overwrite { at: Index, byte: u8 },
    Insert { at: Index, word: Index },
    Splice { at: Index, other: Index, from: Index },
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<Index>;
    let change = prop_oneof![
        (index(), 1..40usize).prop_map(|(from, length)| Change::Cut { from, length }),
        (index(), 1..200usize).prop_map(|(from, length)| Change::Double { from, length }),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Overwrite { at, byte }),
        (index(), index()).prop_map(|(at, word)| Change::Insert { at, word }),
        (index(), index(), index()).prop_map(|(at, other, from)| Change::Splice {
            at,
            other,
            from
        }),
    ];
    vec(change, 1..12)
}

fn changed(target: &str, seed: Index, changes: &[Change]) -> Vec<u8> {
    let (seeds, words) = (seeds(target), words(target));
    let mut text = seed.get(&seeds).clone();
    for change in changes {
        let at = |index: &Index| index.index(text.len() + 1);
        match change {
            Change::Cut { from, length } => {
                let from = at(from);
                let end = (from + length).min(text.len());
                text.drain(from..end);
            }
            Change::Double { from, length } => {
                let from = at(from);
                let part = text[from..(from + length).min(text.len())].to_vec();
                text.splice(from..from, part);
            }
            Change::Overwrite { at: index, byte } => {
                let at = at(index);
                if let Some(old) = text.get_mut(at) {
                    *old = *byte;
                }
            }
            Change::Insert { at: index, word } => {
                let at = at(index);
                text.splice(at..at, word.get(&words).iter().copied());
            }
            Change::Splice { at: index, other, from } => {
                let at = at(index);
                let other = other.get(&seeds);
                text.truncate(at);
                text.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changed_requests_are_answered(seed in any::<Index>(), changes in changes()) {
        crate::requests::check(&changed("requests", seed, &changes));
    }

    #[test]
    fn changed_templates_are_read_or_refused(seed in any::<Index>(), changes in changes()) {
        crate::templates::check(&changed("templates", seed, &changes));
    }

    #[test]
    fn any_bytes_are_answered_and_read(bytes in vec(any::<u8>(), 0..2_000)) {
        crate::requests::check(&bytes);
        crate::templates::check(&bytes);
    }
}
