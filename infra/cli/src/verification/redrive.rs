//! Redrives what a storm left in dead-letter queues.

use std::time::Duration;

use bytes::Bytes;
use emulation::Emulation;
use serde_json::{Value, json};

use super::letter_store::stored_by_stage;
use crate::failure::Failure;
use crate::output::text::pluralize;

/// The output of the template with the name of the redrive function.
const REDRIVE_OUTPUT: &str = "RedriveFunctionName";
/// Letters are never hidden for longer, neither late ones nor those that a redrive received and
/// left.
const HIDDEN: Duration = Duration::from_secs(200);
/// How often letters are redriven. The first time redrives what the storm left, the second time
/// what met a full queue meanwhile, and the third time shows that nothing is left.
const REDRIVES: usize = 3;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedriveResult {
    pub(crate) letters: u64,
    /// Whether all work was done in time.
    pub(crate) is_settled: bool,
}

/// Redrives every stage, until no letter is left that can succeed.
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

/// Redrives the letters of every stage that has any, and returns their number.
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
