//! Records that runs of redrive brought back, in a batch with others.

use event::{REDRIVE_ATTRIBUTE, Redriven};
use futures_util::future::BoxFuture;

use super::*;
use crate::{CancelledRedrives, RedriveRuns};

/// A ledger that never answers.
struct Silent;

impl RedriveRuns for Silent {
    fn is_cancelled<'a>(&'a self, _run: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(std::future::pending())
    }
}

/// The record at this place of the batch, brought back by a run.
fn brought_back(place: usize, run: &str) -> Record {
    let mut record = record(place);
    let redriven = Redriven { run: run.to_owned(), remembered_until: None };
    redriven.write(&mut record.attributes);
    assert!(record.attributes.contains_key(REDRIVE_ATTRIBUTE));
    record
}

/// The number of such records and of their runs does not matter.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_does_not_answer_holds_up_what_runs_brought_back_alone() {
    for runs in [1, 20] {
        let acts = [Act::Pass; 21];
        let mut rig = Rig::of(&acts);
        let cancelled = CancelledRedrives::new(Arc::new(Silent));
        rig.batches.policy.cancelled_redrives = Some(cancelled);
        let mut batch = Vec::new();
        for place in 0..20 {
            batch.push(brought_back(place, &format!("run {}", place % runs)));
        }
        batch.push(record(20));
        let found = rig.run(batch).await;
        assert_eq!((&found.done[..], found.returned.len()), (&["m20".to_owned()][..], 20));
        assert_eq!(rig.hidden().len(), 20, "each waits for its next try");
    }
}
