//! Describes how a value does not fit its schema, without quoting anything of the value.

use event::{kind_of, pointer_to};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::types::Type;

/// A part of a value that does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The JSON Pointer of the part, or of the member that is missing.
    pub(crate) at: String,
    /// What was expected, and the type of what was found.
    pub(crate) problem: String,
}

impl Violation {
    pub(super) fn of(error: &ValidationError<'_>) -> Self {
        let at = error.instance_path().to_string();
        let found = kind_of(error.instance());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                Self { at: at + &pointer_to(name), problem: "required, and missing".to_owned() }
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let name = unexpected.first().map(String::as_str).unwrap_or_default();
                let problem = "not a member that the schema knows".to_owned();
                Self { at: at + &pointer_to(name), problem }
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => of_alternatives(at, found, context),
            kind => Self { at, problem: problem(kind, found) },
        }
    }
}

/// Describes a value that fits no alternative of an `anyOf` or `oneOf`.
///
/// The violation that is deepest in the value is reported, because its alternative is most likely the one that was
/// meant. If all alternatives only differ in their types, the types are listed.
fn of_alternatives(
    at: String,
    found: &str,
    alternatives: &[Vec<ValidationError<'static>>],
) -> Violation {
    let count = alternatives.len();
    let first_errors = alternatives.iter().filter_map(|errors| errors.first());
    let mut types: Vec<Type> = Vec::new();
    let mut are_types = true;
    let mut closest: Option<Violation> = None;
    for error in first_errors {
        match error.kind() {
            ValidationErrorKind::Type { kind } if error.instance_path().to_string() == at => {
                types.extend(types_named(kind));
            }
            _ => are_types = false,
        }
        let violation = Violation::of(error);
        let deepest = closest.as_ref().map_or(at.len(), |closest| closest.at.len());
        if violation.at.len() > deepest {
            closest = Some(violation);
        }
    }
    match closest {
        Some(Violation { at, problem }) => {
            // Within alternatives of alternatives, the innermost are told.
            let is_told = count == 1 || problem.ends_with(" alternatives)");
            let problem = match is_told {
                true => problem,
                false => format!("{problem} (of the closest of {count} alternatives)"),
            };
            Violation { at, problem }
        }
        None if are_types && !types.is_empty() => {
            let mut once: Vec<Type> = Vec::new();
            for each in types {
                if !once.contains(&each) {
                    once.push(each);
                }
            }
            Violation {
                at,
                problem: format!("expected {}, found {found}", Type::expectation(&once)),
            }
        }
        None => Violation {
            at,
            problem: format!("expected one of {count} alternatives, and none fits"),
        },
    }
}

fn problem(kind: &ValidationErrorKind, found: &str) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => {
            format!("expected {}, found {found}", Type::expectation(&types_named(kind)))
        }
        ValidationErrorKind::Constant { .. } => "expected the one value that is allowed".to_owned(),
        ValidationErrorKind::Enum { options } => match options.as_array().map_or(0, Vec::len) {
            1 => "expected the one value that is allowed".to_owned(),
            count => format!("expected one of {count} values"),
        },
        ValidationErrorKind::Minimum { limit } => format!("expected a number of at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("expected a number of at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            format!("expected a number above {limit}")
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            format!("expected a number below {limit}")
        }
        ValidationErrorKind::MultipleOf { multiple_of } => {
            format!("expected a multiple of {multiple_of}")
        }
        ValidationErrorKind::MinLength { limit } => {
            format!("expected text of at least {limit} characters")
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("expected text of at most {limit} characters")
        }
        ValidationErrorKind::Pattern { pattern } => {
            format!("expected text that the pattern `{pattern}` matches")
        }
        ValidationErrorKind::BacktrackLimitExceeded { .. } => {
            "the schema's pattern takes too many steps on this text".to_owned()
        }
        ValidationErrorKind::RegexEngineFailure { .. } => {
            "the schema's pattern cannot be applied to this text".to_owned()
        }
        ValidationErrorKind::Format { format } => format!("expected text of the format `{format}`"),
        ValidationErrorKind::ContentEncoding { content_encoding } => {
            format!("expected text in the encoding `{content_encoding}`")
        }
        ValidationErrorKind::ContentMediaType { content_media_type } => {
            format!("expected text that holds `{content_media_type}`")
        }
        ValidationErrorKind::FromUtf8 { .. } => "expected encoded text of UTF-8".to_owned(),
        ValidationErrorKind::MinItems { limit } => format!("expected at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("expected at most {limit} items"),
        ValidationErrorKind::AdditionalItems { limit } => format!("expected at most {limit} items"),
        ValidationErrorKind::UnevaluatedItems { .. } => "expected fewer items".to_owned(),
        ValidationErrorKind::UniqueItems => "expected items that differ from each other".to_owned(),
        ValidationErrorKind::Contains => "expected an item that the schema asks for".to_owned(),
        ValidationErrorKind::MinProperties { limit } => {
            format!("expected at least {limit} members")
        }
        ValidationErrorKind::MaxProperties { limit } => format!("expected at most {limit} members"),
        ValidationErrorKind::PropertyNames { .. } => {
            "a member has a name that the schema does not allow".to_owned()
        }
        ValidationErrorKind::FalseSchema => "the schema allows nothing here".to_owned(),
        ValidationErrorKind::Not { .. } => "what the schema forbids is here".to_owned(),
        ValidationErrorKind::OneOfMultipleValid { context } => {
            format!("expected exactly one of {} alternatives to fit, and several do", context.len())
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            format!("expected one of {} alternatives, and none fits", context.len())
        }
        ValidationErrorKind::Required { .. } => "a member is required, and missing".to_owned(),
        ValidationErrorKind::AdditionalProperties { .. }
        | ValidationErrorKind::UnevaluatedProperties { .. } => {
            "a member is here that the schema does not know".to_owned()
        }
        ValidationErrorKind::Custom { keyword, .. } => {
            format!("the keyword `{keyword}` is not met")
        }
        ValidationErrorKind::Referencing(_) => "a reference of the schema names nothing".to_owned(),
    }
}

fn types_named(kind: &TypeKind) -> Vec<Type> {
    match kind {
        TypeKind::Single(one) => type_of(*one).into_iter().collect(),
        TypeKind::Multiple(several) => several.iter().filter_map(type_of).collect(),
    }
}

fn type_of(json_type: JsonType) -> Option<Type> {
    Type::named(json_type.as_str())
}

/// A part of a schema document that is not valid. The document may be quoted, because the message is for its author.
pub(super) fn schema_violation(error: &ValidationError<'_>) -> Violation {
    let at = error.instance_path().to_string();
    let problem = match error.kind() {
        ValidationErrorKind::Referencing(source) => source.to_string(),
        _ if at.ends_with("/format") && error.instance().is_string() => {
            let name = error.instance().as_str().unwrap_or_default();
            format!(
                "`{name}` is no format that is known; without `formats: asserted` it is an annotation"
            )
        }
        ValidationErrorKind::Custom { message, .. } => message.clone(),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            format!("not what the keyword takes: {}", shortened(error.instance()))
        }
        kind => {
            format!("{}: {}", problem(kind, kind_of(error.instance())), shortened(error.instance()))
        }
    };
    Violation { at, problem }
}

fn shortened(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
