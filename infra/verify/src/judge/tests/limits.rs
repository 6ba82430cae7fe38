//! Events that their contract keeps from their sinks for their time.

use super::*;

const LATE: &str = r#"{"id":1,"k":"a","at":"2026-11-28T00:00:00Z"}"#;
const TIMELY: &str = r#"{"id":2,"k":"a","at":"2026-11-28T11:30:00Z"}"#;

/// Both events, under a contract that does this to what is more than an hour late.
fn scene(beyond: &str) -> Scene {
    let mut scene = Scene::new(RECORDS, &[LATE, TIMELY]);
    let yaml = format!(
        "
dataset: probe
schema: {{version: 1, file: s}}
keys: {{idempotency: [/id], business: [/k], event_time: /at}}
time: {{lateness: {{allowed_s: 3600, beyond: {beyond}}}}}
sinks: [{RECORDS}]
"
    );
    scene.dataset = Dataset::read(&yaml, |_| Some("{}".to_owned())).unwrap();
    scene
}

impl Scene {
    fn taken_in(self, id: &str, payload: &str) -> Self {
        let row = format!(
            r#"{{"pk":"probe#{id}","dataset":"probe","event_id":"{id}",
                "ingest_time":"2026-11-28T12:00:00.000Z","payload":{payload}}}"#
        );
        self.row("records", &row)
    }

    fn diverted(mut self, id: &str, payload: &str) -> Self {
        let body = format!(
            r#"{{"specversion":"1.0","id":"{id}","ingesttime":"2026-11-28T12:00:00.000Z","data":{payload}}}"#
        );
        let letter = Letter::diverted("LateQueue", "m", &body, &BTreeMap::new());
        self.seen.letters.push(letter);
        self
    }

    fn rejected(mut self, id: &str, at: &str) -> Self {
        let failure = format!(
            r#"{{"stage":"ingest","code":"time.late","reason":"so","at":"{at}","message_id":"{id}",
                "taken_in_at":"2026-11-28T12:00:00.000Z"}}"#
        );
        let attributes = [("sluicegate.failure", failure.as_str()), ("eventid", id)];
        let attributes = attributes.map(|(name, text)| (name.to_owned(), text.to_owned()));
        self.seen.letters.push(Letter::read("Dlq", "ingest", "m", "", &attributes.into()));
        self
    }
}

#[test]
fn a_late_event_is_in_the_late_queue_if_the_contract_diverts_it() {
    let both = || scene("divert").taken_in("tag:2", TIMELY);
    let verdict = both().diverted("tag:1", LATE).kept();
    assert_eq!((verdict.accepted, verdict.rejected, verdict.written), (1, 1, 1));
    assert_eq!(verdict.letters[0].code, "diverted");
    both().broken("records: 1 lost");
    // Somebody has sent it on.
    both().taken_in("tag:1", LATE).kept();
    let timely = scene("divert").diverted("tag:2", TIMELY).taken_in("tag:1", LATE);
    timely.broken("refused by diverted, of which nothing is found");
    scene("accept")
        .taken_in("tag:2", TIMELY)
        .diverted("tag:1", LATE)
        .broken("refused by diverted, of which nothing is found");
}

#[test]
fn a_late_event_is_a_letter_if_the_contract_rejects_it() {
    let one = || scene("reject").taken_in("tag:2", TIMELY);
    let verdict = one().rejected("tag:1", "line 1, /at").kept();
    assert_eq!((verdict.accepted, verdict.rejected), (1, 1));
    one().taken_in("tag:1", LATE).broken("when the contract rejects its time");
    let timely = scene("reject").rejected("tag:1", "line 1, /at");
    timely.rejected("tag:2", "line 2, /at").broken("refused by time.late, of which nothing");
}
