//! How large a schema may be, and how long a comparison may take.

use serde_json::Value;

use crate::SchemaDocument;

/// What a comparison may cost. Whatever exceeds a limit is undecided, and the verdict names the limit.
///
/// The limits count work and not time: the same schemas have the same verdict on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many JSON values a version may have, all its documents together.
    pub values: usize,
    /// How deeply its documents may be nested.
    pub depth: usize,
    /// How many bytes a text in it may have; a pattern is a text.
    pub text_bytes: usize,
    /// How many branches `allOf`, `anyOf` or `oneOf` may have.
    pub branches: usize,
    /// How many steps the proof may take.
    pub steps: u64,
    /// How many JSON values a version may have that the library's own comparison is asked about too.
    pub engine_values: usize,
    /// How many cases the choices at one value may have for that, all combinations counted. Four choices
    /// of three branches are 81, and take it most of a second.
    pub engine_cases: u64,
    /// How many differences are named.
    pub differences: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 20_000,
            depth: 64,
            text_bytes: 4_096,
            branches: 256,
            steps: 200_000,
            engine_values: 400,
            engine_cases: 64,
            differences: 50,
        }
    }
}

/// The digits that a number in a schema may have, and the most its exponent may be.
const NUMBER_BYTES: usize = 64;
const NUMBER_EXPONENT: i32 = 300;

/// Which limit a version exceeds, as a fragment of a sentence.
pub(crate) fn exceeded(document: &SchemaDocument, limits: &Limits) -> Option<String> {
    let mut measure = Measure { limits, values: 0 };
    let documents = std::iter::once(&document.root).chain(document.files.values());
    documents.into_iter().find_map(|value| measure.exceeded(value))
}

/// The number of JSON values in a version, all its documents together.
pub(crate) fn size(document: &SchemaDocument) -> usize {
    let documents = std::iter::once(&document.root).chain(document.files.values());
    documents.map(count).sum()
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

struct Measure<'a> {
    limits: &'a Limits,
    values: usize,
}

impl Measure<'_> {
    fn exceeded(&mut self, root: &Value) -> Option<String> {
        // An own stack: how deep the value is shows only here.
        let mut waiting = vec![(root, 1)];
        while let Some((value, depth)) = waiting.pop() {
            self.values += 1;
            if self.values > self.limits.values {
                return Some(format!("it has more than {} JSON values", self.limits.values));
            }
            if depth > self.limits.depth {
                return Some(format!("it is nested more than {} levels deep", self.limits.depth));
            }
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        if let Some(problem) =
                            self.text(name).or_else(|| self.branches(name, member))
                        {
                            return Some(problem);
                        }
                        waiting.push((member, depth + 1));
                    }
                }
                Value::Array(items) => waiting.extend(items.iter().map(|item| (item, depth + 1))),
                Value::String(text) => {
                    if let Some(problem) = self.text(text) {
                        return Some(problem);
                    }
                }
                Value::Number(number) => {
                    if let Some(problem) = number_problem(number.as_str()) {
                        return Some(problem);
                    }
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
        None
    }

    fn text(&self, text: &str) -> Option<String> {
        let most = self.limits.text_bytes;
        (text.len() > most).then(|| format!("it has a text of more than {most} bytes"))
    }

    fn branches(&self, keyword: &str, value: &Value) -> Option<String> {
        let count = value.as_array()?.len();
        let most = self.limits.branches;
        let combines = matches!(keyword, "allOf" | "anyOf" | "oneOf");
        (combines && count > most).then(|| format!("an `{keyword}` has more than {most} branches"))
    }
}

fn number_problem(text: &str) -> Option<String> {
    let exponent = text.split_once(['e', 'E']).map(|(_, exponent)| exponent);
    let fits = exponent.is_none_or(|exponent| {
        exponent.parse::<i32>().is_ok_and(|exponent| exponent.abs() <= NUMBER_EXPONENT)
    });
    if !fits {
        return Some(format!("a number has an exponent beyond {NUMBER_EXPONENT}"));
    }
    (text.len() > NUMBER_BYTES).then(|| format!("a number has more than {NUMBER_BYTES} characters"))
}
