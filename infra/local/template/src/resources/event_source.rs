//! What mappings from queues and mappings from streams have in common.

use super::super::fields::Fields;
use filters::Subject;

const MAX_FILTERS: usize = 5;

/// The names of a mapping, and the name of the function that it invokes.
pub(super) struct Named {
    pub(super) logical_id: String,
    pub(super) uuid: String,
    pub(super) function: String,
}

/// Whether the function's response names the records that failed.
pub(super) fn reports_failures(fields: &mut Fields<'_>) -> bool {
    let types = fields.texts("FunctionResponseTypes");
    for (response_type, line) in &types {
        if *response_type != "ReportBatchItemFailures" {
            let rule = format!("has {response_type} (only ReportBatchItemFailures is emulated)");
            fields.problem(*line, "FunctionResponseTypes", rule);
        }
    }
    !types.is_empty()
}

pub(super) fn filters(mut fields: Fields<'_>, subject: Subject) -> Vec<String> {
    let declared = fields.list_of_fields("Filters");
    if declared.len() > MAX_FILTERS {
        let rule = format!("are {}: Lambda allows {MAX_FILTERS}", declared.len());
        fields.problem(fields.line(), "Filters", rule);
    }
    let mut patterns = Vec::new();
    for mut each in declared {
        if let Some(pattern) = each.required_text("Pattern") {
            if let Err(reason) = filters::check(subject, pattern) {
                each.problem(each.line_of("Pattern"), "Pattern", format!("is refused: {reason}"));
            }
            patterns.push(pattern.to_owned());
        }
        each.finish();
    }
    fields.finish();
    patterns
}
