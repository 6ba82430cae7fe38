//! The outcome of a file does not depend on the chunks in which its bytes arrive.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Good lines, bad ones and empty ones, in both formats.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let (one, two) = (flight(1), flight(2));
    let ndjson = lines(&[one.as_bytes(), b"{\"caf\xc3\xa9\":", b"", b"\xff", two.as_bytes(), b""]);
    let quoted = row(2).replace("IAH", "\"I\r\nA\"\"H\"");
    let csv = format!("\u{feff}{HEADER}\r\n{}\r\n{quoted}\r\n1,2\r\n{}", row(1), row(3));
    vec![
        ("a.ndjson.gz", gzip(&ndjson)),
        ("a.csv.gz", gzip(csv.as_bytes())),
        ("a.ndjson", ndjson),
        ("a.csv", csv.into_bytes()),
    ]
}

fn chunks(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    testkit::cut(bytes, cuts).into_iter().map(<[u8]>::to_vec).collect()
}

fn messages(
    name: &str,
    chunks: Vec<Vec<u8>>,
) -> (Result<EventCounts, Failure>, Vec<Vec<Outgoing>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(read_chunks(name, chunks));
    (read.result, [ENRICH, DLQ].map(|url| read.queue.sent_to(url)).into())
}

#[test]
fn a_file_that_comes_byte_by_byte_is_the_same_file() {
    for (name, bytes) in files() {
        let whole = messages(name, vec![bytes.clone()]);
        assert!(whole.0.is_ok(), "{name}: {:?}", whole.0);
        let single = bytes.iter().map(|&byte| vec![byte]).collect();
        assert_eq!(messages(name, single), whole, "{name}");
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_messages(cuts in vec(0_usize..200, 0..12)) {
        for (name, bytes) in files() {
            let whole = messages(name, vec![bytes.clone()]);
            prop_assert_eq!(messages(name, chunks(&bytes, &cuts)), whole, "{}", name);
        }
    }
}
