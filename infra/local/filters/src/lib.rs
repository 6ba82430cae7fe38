#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

use serde_json::{Map, Value};

/// The maximum number of filters of a mapping, after a raise of the quota.
const FILTER_LIMIT: usize = 10;
/// The maximum length of a pattern, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html>
const PATTERN_LIMIT: usize = 4096;

/// Why filter patterns are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There are too many patterns.
    #[error("{count} filters: a mapping has {FILTER_LIMIT} at most")]
    TooMany {
        /// The number of patterns.
        count: usize,
    },
    /// A pattern is not understood.
    #[error("filter pattern {pattern}: {reason}")]
    Invalid {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a pattern applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A message of an SQS queue, of which only the body can be filtered.
    QueueMessage,
    /// A record of a DynamoDB stream:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html>
    StreamRecord,
}

/// The keys of a record of a stream.
const RECORD_KEYS: [&str; 8] = [
    "awsRegion",
    "dynamodb",
    "eventID",
    "eventName",
    "eventSource",
    "eventSourceARN",
    "eventVersion",
    "userIdentity",
];

/// The filters of one mapping. A message passes if one of them matches, or if there are none.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    patterns: Vec<Pattern>,
}

/// The conditions of a pattern.
#[derive(Clone, Debug)]
enum Pattern {
    /// There are no conditions.
    Anything,
    /// The body is not a JSON object, and its text must match one of the conditions.
    Text(Vec<Condition>),
    /// The body is a JSON object, or the subject is a record.
    Object(Node),
}

/// The conditions on an object. All fields and one alternative of each `$or` must match.
#[derive(Clone, Debug, Default)]
struct Node {
    fields: Vec<(String, Field)>,
    alternatives: Vec<Vec<Node>>,
}

#[derive(Clone, Debug)]
enum Field {
    Nested(Node),
    /// One of these conditions must match.
    Leaf(Vec<Condition>),
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    AnythingButPrefix(String),
    AnythingButSuffix(String),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filters {
    /// Parses the patterns of a mapping.
    ///
    /// # Errors
    /// [`FilterError`] if there are too many patterns, or one of them is not understood.
    pub fn parse(subject: Subject, patterns: &[String]) -> Result<Self, FilterError> {
        if patterns.len() > FILTER_LIMIT {
            return Err(FilterError::TooMany { count: patterns.len() });
        }
        let mut parsed = Vec::with_capacity(patterns.len());
        for text in patterns {
            match pattern(subject, text) {
                Ok(pattern) => parsed.push(pattern),
                Err(reason) => {
                    return Err(FilterError::Invalid { pattern: text.clone(), reason });
                }
            }
        }
        Ok(Self { patterns: parsed })
    }

    /// Whether the function receives a message with this body.
    pub fn pass(&self, body: &str) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        // JSON that is not an object is a plain string to a filter.
        let object = serde_json::from_str::<Map<String, Value>>(body).ok();
        self.patterns.iter().any(|pattern| match (pattern, &object) {
            (Pattern::Anything, _) => true,
            (Pattern::Text(conditions), None) => {
                let text = Value::from(body);
                conditions.iter().any(|condition| condition.holds(Some(&text)))
            }
            (Pattern::Object(node), Some(object)) => node.holds(object),
            // A pattern for text does not match a JSON object, and vice versa.
            (Pattern::Text(_), Some(_)) | (Pattern::Object(_), None) => false,
        })
    }

    /// Whether the function receives this record of a stream.
    pub fn pass_record(&self, record: &Map<String, Value>) -> bool {
        self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| match pattern {
                Pattern::Anything => true,
                Pattern::Object(node) => node.holds(record),
                Pattern::Text(_) => false,
            })
    }
}

/// Checks that a pattern can be used.
///
/// # Errors
/// A description of what is wrong with the pattern.
pub fn check(subject: Subject, text: &str) -> Result<(), String> {
    pattern(subject, text).map(|_| ())
}

fn pattern(subject: Subject, text: &str) -> Result<Pattern, String> {
    if text.len() > PATTERN_LIMIT {
        return Err(format!("longer than {PATTERN_LIMIT} bytes"));
    }
    let root: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    if subject == Subject::StreamRecord {
        return record_pattern(&root);
    }
    if let Some(key) = root.keys().find(|key| *key != "body") {
        return Err(format!("key {key:?}: for SQS only \"body\" can be filtered on"));
    }
    match root.get("body") {
        None => Ok(Pattern::Anything),
        Some(Value::Object(body)) => Ok(Pattern::Object(Node::parse(body)?)),
        Some(Value::Array(conditions)) => Ok(Pattern::Text(parse_conditions("body", conditions)?)),
        Some(_) => Err("\"body\" is neither an object nor a list of conditions".to_owned()),
    }
}

fn record_pattern(root: &Map<String, Value>) -> Result<Pattern, String> {
    let unknown = root.keys().find(|key| *key != "$or" && !RECORD_KEYS.contains(&key.as_str()));
    match unknown {
        Some(key) => Err(format!("key {key:?}: a stream's record has none of that name")),
        None if root.is_empty() => Ok(Pattern::Anything),
        None => Ok(Pattern::Object(Node::parse(root)?)),
    }
}

impl Node {
    fn parse(object: &Map<String, Value>) -> Result<Self, String> {
        if object.is_empty() {
            return Err("an object without conditions".to_owned());
        }
        let mut node = Self::default();
        for (key, value) in object {
            match (key.as_str(), value) {
                ("$or", Value::Array(alternatives)) => {
                    let parsed = alternatives.iter().map(|alternative| match alternative {
                        Value::Object(alternative) => Self::parse(alternative),
                        _ => Err("$or: an alternative is not an object".to_owned()),
                    });
                    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
                    if parsed.len() < 2 {
                        return Err("$or: fewer than two alternatives".to_owned());
                    }
                    node.alternatives.push(parsed);
                }
                (_, Value::Object(nested)) => {
                    node.fields.push((key.clone(), Field::Nested(Self::parse(nested)?)));
                }
                (_, Value::Array(conditions)) => {
                    let leaf = Field::Leaf(parse_conditions(key, conditions)?);
                    node.fields.push((key.clone(), leaf));
                }
                _ => return Err(format!("{key:?} is neither an object nor a list of conditions")),
            }
        }
        Ok(node)
    }

    fn holds(&self, object: &Map<String, Value>) -> bool {
        let fields = self.fields.iter().all(|(key, field)| field.holds(object.get(key)));
        fields && self.alternatives.iter().all(|any| any.iter().any(|node| node.holds(object)))
    }
}

impl Field {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            // One element must match all conditions.
            (Self::Nested(_), Some(Value::Array(elements))) => {
                elements.iter().any(|element| self.holds(Some(element)))
            }
            (Self::Nested(node), Some(Value::Object(object))) => node.holds(object),
            // A missing object matches a condition that a field must not exist.
            (Self::Nested(node), _) => node.holds(&Map::new()),
            (Self::Leaf(conditions), Some(Value::Array(elements))) => {
                conditions.iter().any(|condition| match condition {
                    Condition::Exists(exists) => *exists != elements.is_empty(),
                    _ => elements.iter().any(|element| condition.holds(Some(element))),
                })
            }
            (Self::Leaf(conditions), value) => {
                conditions.iter().any(|condition| condition.holds(value))
            }
        }
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        // `exists` applies to leaves only, and an object is not a leaf.
        let value = value.filter(|value| !value.is_object());
        if let Self::Exists(exists) = self {
            return *exists == value.is_some();
        }
        let Some(value) = value else { return false };
        let text = value.as_str();
        match self {
            Self::Equals(expected) => same(expected, value),
            Self::EqualsIgnoreCase(expected) => {
                text.is_some_and(|text| text.to_lowercase() == expected.to_lowercase())
            }
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(excluded) => !excluded.iter().any(|one| same(one, value)),
            Self::AnythingButPrefix(prefix) => text.is_none_or(|text| !text.starts_with(prefix)),
            Self::AnythingButSuffix(suffix) => text.is_none_or(|text| !text.ends_with(suffix)),
            Self::Numeric(bounds) => value.as_f64().is_some_and(|number| {
                bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(_) => false,
        }
    }
}

impl Comparison {
    fn parse(symbol: &str) -> Option<Self> {
        match symbol {
            "=" => Some(Self::Equal),
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            ">" => Some(Self::Greater),
            ">=" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    #[expect(clippy::float_cmp, reason = "equality is what the pattern asks for")]
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

/// Compares two values. Numbers are compared by value, so that 1 equals 1.0.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => Comparison::Equal.holds(left, right),
        _ => left == right,
    }
}

fn parse_conditions(key: &str, conditions: &[Value]) -> Result<Vec<Condition>, String> {
    if conditions.is_empty() {
        return Err(format!("{key:?} has an empty list of conditions"));
    }
    let parsed = conditions.iter().map(condition).collect::<Result<_, _>>();
    parsed.map_err(|reason| format!("{key:?}: {reason}"))
}

fn condition(condition: &Value) -> Result<Condition, String> {
    let object = match condition {
        Value::Object(object) => object,
        Value::Array(_) => return Err("a list within a list of conditions".to_owned()),
        scalar => return Ok(Condition::Equals(scalar.clone())),
    };
    let mut entries = object.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err("a condition has exactly one operator".to_owned());
    };
    let condition = match operator.as_str() {
        "prefix" => nonempty_text(operand).map(Condition::Prefix),
        "suffix" => nonempty_text(operand).map(Condition::Suffix),
        "equals-ignore-case" => nonempty_text(operand).map(Condition::EqualsIgnoreCase),
        "exists" => operand.as_bool().map(Condition::Exists),
        "anything-but" => anything_but(operand),
        "numeric" => numeric(operand),
        _ => return Err(format!("operator {operator:?} is not one of Lambda's")),
    };
    condition.ok_or_else(|| format!("{operator} does not take {operand}"))
}

fn anything_but(operand: &Value) -> Option<Condition> {
    match operand {
        Value::Array(values) if !values.is_empty() && values.iter().all(is_text_or_number) => {
            Some(Condition::AnythingBut(values.clone()))
        }
        Value::Object(object) if object.len() == 1 => {
            let (operator, operand) = object.iter().next()?;
            match operator.as_str() {
                "prefix" => nonempty_text(operand).map(Condition::AnythingButPrefix),
                "suffix" => nonempty_text(operand).map(Condition::AnythingButSuffix),
                _ => None,
            }
        }
        value if is_text_or_number(value) => Some(Condition::AnythingBut(vec![value.clone()])),
        _ => None,
    }
}

fn is_text_or_number(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn nonempty_text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn numeric(operand: &Value) -> Option<Condition> {
    let parts = operand.as_array().filter(|parts| matches!(parts.len(), 2 | 4))?;
    let bounds = parts.chunks_exact(2).map(|pair| {
        let comparison = Comparison::parse(pair.first()?.as_str()?)?;
        Some((comparison, pair.last()?.as_f64()?))
    });
    bounds.collect::<Option<Vec<_>>>().map(Condition::Numeric)
}

#[cfg(test)]
mod tests;
