//! Pins what is stored and compared across deployments. If any of it changed, keys that were written before would not
//! be recognized, and everything that is delivered again would take effect again.
//!
//! The hashes were computed by another program, with Python's `json`, `decimal` and `hashlib`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use sluicegate_event::{
    Attribute, Attributes, CLAIM_ATTRIBUTE, CSV_ATTRIBUTE, ClaimCheck, Code, CsvHeader, DeadLetter,
    Envelope, FAILURE_ATTRIBUTE, FailureFingerprint, Fingerprint, Form, IdempotencyKey,
    PARKED_ATTRIBUTE, Parked, Timeliness, row_key,
};

const FLIGHT: &str = r#"{"carrier":"UA","flight":1545,"origin":"EWR","delay":2.50,"note":"café \u0001","at":null,"list":[true,-0,1e21,1E-7]}"#;
const ORDER: &str = r#"{"id":12345678901234567890123,"amount":0.10000000000000000000000001}"#;
const BEYOND_ASCII: &str =
    "{\"id\":9007199254740993,\"\u{20ac}\":1,\"\u{1f600}\":2,\"\u{fb33}\":3}";

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn fingerprints_stay_what_they_are() {
    for (payload, pinned) in [
        (FLIGHT, "9b6fa288b5b1bc57836d5f7e995e7f4e7f882c3d19d606fad7f684b7302a0fb9"),
        (ORDER, "17e35f24b0c35cf919787d3461058c60659fedd156fc5ba83c5e98ffa6b31999"),
        (BEYOND_ASCII, "135edc7f3f33e26ab90a24a608c0cff5848fcfbd2c7ec094792cb7eebee4004f"),
        ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    ] {
        assert_eq!(Fingerprint::of(&parsed(payload)).unwrap().as_str(), pinned, "{payload}");
    }
}

#[test]
fn idempotency_keys_stay_what_they_are() {
    let flight =
        IdempotencyKey::derive("flights", &parsed(FLIGHT), ["/carrier", "/flight", "/origin"]);
    let order = IdempotencyKey::derive("orders", &parsed(ORDER), ["/id", "/amount"]);
    let pinned = "aca5d9503d763da655af78bb4da9c47b1ce23b357d5702ed0aecf863a75defb3";
    assert_eq!(flight.unwrap().as_str(), pinned);
    let pinned = "6fce385115567aa659b6328ba26ebdf9cc8a1d7776ab31ec94ceeba92f3154d6";
    assert_eq!(order.unwrap().as_str(), pinned);
}

#[test]
fn the_keys_of_rows_stay_what_they_are() {
    let key = row_key(&parsed(FLIGHT), ["/carrier", "/flight", "/delay", "/list"]).unwrap();
    assert_eq!(key, r#"["UA",1545,2.5,[true,0,1e+21,1e-7]]"#);
    let key = row_key(&parsed(ORDER), ["/id", "/amount"]).unwrap();
    assert_eq!(key, "[1.2345678901234567890123e+22,0.10000000000000000000000001]");
}

/// An envelope of each version that is read, and the version that is written.
#[test]
fn envelopes_stay_what_they_are() {
    const FIRST: &str = r#"{"specversion":"1.0","id":"e1:1","source":"arn:aws:s3:::landing/flights/a.ndjson","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","subject":"UA-1545","dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","degraded":"weather","data":{"b": 1.00,  "a":"\u00e9"}}"#;
    const SECOND: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"arn:aws:s3:::landing/flights/a.ndjson","type":"sluicegate.flights","time":"2013-01-01T10:00:00.123456789Z","subject":"UA-1545","dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","degraded":"weather","data":{"b": 1.00,  "a":"\u00e9"}}"#;
    let first = Envelope::from_json(FIRST).unwrap();
    assert_eq!((first.envelopeversion, first.idempotencykey.as_str()), (1, "ab"));
    assert_eq!(first.fingerprint.as_str(), "cd", "an envelope in flight keeps what it carries");
    let second = Envelope::from_json(SECOND).unwrap();
    assert_eq!(second.to_json().unwrap(), SECOND);
    // With the attributes that came to this version later.
    let marked =
        SECOND.replace(r#","traceparent""#, r#","timeliness":"late","region":"eu","traceparent""#);
    let read = Envelope::from_json(&marked).unwrap();
    assert_eq!((read.timeliness, read.region.as_deref()), (Some(Timeliness::Late), Some("eu")));
    assert_eq!(read.to_json().unwrap(), marked);
}

/// Failures as earlier deployments wrote them, and as they are written now.
#[test]
fn dead_letters_stay_what_they_are() {
    const FIRST: &str = r#"{"stage":"ingest","code":"contract.violation","kind":"permanent","reason":"expected integer, found a string","at":"line 17, /distance","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-01T00:00:00.000Z","attempts":1,"redrives":0,"message_id":"e1:17","encoding":"text"}"#;
    const SECOND: &str = r#"{"stage":"ingest","code":"contract.violation","kind":"permanent","reason":"expected integer, found a string","at":"line 17, /distance","taken_in_at":"2025-12-31T00:00:00.000Z","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-01T00:00:00.000Z","attempts":1,"redrives":0,"message_id":"e1:17","encoding":"text","form":"csv"}"#;
    let read = |json: &str| {
        let attribute = (FAILURE_ATTRIBUTE.to_owned(), Attribute::string(json));
        DeadLetter::read(&[attribute].into()).unwrap()
    };
    let written =
        |letter: DeadLetter| letter.write(Attributes::new())[FAILURE_ATTRIBUTE].value.clone();
    assert_eq!(read(FIRST).form, Form::Message);
    assert_eq!(read(FIRST).taken_in().to_string(), "2026-01-01T00:00:00.000Z");
    assert_eq!(written(read(FIRST)), FIRST, "what is not known of it is not made up");
    assert_eq!(read(SECOND).form, Form::Csv);
    assert_eq!(written(read(SECOND)), SECOND);
    // The letter of an event that was parked and waited for too long.
    const THIRD: &str = r#"{"stage":"enrich","code":"dependency.unavailable","kind":"unavailable","reason":"weather is away","taken_in_at":"2025-12-31T00:00:00.000Z","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-01T06:00:00.000Z","attempts":2,"parks":30,"unavailable_since":"2026-01-01T00:01:00.000Z","redrives":0,"message_id":"m-1","encoding":"text"}"#;
    assert_eq!((read(THIRD).parks, read(FIRST).parks), (30, 0));
    assert_eq!(written(read(THIRD)), THIRD);
    // A letter of version 2.
    const FOURTH: &str = r#"{"letter_format":2,"stage":"ingest","code":"contract.violation","kind":"permanent","reason":"expected integer, found other text","at":"line 17, /distance","fingerprint":"1-d7fbe72759a91ea3","dataset":"flights","contract_version":1,"taken_in_at":"2025-12-31T00:00:00.000Z","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-01T00:00:00.000Z","attempts":1,"redrives":0,"message_id":"e1:17","encoding":"text","form":"csv"}"#;
    assert_eq!(written(read(FOURTH)), FOURTH);
    let without = FOURTH.replace(r#","fingerprint":"1-d7fbe72759a91ea3""#, "");
    assert_eq!(written(read(&without)), FOURTH, "the fingerprint follows from the rest");
    // A letter of version 3 that a run brought back.
    const FIFTH: &str = r#"{"letter_format":3,"stage":"sink","code":"dedupe.conflict","kind":"permanent","reason":"another payload","fingerprint":"1-0000000000000000","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-02T00:00:00.000Z","attempts":1,"redrives":2,"redrive":{"letter":"0123456789abcdef0123","run":"r-1","count":2},"message_id":"m-1","encoding":"text"}"#;
    assert_eq!(written(read(FIFTH)), FIFTH);
    // A letter of version 4, of a message to which anybody may send.
    const SIXTH: &str = r#"{"letter_format":4,"stage":"ingest","code":"source.refused","kind":"permanent","reason":"`AROAEXAMPLE` sent it","fingerprint":"1-0000000000000000","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-02T00:00:00.000Z","attempts":1,"redrives":0,"message_id":"m-1","sender":"AROAEXAMPLE:session","encoding":"text"}"#;
    assert_eq!(written(read(SIXTH)), SIXTH);
    assert_eq!(
        (read(SIXTH).sender.as_deref(), read(FIFTH).sender),
        (Some("AROAEXAMPLE:session"), None)
    );
}

/// The fingerprints by which letters are grouped. Each is the first 16 digits of the SHA-256 of Python's
/// `json.dumps(["sluicegate.failure/1", …], separators=(",", ":"), ensure_ascii=False)`.
#[test]
fn the_fingerprints_of_failures_stay_what_they_are() {
    for (stage, code, at, dataset, version, pinned) in [
        ("ingest", "contract.violation", "line 17, /distance", None, None, "cdc21333b5e8404c"),
        ("ingest", "contract.violation", "/distance", Some("flights"), Some(1), "d7fbe72759a91ea3"),
        (
            "ingest",
            "contract.violation",
            "/legs/0/é~1\"",
            Some("flights"),
            Some(2),
            "8fa88b8791c43c5e",
        ),
        ("enrich", "dependency.unavailable", "", Some("flights"), Some(1), "ff840d004419bd44"),
        (
            "sink",
            "record.panicked",
            "functions/sink/src/write.rs:12:34",
            None,
            None,
            "bf9c8b97bcaf2356",
        ),
        ("lake", "record.abandoned", "", Some("flights"), Some(1), "a81301991f6ef693"),
    ] {
        let code = *Code::ALL.iter().find(|each| each.as_str() == code).unwrap();
        let print = FailureFingerprint::of(stage, code, Some(at), dataset, version);
        assert_eq!(print.as_str(), format!("1-{pinned}"), "{stage} {code} {at}");
    }
}

/// The header with which a CSV record in a dead letter is read.
#[test]
fn the_headers_of_csv_records_stay_what_they_are() {
    const FIRST: &str = r#"{"csv_format":1,"dialect":"rfc4180","columns":["id","a \"b\"","é"]}"#;
    let attribute = (CSV_ATTRIBUTE.to_owned(), Attribute::string(FIRST));
    let header = CsvHeader::read(&[attribute.clone()].into()).unwrap();
    assert_eq!(header.columns, ["id", "a \"b\"", "é"]);
    assert_eq!(header.attribute(), attribute.1);
}

/// The attribute of parked copies, which may be in queues while a deployment replaces the functions.
#[test]
fn parked_copies_stay_what_they_are() {
    const LEAST: &str = r#"{"parked_format":1,"message_id":"m-1","attempts":7,"parks":1,"first_failed_at":"2026-01-01T00:00:00.000Z","code":"dependency.throttled","reason":"later"}"#;
    const FULL: &str = r#"{"parked_format":1,"message_id":"m-1","sent_at":"2025-12-31T23:59:00.000Z","attempts":2,"parks":30,"first_failed_at":"2026-01-01T00:00:00.000Z","unavailable_since":"2026-01-01T00:01:00.000Z","not_before":"2026-01-01T02:00:00.000Z","code":"dependency.unavailable","reason":"weather is away","at":"line 3","displaced":["z",{"type":"String","value":"v"}]}"#;
    let nine = (0..9).map(|n| (format!("a{n}"), Attribute::string("v")));
    // A copy of version 2, in a queue to which anybody may send.
    const SECOND: &str = r#"{"parked_format":2,"message_id":"m-1","sender":"AROAEXAMPLE:session","attempts":7,"parks":1,"first_failed_at":"2026-01-01T00:00:00.000Z","code":"dependency.throttled","reason":"later"}"#;
    let none = Attributes::new;
    for (json, attributes) in [(LEAST, none()), (FULL, nine.collect()), (SECOND, none())] {
        let mut copy = attributes.clone();
        copy.insert(PARKED_ATTRIBUTE.to_owned(), Attribute::string(json));
        let parked = Parked::read(&copy).unwrap();
        let original = parked.original(copy.clone());
        assert_eq!(parked.write_within(original, usize::MAX), copy);
    }
}

/// The references to large events, which may be in queues while a deployment replaces the functions, and are in the
/// letter store for months. The hash is that of `sha256sum`.
#[test]
fn references_to_large_events_stay_what_they_are() {
    const LEAST: &str = r#"{"claim_format":1,"key":"claims/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#;
    const ABOUT: &str = r#","about":{"dataset":"flights","contract_version":3,"ingesttime":"2026-01-01T00:00:00.000Z"}}"#;
    let mut marked = Attributes::new();
    ClaimCheck::of("abc").mark(&mut marked);
    assert_eq!(marked, [(CLAIM_ATTRIBUTE.to_owned(), Attribute::string("1"))].into());
    assert_eq!(ClaimCheck::of("abc").to_json(), LEAST);
    let full = format!("{}{ABOUT}", LEAST.strip_suffix('}').unwrap());
    for written in [LEAST, &full] {
        let claim = ClaimCheck::read(&marked, written).unwrap();
        assert!(claim.digest.is_of("abc"));
        assert_eq!(claim.to_json(), written);
    }
}
