#![doc = include_str!("../README.md")]

use serde_json::{Map, Value};

/// Filters of one mapping at most (the quota that can be asked for).
const FILTER_LIMIT: usize = 10;
/// Longest pattern, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html>
const PATTERN_LIMIT: usize = 4096;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("{count} filters: a mapping has {FILTER_LIMIT} at most")]
    TooMany { count: usize },
    #[error("filter pattern {pattern}: {reason}")]
    Invalid { pattern: String, reason: String },
}

/// What is filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    QueueMessage,
    /// A record of a DynamoDB stream:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html>
    StreamRecord,
}

/// The keys of a stream's record.
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

/// The filters of one mapping; a message passes if any of them matches, or if there are none.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    patterns: Vec<Pattern>,
}

/// What a pattern asks of a body or a record.
#[derive(Clone, Debug)]
enum Pattern {
    /// No condition at all.
    Anything,
    /// A body that is not JSON, held against conditions on the plain text.
    Text(Vec<Condition>),
    /// A body that is a JSON object, or a record.
    Object(Node),
}

/// Conditions on an object: all fields and, of each `$or`, one alternative.
#[derive(Clone, Debug, Default)]
struct Node {
    fields: Vec<(String, Field)>,
    alternatives: Vec<Vec<Node>>,
}

#[derive(Clone, Debug)]
enum Field {
    Nested(Node),
    /// Any of these.
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
    pub fn parse(subject: Subject, patterns: &[String]) -> Result<Self, FilterError> {
        if patterns.len() > FILTER_LIMIT {
            return Err(FilterError::TooMany { count: patterns.len() });
        }
        let parsed = patterns.iter().map(|text| {
            pattern(subject, text)
                .map_err(|reason| FilterError::Invalid { pattern: text.clone(), reason })
        });
        Ok(Self { patterns: parsed.collect::<Result<_, _>>()? })
    }

    /// Whether the function gets to see a message with this body.
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
            // A pattern of one kind drops messages of the other.
            (Pattern::Text(_), Some(_)) | (Pattern::Object(_), None) => false,
        })
    }

    /// Whether the function gets to see this record of a stream.
    pub fn pass_record(&self, record: &Map<String, Value>) -> bool {
        let passes = |pattern: &Pattern| match pattern {
            Pattern::Anything => true,
            Pattern::Object(node) => node.holds(record),
            Pattern::Text(_) => false,
        };
        self.patterns.is_empty() || self.patterns.iter().any(passes)
    }
}

/// Whether a pattern can be used, and what is wrong with it otherwise.
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
    let known = |key: &String| key == "$or" || RECORD_KEYS.contains(&key.as_str());
    match root.keys().find(|key| !known(key)) {
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
            // One element that meets all conditions, not several that meet one each.
            (Self::Nested(_), Some(Value::Array(elements))) => {
                elements.iter().any(|element| self.holds(Some(element)))
            }
            (Self::Nested(node), Some(Value::Object(object))) => node.holds(object),
            // An object that is not there can still lack what has to be absent.
            (Self::Nested(node), _) => node.holds(&Map::new()),
            (Self::Leaf(conditions), Some(Value::Array(elements))) => {
                let any = |condition: &Condition| match condition {
                    Condition::Exists(exists) => *exists != elements.is_empty(),
                    _ => elements.iter().any(|element| condition.holds(Some(element))),
                };
                conditions.iter().any(any)
            }
            (Self::Leaf(conditions), value) => {
                conditions.iter().any(|condition| condition.holds(value))
            }
        }
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        // `exists` is about leaves: an object is none.
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

/// Equality in which 1 and 1.0 are one number.
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
    let refused = || format!("{operator} does not take {operand}");
    let text = || operand.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    match operator.as_str() {
        "prefix" => text().map(Condition::Prefix).ok_or_else(refused),
        "suffix" => text().map(Condition::Suffix).ok_or_else(refused),
        "equals-ignore-case" => text().map(Condition::EqualsIgnoreCase).ok_or_else(refused),
        "exists" => operand.as_bool().map(Condition::Exists).ok_or_else(refused),
        "anything-but" => anything_but(operand).ok_or_else(refused),
        "numeric" => numeric(operand).ok_or_else(refused),
        _ => Err(format!("operator {operator:?} is not one of Lambda's")),
    }
}

fn anything_but(operand: &Value) -> Option<Condition> {
    let scalar = |value: &Value| value.is_string() || value.is_number();
    match operand {
        Value::Array(values) if !values.is_empty() && values.iter().all(scalar) => {
            Some(Condition::AnythingBut(values.clone()))
        }
        Value::Object(object) if object.len() == 1 => {
            let text = |key: &str| object.get(key)?.as_str().filter(|text| !text.is_empty());
            let prefix = text("prefix").map(|it| Condition::AnythingButPrefix(it.to_owned()));
            prefix.or_else(|| text("suffix").map(|it| Condition::AnythingButSuffix(it.to_owned())))
        }
        value if scalar(value) => Some(Condition::AnythingBut(vec![value.clone()])),
        _ => None,
    }
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
