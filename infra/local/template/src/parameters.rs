//! Evaluates the `Parameters` section with the values of [`Options::parameters`].
//!
//! The rules are CloudFormation's:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>.
//! Types that look values up in an account (`AWS::SSM::…`, `AWS::EC2::…`) are not emulated, and an
//! `AllowedPattern` is not checked.
//!
//! [`Options::parameters`]: super::Options::parameters

use std::collections::BTreeMap;

use super::fields::{Fields, Harmless};
use super::node::{Entry, Node, Value};
use super::report::Report;

/// The longest value that CloudFormation allows, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
const HARMLESS: &[Harmless] = &[("AllowedPattern", "a parameter's pattern")];

/// Each parameter's value: a scalar, or a sequence for a list type.
pub(super) fn read(
    section: Option<&Node>,
    given: &BTreeMap<String, String>,
    report: &Report,
) -> BTreeMap<String, Value> {
    let declared = section
        .map_or(&[][..], |section| Fields::open(report, section, "Parameters").into_few_entries());
    for name in given.keys() {
        if !declared.iter().any(|entry| entry.key == *name) {
            let line = section.map_or(1, |section| section.line);
            report.problem(line, format!("a value is given for {name}, which is no parameter"));
        }
    }
    let mut values = BTreeMap::new();
    for entry in declared {
        let fields = Fields::open(report, &entry.value, format!("Parameters.{}", entry.key));
        let given = given.get(&entry.key).map(String::as_str);
        let value = parameter(entry, fields, given, report);
        values.insert(entry.key.clone(), value.unwrap_or(Value::Broken));
    }
    values
}

fn parameter(
    entry: &Entry,
    mut fields: Fields<'_>,
    given: Option<&str>,
    report: &Report,
) -> Option<Value> {
    let (name, line) = (&entry.key, entry.line);
    let kind = fields.required_text("Type");
    let default = fields.text("Default");
    let description = fields.text("Description");
    let rules = Rules::read(&mut fields, matches!(kind, Some("Number" | "List<Number>")));
    let secret = fields.boolean("NoEcho").unwrap_or(false);
    fields.ignore(&["ConstraintDescription"]);
    fields.harmless(name, HARMLESS);
    fields.finish();

    let is_list = match kind? {
        "String" | "Number" => false,
        "CommaDelimitedList" | "List<Number>" => true,
        other => {
            report.problem(line, format!("Parameters.{name}.Type {other} is not emulated"));
            return None;
        }
    };
    let Some(text) = given.or(default) else {
        let about = description.map(|text| format!(" ({text})")).unwrap_or_default();
        report.problem(
            line,
            format!(
                "parameter {name} has no default and no value was given: add {name}=<value> to \
                 the parameters{about}"
            ),
        );
        return None;
    };
    let items = if is_list { text.split(',').map(str::trim).collect() } else { vec![text] };
    let wrong = if text.len() > MAX_VALUE_BYTES {
        Some(format!("is longer than {MAX_VALUE_BYTES} bytes"))
    } else {
        items.iter().find_map(|item| rules.broken_by(item))
    };
    if let Some(wrong) = wrong {
        let shown = if secret { "its value" } else { text };
        report.problem(line, format!("parameter {name}: {shown} {wrong}"));
        return None;
    }
    if !is_list {
        return Some(Value::scalar(text));
    }
    let nodes = items.iter().map(|item| Node { line, tag: None, value: Value::scalar(item) });
    Some(Value::Sequence(nodes.collect()))
}

/// The constraints for a value, or for each item of a list.
struct Rules<'a> {
    is_number: bool,
    allowed: Option<Vec<(&'a str, usize)>>,
    length: (Option<u32>, Option<u32>),
    value: (Option<f64>, Option<f64>),
}

impl<'a> Rules<'a> {
    fn read(fields: &mut Fields<'a>, is_number: bool) -> Self {
        let any = 0..=u32::MAX;
        Self {
            is_number,
            allowed: fields.entry("AllowedValues").map(|_| fields.texts("AllowedValues")),
            length: (fields.integer("MinLength", any.clone()), fields.integer("MaxLength", any)),
            value: (number(fields, "MinValue"), number(fields, "MaxValue")),
        }
    }

    /// The rule that `item` breaks, as the end of a sentence.
    fn broken_by(&self, item: &str) -> Option<String> {
        if let Some(allowed) = &self.allowed
            && !allowed.iter().any(|(value, _)| *value == item)
        {
            let allowed = allowed.iter().map(|(value, _)| *value).collect::<Vec<_>>();
            return Some(format!("must be one of {}", allowed.join(", ")));
        }
        if self.is_number { self.broken_by_number(item) } else { self.broken_by_length(item) }
    }

    fn broken_by_length(&self, text: &str) -> Option<String> {
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        match self.length {
            (Some(least), _) if length < least => {
                Some(format!("is shorter than {least} characters"))
            }
            (_, Some(most)) if length > most => Some(format!("is longer than {most} characters")),
            _ => None,
        }
    }

    fn broken_by_number(&self, text: &str) -> Option<String> {
        let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            return Some("is not a number".to_owned());
        };
        match self.value {
            (Some(least), _) if number < least => Some(format!("is less than {least}")),
            (_, Some(most)) if number > most => Some(format!("is more than {most}")),
            _ => None,
        }
    }
}

fn number(fields: &mut Fields<'_>, key: &str) -> Option<f64> {
    let text = fields.text(key)?;
    let number = text.parse().ok();
    if number.is_none() {
        fields.problem(fields.line(), key, format!("is {text}, and must be a number"));
    }
    number
}
