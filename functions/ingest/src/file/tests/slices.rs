//! A file that is read in slices gives what it gives in one go, wherever the slices end.

use proptest::collection::vec;
use proptest::prelude::*;

use super::formats::{contract as contract_with_csv, zstd};
use super::*;

/// What was sent to the queues for events and for dead letters, and by how many invocations.
struct Sent {
    messages: [Vec<Outgoing>; 2],
    counts: EventCounts,
    slices: usize,
}

/// Reads a file whose bytes arrive in pieces of `piece` bytes. An invocation ends after `slice` bytes as soon as another
/// one can go on, and hands its position on as text.
async fn read_in_slices(
    contract: &Contract,
    name: &str,
    bytes: &[u8],
    piece: usize,
    slice: u64,
) -> Result<Sent, Failure> {
    let object = announced(name);
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
    let ignored = &IgnoredCounts::default();
    let taken_in = deadline.now();
    let turn = &Mutex::default();
    let file = File { object: &object, contract, taken_in, redriven: None, ignored, turn };
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    let archive = Archive { objects: &objects, bucket: ARCHIVE };
    let limits = SliceLimits::new(slice, &deadline);
    let size = bytes.len() as u64;
    let (mut counts, mut slices, mut from) = (EventCounts::default(), 0, None::<Next>);
    loop {
        let offset = from.as_ref().and_then(Next::offset).unwrap_or(0);
        let rest = &bytes[usize::try_from(offset).unwrap()..];
        let body = Chunks(rest.chunks(piece).map(<[u8]>::to_vec).collect());
        let content = Content { body: Some(body), size, from };
        slices += 1;
        match read_file(&file, content, &emit(&queue), &archive, &limits).await? {
            ReadFile::Whole(last) => {
                counts += last;
                let messages = [ENRICH, DLQ].map(|url| queue.sent_to(url));
                return Ok(Sent { messages, counts, slices });
            }
            ReadFile::Part(part, position) => {
                counts += part;
                let position = position.unwrap();
                assert!(position.offset() > Some(offset), "no byte of the object was done");
                let text = serde_json::to_string(&position).unwrap();
                from = serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// Reads a file in one go and in slices, and compares. Returns how many slices there were.
async fn compare(
    contract: &Contract,
    name: &str,
    bytes: &[u8],
    piece: usize,
    slice: u64,
) -> Result<usize, String> {
    let whole = read_in_slices(contract, name, bytes, piece, u64::MAX).await;
    let parts = read_in_slices(contract, name, bytes, piece, slice).await;
    match (whole, parts) {
        (Ok(whole), Ok(parts)) => {
            if whole.slices != 1 || whole.counts != parts.counts {
                return Err(format!("{name}: {:?} and {:?}", whole.counts, parts.counts));
            }
            if whole.messages != parts.messages {
                return Err(format!("{name}: {:?} and {:?}", whole.messages, parts.messages));
            }
            Ok(parts.slices)
        }
        (Err(whole), Err(parts)) if whole == parts => Ok(0),
        (whole, parts) => Err(format!("{name}: {:?} and {:?}", whole.err(), parts.err())),
    }
}

/// Lines, good ones and bad ones, with every kind of line end.
fn some_lines(of: impl Fn(u32) -> String, bad: [&str; 3], ends: &[&str]) -> String {
    let mut text = String::new();
    for number in 0..20_usize {
        let line = match number % 7 {
            3 => bad[0].to_owned(),
            4 => String::new(),
            5 => bad[1].to_owned(),
            6 => bad[2].to_owned(),
            _ => of(u32::try_from(number).unwrap()),
        };
        text.push_str(&line);
        text.push_str(ends[number % ends.len()]);
    }
    text
}

fn ndjson() -> String {
    some_lines(flight, ["{", "[1]", "{\"café\": 1}"], &["\n", "\r\n", "\n \n"])
}

fn csv() -> String {
    let quoted = row(2).replace("IAH", "\"I\r\nA\"\"H\n\"");
    let rows = some_lines(row, ["1,2", &quoted, "é"], &["\r\n", "\n", "\r", "\r\n\r\n"]);
    format!("\u{feff}{HEADER}\r\n{}\n{rows}", row(0))
}

/// Documents that are indented, on one line, broken, and the items of arrays.
fn documents() -> String {
    let mut text = String::new();
    for number in 0..8 {
        let indented = flight(number).replace(',', ",\r\n    ");
        text.push_str(&flight(number + 100));
        text.push_str(&format!(" \n  {indented}\n  {{\"a\": [1, \"\n  {indented}\n"));
        text.push_str(&format!("\t[{},\n {}, 7, {indented}]", flight(200), flight(300)));
    }
    text
}

fn utf_16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_be_bytes).collect()
}

/// A file in members of gzip, or frames of Zstandard, that end at the cuts.
fn packed(bytes: &[u8], cuts: &[usize], pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    testkit::cut(bytes, cuts).into_iter().flat_map(pack).collect()
}

fn files(cuts: &[usize]) -> Vec<(&'static str, Vec<u8>)> {
    let (ndjson, csv, documents) = (ndjson(), csv(), documents());
    let wide = utf_16(csv.trim_start_matches('\u{feff}'));
    vec![
        ("a.ndjson.gz", packed(ndjson.as_bytes(), cuts, gzip)),
        ("a.csv.zst", packed(csv.as_bytes(), cuts, zstd)),
        ("wide.csv.gz", packed(&wide, cuts, gzip)),
        ("a.json.zst", packed(documents.as_bytes(), cuts, zstd)),
        ("a.ndjson", ndjson.into_bytes()),
        ("a.csv", csv.into_bytes()),
        ("a.json", documents.into_bytes()),
        ("wide.csv", wide),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn slices_that_end_as_early_as_they_can_give_the_same_messages() {
    let contracts = testkit::contracts();
    let contract = contracts.get("flights").unwrap();
    let cuts: Vec<usize> = (1..40).map(|number| number * 100).collect();
    for (name, bytes) in files(&cuts) {
        let slices = block_on(compare(contract, name, &bytes, 64, 1)).unwrap();
        assert!(slices > 4, "{name}: {slices} slices");
    }
}

#[test]
fn an_encoding_of_single_bytes_is_read_in_slices() {
    let contract = &contract_with_csv("csv: {encoding: windows-1252}");
    let text = csv().trim_start_matches('\u{feff}').replace("IAH", "I€H");
    let bytes: Vec<u8> = text
        .chars()
        .map(|char| if char == '€' { 0x80 } else { u8::try_from(char).unwrap() })
        .collect();
    let slices = block_on(compare(contract, "a.csv", &bytes, 50, 1)).unwrap();
    assert!(slices > 5, "{slices} slices");
}

#[test]
fn one_member_of_gzip_is_one_slice() {
    let contracts = testkit::contracts();
    let contract = contracts.get("flights").unwrap();
    let bytes = gzip(ndjson().as_bytes());
    assert_eq!(block_on(compare(contract, "a.ndjson.gz", &bytes, 10, 1)), Ok(1));
}

/// The clock goes on with each piece of the file.
struct SlowBody {
    clock: ManualClock,
    pieces: Chunks,
}

impl Body for SlowBody {
    async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + Send>, Failure> {
        self.clock.advance(Duration::from_secs(1));
        Ok(self.pieces.0.pop_front())
    }
}

async fn read_slowly(
    name: &str,
    bytes: &[u8],
    invocation: Duration,
) -> (Result<ReadFile, Failure>, u64) {
    let contracts = testkit::contracts();
    let contract = contracts.get("flights").unwrap();
    let object = announced(name);
    let (clock, queue) = (ManualClock::default(), MemoryQueue::default());
    let deadline = clock.deadline_in(invocation);
    let began = deadline.now();
    let ignored = &IgnoredCounts::default();
    let turn = &Mutex::default();
    let file = File { object: &object, contract, taken_in: began, redriven: None, ignored, turn };
    let objects = MemoryObjects::default();
    let archive = Archive { objects: &objects, bucket: ARCHIVE };
    let limits = SliceLimits::new(u64::MAX, &deadline);
    let pieces = Chunks(bytes.chunks(20).map(<[u8]>::to_vec).collect());
    let body = SlowBody { clock, pieces };
    let content = Content { body: Some(body), size: bytes.len() as u64, from: None };
    let read = read_file(&file, content, &emit(&queue), &archive, &limits).await;
    (read, deadline.now().since(began).as_secs())
}

const TWO_MINUTES: Duration = Duration::from_secs(120);

/// A record may take half of the invocation's two minutes.
#[tokio::test]
async fn a_slice_ends_when_two_thirds_of_its_time_are_over() {
    let (read, seconds) = read_slowly("a.ndjson", ndjson().as_bytes(), TWO_MINUTES).await;
    assert!(matches!(read, Ok(ReadFile::Part(..))), "{read:?}");
    assert!((40..=42).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_in_slices_fails_before_its_time_is_over() {
    for (name, bytes, what) in [
        ("a.ndjson.gz", gzip(&incompressible()), "gzip without another member"),
        ("a.ndjson.zst", zstd(&incompressible()), "Zstandard without another frame"),
    ] {
        let (read, seconds) = read_slowly(name, &bytes, TWO_MINUTES).await;
        let failure = read.unwrap_err();
        assert_eq!(failure.code, Code::SizeExceeded);
        assert_eq!(failure.kind, event::FailureKind::Transient);
        assert!(failure.reason.contains(what), "{failure}");
        assert!((54..60).contains(&seconds), "{seconds} s");
    }
}

#[tokio::test]
async fn a_file_that_was_given_little_time_begins_again() {
    let bytes = gzip(&incompressible());
    let (read, _) = read_slowly("a.ndjson.gz", &bytes, TWO_MINUTES / 10).await;
    assert_eq!(read, Ok(ReadFile::Part(EventCounts::default(), None)));
}

/// Lines of digits that follow no pattern.
fn incompressible() -> Vec<u8> {
    let mut text = flight(1);
    let mut state = 1_u64;
    for _ in 0..400 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("\n{{\"a\":{state}}}"));
    }
    text.into_bytes()
}

proptest! {
    #[test]
    fn any_slices_give_the_same_messages(
        piece in 1_usize..300,
        slice in 1_u64..3_000,
        cuts in vec(0_usize..4_000, 0..12),
    ) {
        let contracts = testkit::contracts();
        let contract = contracts.get("flights").unwrap();
        for (name, bytes) in files(&cuts) {
            let slices = block_on(compare(contract, name, &bytes, piece, slice));
            prop_assert!(slices.is_ok(), "{slices:?}");
        }
    }
}
