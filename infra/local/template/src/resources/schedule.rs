//! The `Schedule` events of a function, which SAM makes rules of EventBridge.
//!
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedule.html.

use super::super::fields::Fields;
use super::super::model::Schedule;
use super::Context;
use crate::schedule::Expression;

/// The longest input of a target, in bytes:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>.
const MAX_INPUT: usize = 8_192;

pub(super) fn read(
    context: &Context<'_>,
    logical_id: String,
    mut fields: Fields<'_>,
) -> Option<Schedule> {
    fields.ignore(&["Description"]);
    let expression = fields.required_text("Schedule");
    if let Some(text) = expression
        && let Err(reason) = Expression::parse(text)
    {
        let rule = format!("is {text}: {reason}");
        fields.problem(fields.line_of("Schedule"), "Schedule", rule);
    }
    let enabled = fields.boolean("Enabled");
    let state = fields.one_of("State", &["DISABLED", "ENABLED"]);
    if enabled.is_some() && state.is_some() {
        fields.problem(fields.line_of("State"), "State", "and Enabled exclude each other");
    }
    let input = fields.text("Input");
    if let Some(text) = input {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        if !is_json || text.len() > MAX_INPUT {
            let rule = format!("must be JSON of at most {MAX_INPUT} bytes");
            fields.problem(fields.line_of("Input"), "Input", rule);
        }
    }
    let options = context.scope.options;
    let name = fields.text("Name").map(str::to_owned);
    let name = name.unwrap_or_else(|| format!("{}-{logical_id}", options.stack_name));
    fields.finish();
    Some(Schedule {
        logical_id,
        arn: options.arn("events", &format!("rule/{name}")),
        function: context.physical.name.clone(),
        expression: expression?.to_owned(),
        enabled: enabled.unwrap_or(state != Some("DISABLED")),
        input: input.map(str::to_owned),
    })
}
