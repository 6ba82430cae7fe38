//! What operators do when the storm is over: the dead letters go back to where they failed.

use std::collections::BTreeMap;
use std::time::Duration;

use emulation::faults::Fault;
use event::Timestamp;
use serde_json::json;

use crate::{Flight, Letter, World};

/// Every queue of dead letters, with the stage that they come from.
const DEAD: [(&str, &str); 5] = [
    ("ingest", "InboxDlq"),
    ("enrich", "EnrichDlq"),
    ("sink", "SinkDlq"),
    ("lake", "LakeDlq"),
    ("deliver", "DeliverDlq"),
];
/// For longer than this no letter is hidden: not one that came late, nor one that a redrive has left.
const HIDDEN: Duration = Duration::from_secs(200);
/// Once a letter has come back for good it says so: one redrive tells, and one is to spare.
const REDRIVES: u32 = 3;

impl World {
    /// Puts flights into the inbox's dead-letter queue, as ingest would have written them there now: each with a
    /// failure that has passed.
    ///
    /// # Panics
    /// When the queue refuses one.
    pub fn bury(&self, flights: &[Flight]) {
        let now_ms = i64::try_from(self.emulation().now_ms()).unwrap();
        let now = Timestamp::from_unix_ms(now_ms).to_string();
        for (number, flight) in flights.iter().enumerate() {
            let failure = json!({
                "letter_format": 3, "stage": "ingest", "code": "contract.violation", "kind": "permanent",
                "reason": "expected integer, found other text", "at": "/distance",
                "fingerprint": "1-d7fbe72759a91ea3", "dataset": "flights", "contract_version": 1,
                "first_failed_at": now, "last_failed_at": now, "attempts": 1, "redrives": 0,
                "message_id": format!("m-{number}"), "encoding": "text",
            });
            let failure = failure.to_string();
            let attributes = [("dataset", "flights"), ("sluicegate.failure", failure.as_str())];
            self.send("InboxDlq", &flight.line, &attributes);
        }
    }

    /// Ends the storm, brings home all that can be, and answers what had been done until then.
    ///
    /// # Panics
    /// When it takes too long, with what was where.
    pub async fn after_the_storm(&self) -> BTreeMap<Fault, u64> {
        let faults = self.emulation().adversary().tally();
        self.emulation().adversary().clear();
        for _ in 0..REDRIVES {
            self.redrive_once().await;
        }
        faults
    }

    /// Brings back the dead letters of each stage, unless all of them have come back before: those are
    /// poison, and stay.
    ///
    /// # Panics
    /// When it takes too long, with what was where.
    pub async fn redrive_once(&self) {
        self.emulation().pass(HIDDEN);
        for (stage, queue) in DEAD {
            let has_come_back = |letter: &Letter| {
                letter.failure.as_ref().is_some_and(|failure| failure.redrives > 0)
            };
            if !self.letters(queue).iter().all(has_come_back) {
                self.redrive(stage).await;
            }
        }
        self.settle().await;
    }
}
