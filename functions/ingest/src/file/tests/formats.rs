//! Whole files in each format: JSON documents, arrays, Zstandard, and CSV with other delimiters and encodings.

use contracts::Contract;
use proptest::prelude::*;

use super::*;

pub(super) fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).unwrap()
}

/// The contract of the flights of these tests, with more in it.
pub(super) fn contract(more: &str) -> Contract {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/contracts/flights");
    let file = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let (yaml, schema) = (file("contract.yaml"), file("v1.schema.json"));
    let (before, csv) = yaml.split_once("csv:\n").unwrap();
    let (_, after) = csv.split_once('\n').unwrap();
    let schemas = [("v1.schema.json".to_owned(), schema)].into();
    Contract::parse(&format!("{before}{more}\n{after}"), &schemas).unwrap()
}

async fn read_with(more: &str, name: &str, bytes: &[u8]) -> Read {
    read_under(&contract(more), MemoryQueue::default(), name, vec![bytes.to_vec()]).await
}

fn keys(read: &Read) -> Vec<String> {
    read.events.iter().map(|event| format!("{:?}", event.idempotencykey)).collect()
}

#[tokio::test]
async fn each_format_gives_the_same_events() {
    let flights = [flight(1), flight(2), flight(3)];
    let expected = keys(&read("a.ndjson", flights.join("\n").as_bytes()).await);
    let (array, documents) = (format!("[{}]", flights.join(",")), flights.concat());
    let csv = [HEADER.to_owned(), row(1), row(2), row(3)].join("\r\n");
    let two_frames =
        [zstd(format!("{}\n", flights[0]).as_bytes()), zstd(flights[1..].join("\n").as_bytes())];
    for (name, bytes) in [
        ("a.json", array.clone().into_bytes()),
        ("a.json", documents.clone().into_bytes()),
        ("a.json.gz", gzip(array.as_bytes())),
        ("a.json.zst", zstd(documents.as_bytes())),
        ("a.ndjson.zst", two_frames.concat()),
        ("a.csv.zst", zstd(csv.as_bytes())),
        // As Firehose names objects, unless it is told otherwise.
        ("2026/11/30/10/orders-1-2026-11-30-10-00-00-4f2a", documents.clone().into_bytes()),
        ("2026/11/30/10/orders-1-2026-11-30-10-00-00-4f2a", gzip(documents.as_bytes())),
        ("2026/11/30/10/orders-1-2026-11-30-10-00-00-4f2a", zstd(array.as_bytes())),
    ] {
        let read = read(name, &bytes).await;
        read.check(3, 0);
        assert_eq!(keys(&read), expected, "{name}");
    }
}

#[tokio::test]
async fn a_bad_document_is_a_dead_letter_with_its_byte_and_the_rest_goes_on() {
    let (one, three) = (flight(1), flight(3));
    let wrong = flight(2).replace("\"flight\":2", "\"flight\":\"two\"");
    for bad in [wrong.as_str(), "{\"year\":}"] {
        for (name, file) in
            [("a.json", format!("{one}{bad}{three}")), ("a.json", format!("[{one},{bad},{three}]"))]
        {
            let read = read(name, file.as_bytes()).await;
            read.check(2, 1);
            let at = file.find(bad).unwrap();
            let (letter, message) = &read.letters[0];
            assert!(letter.at.as_deref().unwrap().starts_with(&format!("byte {at}")), "{letter:?}");
            assert_eq!(
                (letter.message_id.as_str(), message.body.as_str()),
                (&*format!("e1:@{at}"), bad)
            );
            assert_eq!(read.ids()[1], format!("e1:@{}", file.find(&three).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_document_that_is_too_long_for_an_event_says_where_it_is() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(5 * 1024 * 1024));
    let file = format!("[{},{long},{}]", flight(1), flight(3));
    let read = read("a.json", file.as_bytes()).await;
    read.check(2, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!(letter.code, Code::SizeExceeded);
    let place: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!((&place["byte"], &place["bytes"]), (&file.find(&long).into(), &long.len().into()));
}

#[tokio::test]
async fn an_array_that_breaks_off_is_read_up_to_there_and_refused() {
    let file = format!("[{},{},{}", flight(1), flight(2), &flight(3)[..40]);
    let read = read("a.json", file.as_bytes()).await;
    let failure = read.result.unwrap_err();
    assert_eq!((failure.kind, failure.code), (event::FailureKind::Permanent, Code::DecodeJson));
    assert!(failure.reason.contains("never closed"), "{failure}");
    assert_eq!((read.events.len(), read.letters.len()), (2, 1));
}

#[tokio::test]
async fn a_file_whose_format_nothing_says_is_refused_and_says_what_would() {
    for (name, bytes) in [
        ("a.pdf", b"%PDF-1.7 \n".as_slice()),
        ("a", b"id,at\n1,2\n"),
        ("a.gz", &gzip(b"id,at\n1,2\n")),
        ("a.txt", b"\n\n\n\n\n\n\n\n\n\n\n\nhello"),
    ] {
        let read = read(name, bytes).await;
        let failure = read.result.unwrap_err();
        assert_eq!(failure.code, Code::DecodeFormat, "{name}");
        assert!(failure.reason.contains("files.format"), "{failure}");
        assert!(read.events.is_empty() && read.letters.is_empty());
    }
    read("a", b"").await.check(0, 0);
    read("a", b" \n\n").await.check(0, 0);
}

#[tokio::test]
async fn the_declared_format_counts_before_the_name() {
    let csv = [HEADER.to_owned(), row(1), row(2)].join("\n");
    read_with("files: {format: csv}", "export.txt", csv.as_bytes()).await.check(2, 0);
    read_with("files: {format: csv}", "a.ndjson", csv.as_bytes()).await.check(2, 0);
    let lines = format!("{}\n{{\n{}", flight(1), flight(2));
    read_with("files: {format: ndjson}", "a", lines.as_bytes()).await.check(2, 1);
    let documents = format!("{}{}", flight(1), flight(2));
    read_with("files: {format: json}", "a.ndjson", documents.as_bytes()).await.check(2, 0);
}

#[tokio::test]
async fn a_zstandard_file_that_is_broken_is_named_and_read_up_to_there() {
    let lines = [flight(1), flight(2)].join("\n");
    let (whole, text) = (zstd(lines.as_bytes()), format!("{}\n", flight(3)));
    let packed = zstd(text.as_bytes());
    let mut wrong = packed.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 0xff;
    for (bytes, passed) in [
        (whole[..whole.len() - 3].to_vec(), 0),
        ([packed.clone(), whole[..9].to_vec()].concat(), 1),
        ([packed.clone(), b"{\"a\":1}".to_vec()].concat(), 1),
    ] {
        let read = read("a.ndjson.zst", &bytes).await;
        let failure = read.result.unwrap_err();
        assert_eq!((failure.kind, failure.code), (event::FailureKind::Permanent, Code::DecodeZstd));
        assert!(read.events.len() >= passed, "{failure}");
    }
}

/// A few kilobytes stand for a gigabyte. It is unpacked in pieces, none of which is kept.
#[tokio::test]
async fn a_bomb_of_zstandard_is_read_in_bounded_memory() {
    let blank = zstd(&vec![b'\n'; 64 * 1024 * 1024]);
    assert!(blank.len() < 16 * 1024, "{}", blank.len());
    let bomb = [zstd(format!("{}\n", flight(1)).as_bytes()), blank.repeat(2)].concat();
    read("a.ndjson.zst", &bomb).await.check(1, 0);
}

/// `zstd --long=27` asks every reader for 128 MiB.
#[tokio::test]
async fn a_window_that_is_too_large_is_refused() {
    let mut packer = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    packer.window_log(27).unwrap();
    packer.long_distance_matching(true).unwrap();
    std::io::Write::write_all(&mut packer, &vec![b'\n'; 9 * 1024 * 1024]).unwrap();
    let read = read("a.ndjson.zst", &packer.finish().unwrap()).await;
    let failure = read.result.unwrap_err();
    assert_eq!(failure.code, Code::DecodeZstd);
    assert!(failure.reason.contains("8 MiB"), "{failure}");
}

/// A character that Windows-1252 has and Latin-1 has not, one that both have, and one that neither has.
#[tokio::test]
async fn csv_is_read_in_its_declared_encoding_and_with_its_delimiter() {
    let text = [HEADER.to_owned(), row(1).replace("IAH", "Köln €")].join("\r\n");
    let semicolons = text.replace(',', ";");
    let utf16: Vec<u8> = format!("\u{feff}{}", text.replace(',', "\t"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (windows, _, has_failed) = encoding_rs::WINDOWS_1252.encode(&semicolons);
    assert!(!has_failed);
    for (more, bytes) in [
        ("csv: {delimiter: ';', encoding: windows-1252}", windows.to_vec()),
        ("csv: {delimiter: ';'}", semicolons.clone().into_bytes()),
        ("csv: {delimiter: tab}", utf16.clone()),
        ("csv: {delimiter: tab, encoding: utf-16}", utf16),
        ("csv: {delimiter: '|'}", text.replace(',', "|").into_bytes()),
    ] {
        let read = read_with(more, "a.csv", &bytes).await;
        read.check(1, 0);
        let payload: serde_json::Value = serde_json::from_str(read.events[0].data.get()).unwrap();
        assert_eq!((&payload["dest"], &payload["flight"]), (&"Köln €".into(), &1.into()), "{more}");
    }
}

/// The letter has the row as text, and its delimiter. What is no text at all is only in the archive.
#[tokio::test]
async fn a_bad_row_of_another_encoding_is_a_dead_letter_that_can_be_read_again() {
    let text = [HEADER.to_owned(), row(1).replace("515", "é"), row(2)].join("\n").replace(',', ";");
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(&text);
    let more = "csv: {delimiter: ';', encoding: windows-1252}";
    let read = read_with(more, "a.csv", &bytes).await;
    read.check(1, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!(
        (letter.code, letter.at.as_deref()),
        (Code::ContractViolation, Some("line 2, /sched_dep_time"))
    );
    assert_eq!(message.body, text.lines().nth(1).unwrap());
    let header = event::CsvHeader::read(&message.attributes).unwrap();
    let mended = message.body.replace('é', "515");
    let payload = read_row(&contract(more), &header, mended.as_bytes()).unwrap();
    assert_eq!(payload.value["flight"], 1);

    let lone: Vec<u16> = [HEADER, "\n"].concat().encode_utf16().chain([0xd800]).collect();
    let file: Vec<u8> = lone
        .into_iter()
        .chain(format!("{}\n{}\n", row(1), row(2)).encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let read = read_with("csv: {encoding: utf-16le}", "a.csv", &file).await;
    read.check(1, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!((letter.code, letter.form), (Code::DecodeUtf8, event::Form::Place));
    assert!(message.body.contains("\"line\":2"), "{}", message.body);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The same rows in another encoding and with another delimiter are the same events and refusals.
    #[test]
    fn an_encoding_and_a_delimiter_change_nothing_else(
        notes in proptest::collection::vec("[a-zé€ \"]{0,6}", 1..8),
        cuts in proptest::collection::vec(0_usize..600, 0..6),
    ) {
        let mut file = format!("{HEADER},note\n");
        for (number, note) in (1..).zip(&notes) {
            file.push_str(&format!("{},{note}\n", row(number)));
        }
        let outcome = |more: &str, bytes: &[u8]| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let chunks = testkit::cut(bytes, &cuts).into_iter().map(<[u8]>::to_vec).collect();
            let contract = contract(more);
            let read = runtime.block_on(read_under(&contract, MemoryQueue::default(), "a.csv", chunks));
            let events: Vec<_> = read.events.iter().map(|it| (it.id.clone(), it.data.get().to_owned())).collect();
            let letters: Vec<_> = read.letters.iter().map(|(letter, _)| (letter.at.clone(), letter.code)).collect();
            (events, letters)
        };
        let plain = outcome("csv: {missing: [NA]}", file.as_bytes());
        let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(&file);
        prop_assert_eq!(&outcome("csv: {missing: [NA], encoding: windows-1252}", &windows), &plain);
        let utf16: Vec<u8> = file.encode_utf16().flat_map(u16::to_be_bytes).collect();
        prop_assert_eq!(&outcome("csv: {missing: [NA], encoding: utf-16be}", &utf16), &plain);
    }
}
