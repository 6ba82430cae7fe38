//! Redrives what a storm left in dead-letter queues.

use std::time::Duration;

use bytes::Bytes;
use emulation::Emulation;
use serde_json::{Value, json};

use super::letter_store::stored_by_stage;
use crate::failure::Failure;
use crate::output::text::pluralize;

/// The template's output that names the redrive function.
const REDRIVE_OUTPUT: &str = "RedriveFunctionName";
/// For longer than this no letter is hidden: not one that came late, nor one that a redrive has left.
const HIDDEN: Duration = Duration::from_secs(200);
/// The first redrives what the storm left, the second what met a full queue meanwhile, the third shows that nothing is
/// left.
const REDRIVES: usize = 3;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedriveResult {
    pub(crate) letters: u64,
    /// Whether everything came to rest in time.
    pub(crate) is_settled: bool,
}

/// Redrives every stage, until nothing that can be mended is left.
pub(crate) async fn redrive(
    emulation: &Emulation,
    patience: Duration,
) -> Result<RedriveResult, Failure> {
    let mut redriven = RedriveResult { letters: 0, is_settled: true };
    for _ in 0..REDRIVES {
        emulation.pass(HIDDEN);
        redriven.letters += redrive_once(emulation).await?;
        redriven.is_settled &= emulation.settle(patience).await.is_ok();
    }
    Ok(redriven)
}

/// Sends the letters of every stage back that has any, and answers how many went.
async fn redrive_once(emulation: &Emulation) -> Result<u64, Failure> {
    let function = emulation.stack().outputs.get(REDRIVE_OUTPUT).ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {REDRIVE_OUTPUT}"))
            .next("dead letters are brought back by it: restore it")
    })?;
    let mut moved = 0;
    for (stage, letters) in stored_by_stage(emulation)? {
        let why = format!("{}, now that the storm is over", pluralize(letters, "letter"));
        let request = json!({ "do": { "move": { "stage": stage, "why": why } } });
        let invoked = emulation.lambda().invoke(function, Bytes::from(request.to_string())).await;
        let answer = invoked.map_err(|error| Failure::new("no redrive").because(error))?;
        let report: Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        moved += report["sent"]
            .as_u64()
            .ok_or_else(|| Failure::new(format!("the redrive of {stage} failed: {report}")))?;
    }
    Ok(moved)
}
