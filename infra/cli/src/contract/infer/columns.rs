//! What the columns of a CSV file hold. A field is text, and its column has a type if all of its fields have it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use event::Decimal;
use serde_json::{Number, Value};

use super::profile::{Budget, Member, Members, Profile};

/// Texts by which people say that there is no value, besides an empty field.
const NO_VALUE: [&str; 9] = ["NA", "N/A", "n/a", "NULL", "null", "NaN", "nan", "None", "\\N"];

/// The columns of all records so far.
#[derive(Debug, Default)]
pub(super) struct Columns {
    header: Vec<String>,
    rows: u64,
    columns: Vec<Column>,
}

#[derive(Debug, Default)]
struct Column {
    empty: u64,
    /// How often a text stands here by which people say that there is no value.
    no_value: BTreeMap<&'static str, u64>,
    /// All other fields as texts.
    texts: Profile,
    /// All other fields as numbers and booleans, as far as they are.
    typed: Profile,
    untyped: u64,
}

/// What the columns come to.
pub(super) struct Typed {
    pub(super) profile: Profile,
    /// The texts that mean "no value", with the columns that are numbers or booleans without them.
    pub(super) missing: BTreeMap<&'static str, Vec<String>>,
    /// Columns of texts in which one of these texts stands too, which is read as null.
    pub(super) also_in: BTreeSet<String>,
}

impl Columns {
    pub(super) fn add(&mut self, header: &Rc<[String]>, fields: &[String], budget: &mut Budget) {
        if self.columns.is_empty() {
            self.header = header.to_vec();
            self.columns.resize_with(header.len(), Column::default);
        }
        self.rows += 1;
        for (column, field) in self.columns.iter_mut().zip(fields) {
            column.add(field, budget);
        }
    }

    /// The columns with their types. `None` if there is no record.
    pub(super) fn finish(self) -> Option<Typed> {
        if self.rows == 0 {
            return None;
        }
        let mut missing: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (name, column) in self.header.iter().zip(&self.columns) {
            if column.is_typed() {
                for text in column.no_value.keys() {
                    missing.entry(text).or_default().push(name.clone());
                }
            }
        }
        let (mut members, mut also_in) = (BTreeMap::new(), BTreeSet::new());
        for (name, column) in self.header.into_iter().zip(self.columns) {
            if !column.is_typed() && column.no_value.keys().any(|text| missing.contains_key(text)) {
                also_in.insert(name.clone());
            }
            let profile = column.finish(&missing);
            members.insert(name, Member { seen: self.rows, profile });
        }
        let profile =
            Profile { objects: self.rows, members: Members::Named(members), ..Profile::default() };
        Some(Typed { profile, missing, also_in })
    }
}

impl Column {
    fn add(&mut self, field: &str, budget: &mut Budget) {
        if field.is_empty() {
            self.empty += 1;
        } else if let Some(text) = NO_VALUE.into_iter().find(|text| *text == field) {
            *self.no_value.entry(text).or_default() += 1;
        } else {
            self.texts.add(&Value::from(field), budget);
            match typed(field) {
                Some(value) => self.typed.add(&value, budget),
                None => self.untyped += 1,
            }
        }
    }

    /// Whether all fields with a value are numbers, or all are booleans.
    fn is_typed(&self) -> bool {
        let kinds = [self.typed.numbers.count, self.typed.booleans];
        self.untyped == 0 && kinds.iter().filter(|count| **count > 0).count() == 1
    }

    fn finish(self, missing: &BTreeMap<&'static str, Vec<String>>) -> Profile {
        let mut profile = if self.is_typed() { self.typed } else { self.texts };
        profile.nulls = self.empty;
        for (text, count) in self.no_value {
            if missing.contains_key(text) {
                profile.nulls += count;
            } else {
                for _ in 0..count {
                    profile.texts.add(text);
                }
            }
        }
        profile
    }
}

/// A field as a number or a boolean, if it is written as JSON writes it. What has zeros in front is a text: it names
/// something, and does not count it. So does what has more digits than a number may have.
fn typed(field: &str) -> Option<Value> {
    match field {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ => {}
    }
    let number: Number = serde_json::from_str(field).ok()?;
    Decimal::of(&number).ok()?;
    (number.as_str() == field).then_some(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, expected: Option<&str>) {
        let found = typed(field).map(|value| value.to_string());
        assert_eq!(found.as_deref(), expected, "{field}");
    }

    #[test]
    fn a_field_is_a_number_only_if_it_loses_nothing() {
        check("12", Some("12"));
        check("-1.50", Some("-1.50"));
        check("true", Some("true"));
        check("007", None);
        check("+1", None);
        check(" 1", None);
        check("1 ", None);
        check("True", None);
        check("{}", None);
        check(&"9".repeat(39), None);
    }
}
