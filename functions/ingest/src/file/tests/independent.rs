//! Compares whole files with the outcome of an independent reader.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use contracts::Catalog;
use event::MAX_PAYLOAD_BYTES;
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::csv::{self, RowKind};

use super::*;

/// The outcome of each line: the payload of an event, or the code of a dead letter.
type Outcomes = BTreeMap<u64, Result<serde_json::Value, Code>>;

/// The outcomes of a file. Panics if a line has two.
fn outcomes(read: &Read) -> Outcomes {
    let line = |id: &str| id.rsplit_once(':').unwrap().1.parse::<u64>().unwrap();
    let events = read
        .events
        .iter()
        .map(|event| (line(&event.id), Ok(serde_json::from_str(event.data.get()).unwrap())));
    let letters = read.letters.iter().map(|(letter, _)| {
        let number = line(&letter.message_id);
        let at = letter.at.as_deref().unwrap();
        assert!(at == format!("line {number}") || at.starts_with(&format!("line {number}, ")));
        assert!(!letter.reason.is_empty());
        (number, Err(letter.code))
    });
    let mut outcomes = BTreeMap::new();
    for (line, outcome) in events.chain(letters) {
        assert!(outcomes.insert(line, outcome).is_none(), "line {line} came twice");
    }
    outcomes
}

fn read_chunks_now(name: &str, chunks: &[&[u8]]) -> Read {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let chunks = chunks.iter().map(|chunk| chunk.to_vec()).collect();
    runtime.block_on(read_chunks(name, chunks))
}

/// A piece of a row: valid fields, or bytes that break them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (1_u32..90).prop_map(|n| super::row(n).into_bytes()),
        3 => prop_oneof![Just("\n"), Just("\r"), Just("\r\n")].prop_map(|end| end.into()),
        1 => "[a,\" \u{ffff}é]{1,6}".prop_map(String::into_bytes),
        1 => Just(b",\"quoted\r\n\"".to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ]
}

/// The outcomes of a file's rows by the independent reader.
fn expected(file: &[u8]) -> Outcomes {
    let rows = csv::read(file, MAX_PAYLOAD_BYTES);
    let rows = rows.into_iter().skip(1).filter(|row| !row.raw.trim_ascii().is_empty());
    rows.map(|row| (row.line, outcome(&row.kind))).collect()
}

fn outcome(kind: &RowKind) -> Result<serde_json::Value, Code> {
    let fields = match kind {
        RowKind::Whole { fields } => fields,
        RowKind::Unclosed => return Err(Code::DecodeCsv),
        RowKind::TooLong { .. } => return Err(Code::SizeExceeded),
    };
    let texts: Option<Vec<&str>> =
        fields.iter().map(|field| std::str::from_utf8(field).ok()).collect();
    let texts = texts.ok_or(Code::DecodeUtf8)?;
    // The columns of a flight and the one that is added here.
    let names: Vec<&str> = HEADER.split(',').chain(["note"]).collect();
    if texts.len() != names.len() {
        return Err(Code::DecodeCsv);
    }
    let value = |(&name, text): (&&str, &str)| {
        let number = text.parse::<i64>().ok().filter(|_| !is_text(name));
        let value = match (text, number) {
            ("" | "NA", _) => serde_json::Value::Null,
            (_, Some(number)) => number.into(),
            (text, None) => text.into(),
        };
        (name.to_owned(), value)
    };
    let object: serde_json::Map<_, _> = names.iter().zip(texts).map(value).collect();
    let value = serde_json::Value::Object(object);
    // All other failures are decided by the contract.
    static CONTRACTS: OnceLock<Catalog> = OnceLock::new();
    let contracts = CONTRACTS.get_or_init(testkit::contracts);
    let payload = event::Payload::parse(value.to_string().as_bytes()).unwrap();
    match contracts.get("flights").unwrap().accept(&payload) {
        Ok(_) => Ok(value),
        Err(failure) => Err(failure.code),
    }
}

fn is_text(column: &str) -> bool {
    ["carrier", "origin", "dest", "time_hour", "note"].contains(&column)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_row_that_an_independent_reader_finds_is_an_event_or_a_dead_letter(
        note in prop_oneof![Just("x".to_owned()), "[a-z5\" ]{0,5}"],
        pieces in vec(piece(), 0..24),
        cuts in vec(0_usize..300, 0..8),
    ) {
        let header = format!("{HEADER},note\r\n{},{note}\n", super::row(99));
        let file = [header.into_bytes(), pieces.concat()].concat();
        let read = read_chunks_now("a.csv", &testkit::cut(&file, &cuts));
        // The whole file is refused if its first rows all fail, which is rare here.
        if let Err(failure) = &read.result {
            prop_assert!(failure.reason.contains("first 16 lines"), "{}", failure);
            return Ok(());
        }
        let (found, expected) = (outcomes(&read), expected(&file));
        let lines = |outcomes: &Outcomes| outcomes.keys().copied().collect::<Vec<_>>();
        prop_assert_eq!(lines(&found), lines(&expected));
        for (line, outcome) in &expected {
            match (outcome, &found[line]) {
                // Both refuse the row. The codes may differ, since a field's type is checked before the contract.
                (Err(_), Err(_)) => {}
                (expected, found) => prop_assert_eq!(found, expected, "line {}", line),
            }
        }
    }

    #[test]
    fn each_line_of_ndjson_is_an_event_or_a_dead_letter(
        pieces in vec(
            prop_oneof![
                (1_u32..90).prop_map(|n| flight(n).into_bytes()),
                Just(b"\n".to_vec()),
                Just(b"\r\n".to_vec()),
                "[{}\\[\\]\": \r\u{ffff}]{1,6}".prop_map(String::into_bytes),
                vec(any::<u8>(), 1..4),
            ],
            0..24,
        ),
        cuts in vec(0_usize..300, 0..8),
    ) {
        let file = [flight(99).into_bytes(), b"\n".to_vec(), pieces.concat()].concat();
        let read = read_chunks_now("a.ndjson", &testkit::cut(&file, &cuts));
        read.result.as_ref().unwrap();
        let found = outcomes(&read);
        let lines = file.split(|&byte| byte == b'\n').enumerate();
        let lines = lines.map(|(index, line)| (index as u64 + 1, line));
        for (number, line) in lines {
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
            let parsed = serde_json::from_slice::<serde_json::Value>(text);
            match (found.get(&number), parsed) {
                (None, _) => prop_assert!(text.is_empty(), "line {} is gone", number),
                (Some(Ok(event)), Ok(value)) => prop_assert_eq!(event, &value),
                (Some(Ok(event)), Err(_)) => prop_assert!(false, "made up: {}", event),
                (Some(Err(_)), Ok(value)) => prop_assert!(!value.is_object() || value["flight"].is_null()),
                (Some(Err(_)), Err(_)) => {}
            }
        }
        prop_assert!(found.keys().all(|line| *line <= file.len() as u64 + 1));
    }
}
