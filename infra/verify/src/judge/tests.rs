use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::input::{File, Format};
use crate::lake;

mod limits;
mod rows;

const KEY: &str = "probe/a.ndjson";

/// What was sent in one object, and what was found.
struct Scene {
    dataset: Dataset,
    sent: Vec<Sent>,
    seen: Observed,
}

impl Scene {
    fn new(sinks: &str, lines: &[&str]) -> Self {
        let yaml = format!(
            "
dataset: probe
schema: {{version: 1, file: s}}
keys: {{idempotency: [/id], business: [/k], event_time: /at}}
enrichers: [{{into: weather}}]
sinks: [{sinks}]
"
        );
        let dataset = Dataset::read(&yaml, |_| Some("{}".to_owned())).unwrap();
        let file = File::read(Format::Ndjson, lines.join("\n").into_bytes()).unwrap();
        let sent = file.records.iter().map(|record| Sent {
            id: format!("tag:{}", record.place.id()),
            place: Some(Place { key: KEY.to_owned(), at: record.place }),
            bytes: file.bytes_of(record).to_vec(),
            payload: file.payload(record, &dataset),
        });
        let kinds = [("sink", "table"), ("lake", "lake"), ("deliver", "http")];
        let kinds = kinds.map(|(stage, kind)| (stage.to_owned(), kind.to_owned())).into();
        let seen = Observed { kinds, ..Observed::default() };
        Self { sent: sent.collect(), dataset, seen }
    }

    fn row(mut self, sink: &str, row: &str) -> Self {
        let row = Json::parse(row).unwrap_or_else(|| panic!("{row}"));
        let table = self.seen.tables.entry(sink.to_owned()).or_default();
        let pk = row.member("pk").and_then(Json::as_text).unwrap().to_owned();
        *table.writes.entry(pk).or_default() += 1;
        table.rows.push(row);
        self
    }

    /// Adds the row of an inserted payload.
    fn inserted(self, id: &str, payload: &str) -> Self {
        let row = format!(
            r#"{{"pk":"probe#{id}","dataset":"probe","event_id":"{id}","payload":{payload}}}"#
        );
        self.row("records", &row)
    }

    fn total(self, key: &str, window: &str, n: &str, amount: &str) -> Self {
        let row = format!(
            r#"{{"pk":"probe#[\"{key}\"]#{window}","dataset":"probe","key":["{key}"],
                "window":"{window}","n":{n},"amount":{amount}}}"#
        );
        self.row("totals", &row)
    }

    fn letter(mut self, stage: &str, code: &str, id: &str, at: &str) -> Self {
        let failure = format!(
            r#"{{"stage":"{stage}","code":"{code}","reason":"so","at":"{at}","message_id":"{id}"}}"#
        );
        let attributes = [("sluicegate.failure", failure.as_str()), ("eventid", id)];
        let attributes = attributes.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let letter = Letter::read("Dlq", stage, "m", "", &attributes.into());
        self.seen.letters.push(letter);
        self
    }

    fn verdict(&self) -> Verdict {
        judge(&self.dataset, &self.sent, &self.seen)
    }

    #[track_caller]
    fn kept(self) -> Verdict {
        let verdict = self.verdict();
        assert!(verdict.is_kept(), "{:#?}", verdict.broken_promises());
        verdict
    }

    /// Expects that the promise is broken for this reason.
    #[track_caller]
    fn broken(self, told: &str) -> Verdict {
        let verdict = self.verdict();
        let promises = verdict.broken_promises().join("\n");
        assert!(!verdict.is_kept() && promises.contains(told), "{told} is not in: {promises}");
        verdict
    }
}

const RECORDS: &str = "{name: records, kind: table}";
const ONE: &str = r#"{"id":1,"k":"a","at":"2026-11-28T00:00:00Z","amount":12345678901234567.89}"#;
const TWO: &str = r#"{"id":2,"k":"a","at":"2026-11-28T01:00:00Z","amount":0.11}"#;
const OTHER_ONE: &str = r#"{"id":1,"k":"a","at":"2026-11-28T00:00:00Z","amount":5}"#;

#[test]
fn each_inserted_event_is_there_once_as_it_was_sent() {
    let both = || Scene::new(RECORDS, &[ONE, TWO, ONE]);
    let enriched = ONE.replace("{\"id\"", "{\"weather\":{\"temp\":1},\"id\"");
    let verdict = both().inserted("tag:1", &enriched).inserted("tag:2", TWO).kept();
    assert_eq!((verdict.events, verdict.accepted, verdict.repeated, verdict.written), (3, 2, 1, 2));

    let verdict = both().inserted("tag:1", ONE).broken("records: 1 lost");
    assert_eq!((verdict.lost, verdict.written), (1, 1));
    let rounded = ONE.replace("12345678901234567.89", "12345678901234568");
    let both_rows = both().inserted("tag:2", TWO);
    both_rows.inserted("tag:1", &rounded).broken("`amount` is 12345678901234568, and was sent as");
    let more = r#"{"id":3,"at":"2026-11-28T00:00:00Z"}"#;
    let all = both().inserted("tag:1", ONE).inserted("tag:2", TWO);
    all.inserted("tag:9", more).broken("1 that nobody sent");
    let twice = both().inserted("tag:1", ONE).inserted("tag:2", TWO).inserted("tag:2", TWO);
    let verdict = twice.broken("records: 2 duplicated");
    assert_eq!(verdict.duplicated, 2, "a row too many, and a write too many");
}

#[test]
fn a_conflict_is_a_dead_letter_and_takes_two() {
    let conflict = || Scene::new(RECORDS, &[ONE, OTHER_ONE]).inserted("tag:1", ONE);
    conflict().letter("sink", "dedupe.conflict", "tag:2", "").kept();
    let verdict = conflict().broken("dropped for another event under its key: line 2 of");
    assert_eq!((verdict.accepted, verdict.lost), (2, 1));
    let alone = Scene::new(RECORDS, &[ONE]).letter("sink", "dedupe.conflict", "tag:1", "");
    alone.broken("a conflict with no other event");
}

#[test]
fn a_dead_letter_is_in_order_only_if_it_is_the_event_s_own_fault() {
    let refused = || Scene::new(RECORDS, &[ONE, "{\"id\":"]).inserted("tag:1", ONE);
    let verdict = refused().letter("ingest", "decode.json", "tag:2", "line 2").kept();
    assert_eq!((verdict.rejected, verdict.dead_lettered, verdict.accepted), (1, 1, 1));
    let verdict = refused().broken("no event, and no dead letter: line 2 of probe/a.ndjson");
    assert_eq!(verdict.lost, 1);
    let misplaced = refused().letter("ingest", "decode.json", "tag:2", "line 12, /id");
    misplaced.broken("a dead letter that names line 12, /id: line 2");

    let mut redriven = refused().letter("ingest", "decode.json", "tag:2", "");
    redriven.seen.letters[0].was_redriven = true;
    redriven.kept();

    for (code, told) in [
        ("dependency.refused", "sink: 1 dead of dependency.refused (so), such as tag:2"),
        ("record.panicked", "record.panicked"),
        ("contract.unknown-dataset", "contract.unknown-dataset"),
    ] {
        let dead = Scene::new(RECORDS, &[ONE, TWO]).inserted("tag:1", ONE);
        let verdict = dead.letter("sink", code, "tag:2", "").broken(told);
        assert_eq!((verdict.failed, verdict.lost, verdict.written), (1, 0, 1), "{code}");
    }
    let not_sent = Scene::new(RECORDS, &[ONE]).inserted("tag:1", ONE);
    not_sent
        .letter("ingest", "decode.json", "x", "")
        .broken("a dead letter of nothing that was sent");
}

#[test]
fn what_is_refused_before_the_sinks_is_not_in_them() {
    let readable = Scene::new(RECORDS, &[ONE]).letter("ingest", "decode.json", "tag:1", "line 1");
    readable.broken("refused by decode.json, of which nothing is found: line 1");
    let both = Scene::new(RECORDS, &[ONE]).inserted("tag:1", ONE);
    both.letter("ingest", "time.invalid", "tag:1", "line 1, /at")
        .broken("and a dead letter as well");
    let unreadable = Scene::new(RECORDS, &["[1]"]).inserted("tag:1", ONE);
    let verdict = unreadable.letter("ingest", "decode.json", "tag:1", "line 1");
    verdict.broken("it is no event, and is there");
}

/// The judge knows the plain keywords of a schema. What others refuse, it cannot tell, and believes.
#[test]
fn a_refusal_by_a_schema_that_says_more_is_believed() {
    let line = r#"{"id":1,"k":"a","at":"2026-11-28T00:00:00Z"}"#;
    for (schema, is_believed) in [
        (r#"{"properties":{"k":{"type":"string","description":"a"}}}"#, false),
        (r#"{"properties":{"k":{"type":"string","minLength":2}}}"#, true),
        (r##"{"properties":{"k":{"$ref":"#/$defs/k"}},"$defs":{"k":{}}}"##, true),
        (r#"{"oneOf":[{"type":"object"},{"required":["k"]}]}"#, true),
    ] {
        let mut scene = Scene::new(RECORDS, &[line]);
        scene.dataset.schema = Json::parse(schema).unwrap();
        let verdict = scene.letter("ingest", "contract.violation", "tag:1", "line 1");
        match is_believed {
            true => verdict.kept(),
            false => verdict.broken("of which nothing is found: line 1 of probe/a.ndjson"),
        };
    }
}

/// A letter that blames the event for a fault that it does not have is the pipeline's.
#[test]
fn a_refusal_without_a_ground_in_the_event_is_told() {
    let schema = r#"{"type":"object","required":["k"],"additionalProperties":false,"properties":{
        "id":{"type":"integer"},"k":{"enum":["a","b"]},"at":{"type":"string"},
        "amount":{"type":["number","null"]},"list":{"type":"array","items":{"const":1}}}}"#;
    let refused = |line: &str, code: &str| {
        let mut scene = Scene::new(RECORDS, &[line]);
        scene.dataset.schema = Json::parse(schema).unwrap();
        scene.letter("ingest", code, "tag:1", "line 1")
    };
    let at = r#""at":"2026-11-28T00:00:00Z""#;
    let good = format!(r#"{{"id":1.0,"k":"a",{at},"amount":1E125,"list":[1,1.0]}}"#);
    for code in [
        "decode.json",
        "decode.csv",
        "decode.utf8",
        "key.missing",
        "time.invalid",
        "number.out-of-range",
        "size.exceeded",
        "depth.exceeded",
        "contract.violation",
    ] {
        refused(&good, code).broken("of which nothing is found: line 1 of probe/a.ndjson");
    }
    for (code, line) in [
        ("key.missing", format!(r#"{{"id":null,"k":"a",{at}}}"#)),
        ("time.invalid", r#"{"id":1,"k":"a","at":"today"}"#.to_owned()),
        ("time.invalid", r#"{"id":1,"k":"a","at":"0000-01-01T00:00:00+01:00"}"#.to_owned()),
        ("number.out-of-range", good.replace("1E125", "1E126")),
        ("number.out-of-range", good.replace("1E125", "1e-131")),
        ("number.out-of-range", good.replace("1E125", &"1".repeat(39))),
        ("size.exceeded", good.replace("\"a\"", &format!("\"{}\"", "a".repeat(900_000)))),
        ("depth.exceeded", good.replace("1E125", &("[".repeat(65) + &"]".repeat(65)))),
        ("contract.violation", good.replace("1.0,\"k\"", "1.5,\"k\"")),
        ("contract.violation", good.replace("\"k\":\"a\",", "")),
        ("contract.violation", good.replace("\"a\"", "\"c\"")),
        ("contract.violation", good.replace("1E125", "\"1\"")),
        ("contract.violation", good.replace("[1,1.0]", "[1,2]")),
        ("contract.violation", good.replace("\"list\"", "\"other\"")),
        ("contract.violation", good.replace("\"list\"", "\"\"")),
    ] {
        refused(&line, code).kept();
    }
}

/// A letter of an announcement is about every line of its object.
#[test]
fn a_file_that_is_dead_as_a_whole_holds_all_its_lines() {
    let object = |scene: Scene, code: &str| {
        let body = r#"{"Records":[{"s3":{"object":{"key":"probe/a.ndjson","eTag":"tag"}}}]}"#;
        let failure = format!(r#"{{"stage":"ingest","code":"{code}","reason":"so"}}"#);
        let attributes = BTreeMap::from([("sluicegate.failure".to_owned(), failure)]);
        let letter = Letter::read("Dlq", "ingest", "m", body, &attributes);
        let mut scene = scene;
        scene.seen.letters.push(letter);
        scene
    };
    let verdict = object(Scene::new(RECORDS, &[ONE, "{"]), "decode.format").kept();
    assert_eq!((verdict.rejected, verdict.dead_lettered), (2, 2));
    let partly = Scene::new(RECORDS, &[ONE, TWO]).inserted("tag:1", ONE);
    object(partly, "decode.format").broken("in `records`, and a dead letter as well");
    for code in ["decode.gzip", "decode.zstd", "input.empty"] {
        let told = format!("refused by {code}, of which nothing is found: line 1");
        object(Scene::new(RECORDS, &[ONE]), code).broken(&told);
    }
    object(Scene::new(RECORDS, &[ONE]), "sqs.max-receive-count").broken("sqs.max-receive-count");
}

const TOTALS: &str =
    "{name: totals, kind: table, mode: accumulate, key: [/k], window: day, count: n,
    sums: {amount: /amount}}";

#[test]
fn totals_are_right_to_the_last_digit() {
    let scene = || Scene::new(TOTALS, &[ONE, TWO, ONE]);
    scene().total("a", "2026-11-28", "2", "12345678901234568.00").kept();
    scene().total("a", "2026-11-28", "2", "12345678901234568.01").broken(
        r#"["a"] 2026-11-28: amount 12345678901234568.01, n 2; it must be amount 12345678901234568, n 2"#,
    );
    scene().total("a", "2026-11-28", "3", "24691357802469135.89").broken("1 wrong");
    scene().broken("not there; it must be");
    let more = scene().total("a", "2026-11-28", "2", "12345678901234568");
    more.total("b", "2026-11-28", "1", "1").broken("a total of nothing that was sent");
}

/// A letter of the sink does not say which of its tables it is about.
#[test]
fn an_event_may_be_a_row_and_not_in_a_total() {
    let keyless = r#"{"id":1,"at":"2026-11-28T00:00:00Z"}"#;
    let both = format!("{RECORDS}, {TOTALS}");
    let scene = || Scene::new(&both, &[keyless, TWO]);
    let scene = || {
        let scene = scene().inserted("tag:1", keyless).inserted("tag:2", TWO);
        scene.total("a", "2026-11-28", "1", "0.11")
    };
    scene().letter("sink", "key.missing", "tag:1", "/k").kept();
    scene().broken("cannot be added, and is no dead letter: line 1");
}

#[test]
fn of_two_payloads_under_one_key_the_total_has_one() {
    let conflict = |amount: &str| {
        let scene = Scene::new(TOTALS, &[ONE, OTHER_ONE, TWO]);
        let scene = scene.letter("sink", "dedupe.conflict", "tag:1", "");
        let scene = scene.letter("sink", "dedupe.conflict", "tag:2", "");
        scene.total("a", "2026-11-28", "2", amount)
    };
    conflict("5.11").kept();
    conflict("12345678901234568").kept();
    conflict("12345678901234573").broken("1 wrong");
}

#[test]
fn the_lake_has_each_event_once_on_its_day() {
    let object = |scene: &mut Scene, key: &str, lines: &[(&str, &str)]| {
        let mut file = GzEncoder::new(Vec::new(), Compression::fast());
        for (id, payload) in lines {
            writeln!(file, r#"{{"_event_id":"{id}","payload":{payload}}}"#).unwrap();
        }
        let rows = lake::rows(key, file.finish().unwrap().into()).unwrap();
        scene.seen.lakes.entry("lake".to_owned()).or_default().extend(rows);
    };
    let scene = |key: &str, lines: &[(&str, &str)]| {
        let mut scene = Scene::new("{name: lake, kind: lake}", &[ONE, TWO]);
        object(&mut scene, key, lines);
        scene
    };
    let right = "lake/probe/date=2026-11-28/a.ndjson.gz";
    scene(right, &[("tag:1", ONE), ("tag:2", TWO)]).kept();
    scene(right, &[("tag:1", ONE)]).broken("lake: 1 lost");
    scene(right, &[("tag:1", ONE), ("tag:2", TWO), ("tag:1", ONE)]).broken("there 2 times: line 1");
    scene(right, &[("tag:1", OTHER_ONE), ("tag:2", TWO)]).broken("`amount` is 5, and was sent as");
    let wrong = "lake/probe/date=2026-11-27/a.ndjson.gz";
    scene(wrong, &[("tag:1", ONE), ("tag:2", TWO)]).broken("in the partition of 2026-11-27");
}

#[test]
fn a_service_has_each_event_and_what_cannot_be_seen_is_not_judged() {
    let sinks =
        "{name: out, kind: http, url: 'https://a.example'}, {name: own, kind: custom, by: x}";
    let scene = |bodies: &[&str]| {
        let mut scene = Scene::new(sinks, &[ONE, TWO]);
        let all = bodies.iter().map(|body| Delivered { body: body.as_bytes().to_vec() });
        scene.seen.services.insert("out".to_owned(), all.collect());
        scene
    };
    let verdict = scene(&[TWO, ONE]).kept();
    assert_eq!((verdict.sinks[0].is_seen, verdict.sinks[1].is_seen), (true, false));
    scene(&[TWO]).broken("out: 1 lost");
    scene(&[TWO, OTHER_ONE]).broken("out: 1 that nobody sent");
}

/// SQS moves a message under its own id. After it is sent back, it is another message.
#[test]
fn a_message_that_came_back_under_another_id_is_the_same_event() {
    let mut scene = Scene::new(RECORDS, &[ONE, TWO]);
    for (number, sent) in scene.sent.iter_mut().enumerate() {
        sent.place = None;
        sent.id = format!("message-{number}");
    }
    scene.inserted("message-0", ONE).inserted("another", TWO).kept();
}

#[test]
fn a_line_of_blanks_may_be_taken_for_an_empty_one() {
    let mut scene = Scene::new(RECORDS, &[ONE]).inserted("tag:1", ONE);
    let place = Some(Place { key: KEY.to_owned(), at: crate::input::Place::Line(2) });
    scene.sent.push(Sent { id: "tag:2".to_owned(), place, bytes: b"  ".to_vec(), payload: None });
    scene.kept();
}
