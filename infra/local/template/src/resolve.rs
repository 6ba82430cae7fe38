//! Replaces intrinsic functions by their values.
//!
//! Their rules are in
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.
//! `conditions` evaluates conditions; `Fn::If` here only chooses by their values. An intrinsic that
//! needs another stack, a network or a macro is refused.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::node::{Entry, Node, Value};
use super::scope::Scope;
use super::substitution::{self, Part};

impl Scope<'_> {
    /// The node with all intrinsics replaced. `None` if it is `AWS::NoValue`, which removes it.
    pub(super) fn resolve(&self, node: &Node) -> Option<Node> {
        if let Some((name, argument)) = node.intrinsic() {
            let untagged;
            let argument = if node.tag.is_some() {
                untagged = argument.with(argument.value.clone());
                &untagged
            } else {
                argument
            };
            return self.intrinsic(name, argument, node);
        }
        let value = match &node.value {
            Value::Scalar(text) => self.scalar(text, node.line),
            Value::Sequence(items) => {
                if !self.afford(0, node.line) {
                    return Some(node.with(Value::Broken));
                }
                Value::Sequence(items.iter().filter_map(|item| self.resolve(item)).collect())
            }
            Value::Mapping(entries) => self.mapping(entries, node.line),
            Value::Broken => Value::Broken,
        };
        Some(node.with(value))
    }

    fn scalar(&self, text: &str, line: usize) -> Value {
        if text.contains("{{resolve:") {
            return self.problem(line, "dynamic references ({{resolve:…}}) are not emulated");
        }
        if !self.afford(text.len(), line) {
            return Value::Broken;
        }
        Value::Scalar(text.to_owned())
    }

    fn mapping(&self, entries: &[Entry], line: usize) -> Value {
        if let Some(entry) = entries.iter().find(|entry| entry.key.starts_with("Fn::")) {
            return self.problem(entry.line, format!("{} must be a mapping's only key", entry.key));
        }
        if !self.afford(entries.iter().map(|entry| entry.key.len()).sum(), line) {
            return Value::Broken;
        }
        let resolved = entries.iter().filter_map(|entry| {
            let value = self.resolve(&entry.value)?;
            Some(Entry { key: entry.key.clone(), line: entry.line, value })
        });
        Value::Mapping(resolved.collect())
    }

    /// Replaces one intrinsic. `at` is the whole expression and `argument` the function's
    /// argument.
    fn intrinsic(&self, name: &str, argument: &Node, at: &Node) -> Option<Node> {
        let line = at.line;
        if !self.afford(0, line) {
            return Some(at.with(Value::Broken));
        }
        let value = match name {
            "Ref" => match argument.text() {
                Some(name) => self.reference(name, line)?,
                None => self.problem(line, "Ref takes the name of a parameter or resource"),
            },
            "If" => return self.choose(argument, at),
            "GetAtt" => self.get_att(argument, line),
            "Sub" => self.sub(argument, line),
            "Join" => self.join(argument, line),
            "Select" => return self.select(argument, at),
            "Split" => self.split(argument, line),
            "FindInMap" => self.find_in_map(argument, line),
            "Base64" => match self.text_argument(argument) {
                Ok(text) => Value::Scalar(STANDARD.encode(text)),
                Err(value) => value.unwrap_or_else(|| self.problem(line, "Base64 takes a string")),
            },
            "Equals" | "Not" | "And" | "Or" | "Condition" => {
                self.problem(line, format!("{name} is allowed only in Conditions"))
            }
            other => self.problem(line, format!("the intrinsic {other} is not emulated")),
        };
        Some(at.with(self.affordable(value, line)))
    }

    fn affordable(&self, value: Value, line: usize) -> Value {
        let affordable = match &value {
            Value::Scalar(text) => self.afford(text.len(), line),
            Value::Sequence(items) => {
                items.iter().all(|item| self.afford(item.text().map_or(0, str::len), line))
            }
            Value::Mapping(_) | Value::Broken => true,
        };
        if affordable { value } else { Value::Broken }
    }

    fn choose(&self, argument: &Node, at: &Node) -> Option<Node> {
        let Some([condition, when_true, when_false]) = argument.items() else {
            let wrong = self.problem(at.line, "If takes a condition and two values");
            return Some(at.with(wrong));
        };
        let name = condition.text().unwrap_or_default();
        match self.conditions.get(name) {
            Some(Some(true)) => self.resolve(when_true),
            Some(Some(false)) => self.resolve(when_false),
            Some(None) => Some(at.with(Value::Broken)),
            None => {
                let wrong = self.problem(at.line, format!("If: there is no condition {name}"));
                Some(at.with(wrong))
            }
        }
    }

    fn get_att(&self, argument: &Node, line: usize) -> Value {
        let parts = match (argument.text(), argument.items()) {
            (Some(text), _) => text.split_once('.'),
            (None, Some([name, attribute])) => name.text().zip(attribute.text()),
            (None, _) => None,
        };
        match parts {
            Some((name, attribute)) => self.attribute(name, attribute, line),
            None => self.problem(line, "GetAtt takes a resource and one of its attributes"),
        }
    }

    fn sub(&self, argument: &Node, line: usize) -> Value {
        let (text, variables) = match argument.items() {
            Some([text, variables]) => (text.text(), variables.entries()),
            Some(_) => (None, None),
            None => (argument.text(), Some(&[][..])),
        };
        let (Some(text), Some(variables)) = (text, variables) else {
            return self
                .problem(line, "Sub takes a string, or a string and a mapping of variables");
        };
        let parts = match substitution::parts(text) {
            Ok(parts) => parts,
            Err(wrong) => return self.problem(line, format!("Sub {wrong}")),
        };
        let variables =
            variables.iter().map(|entry| (entry.key.as_str(), entry)).collect::<BTreeMap<_, _>>();
        let mut whole = String::new();
        let mut broken = false;
        for part in parts {
            match part {
                Part::Literal(literal) => whole.push_str(literal),
                Part::Variable(name) => {
                    let value = match variables.get(name) {
                        Some(entry) => self.resolve(&entry.value).map(|node| node.value),
                        None => match name.split_once('.') {
                            Some((name, attribute)) => Some(self.attribute(name, attribute, line)),
                            None => self.reference(name, line),
                        },
                    };
                    match value {
                        Some(Value::Scalar(text)) => whole.push_str(&text),
                        Some(Value::Broken) => broken = true,
                        Some(Value::Sequence(_) | Value::Mapping(_)) | None => {
                            self.problem(line, format!("Sub: {name} is not a string"));
                            broken = true;
                        }
                    }
                }
            }
            if !self.afford_text(&whole, line) {
                return Value::Broken;
            }
        }
        if broken { Value::Broken } else { self.scalar(&self.with_local_urls(whole), line) }
    }

    /// Whether a text that is being put together is still within the limit; if not, that is
    /// reported.
    fn afford_text(&self, text: &str, line: usize) -> bool {
        text.len() <= super::yaml::MAX_BYTES || {
            self.problem(line, "a resolved string is too long");
            false
        }
    }

    fn join(&self, argument: &Node, line: usize) -> Value {
        let usage = "Join takes a delimiter and a list of strings";
        let Some([delimiter, list]) = argument.items() else { return self.problem(line, usage) };
        let (Some(delimiter), Some(list)) = (delimiter.text(), self.resolve(list)) else {
            return self.problem(line, usage);
        };
        if list.is_broken() || list.items().is_some_and(|items| items.iter().any(Node::is_broken)) {
            return Value::Broken;
        }
        let texts: Option<Vec<_>> =
            list.items().and_then(|items| items.iter().map(Node::text).collect());
        let Some(texts) = texts else { return self.problem(line, usage) };
        let length = texts.iter().map(|text| text.len() + delimiter.len()).sum::<usize>();
        if length > super::yaml::MAX_BYTES {
            return self.problem(line, "a resolved string is too long");
        }
        Value::Scalar(self.with_local_urls(texts.join(delimiter)))
    }

    fn select(&self, argument: &Node, at: &Node) -> Option<Node> {
        let usage = "Select takes an index and a list that has it";
        let chosen = argument.items().and_then(|items| match items {
            [index, list] => Some((self.resolve(index)?, self.resolve(list)?)),
            _ => None,
        });
        let value = match chosen {
            Some((index, list)) if index.is_broken() || list.is_broken() => Value::Broken,
            Some((index, list)) => {
                let index = index.text().and_then(|text| text.parse::<usize>().ok());
                let item = index.and_then(|index| list.items()?.get(index).cloned());
                item.map_or_else(|| self.problem(at.line, usage), |item| item.value)
            }
            None => self.problem(at.line, usage),
        };
        Some(at.with(value))
    }

    fn split(&self, argument: &Node, line: usize) -> Value {
        let usage = "Split takes a delimiter that is not empty, and a string";
        let Some([delimiter, source]) = argument.items() else { return self.problem(line, usage) };
        let Some(delimiter) = delimiter.text().filter(|delimiter| !delimiter.is_empty()) else {
            return self.problem(line, usage);
        };
        match self.text_argument(source) {
            Ok(text) => {
                if !self.afford(text.split(delimiter).count().saturating_mul(64), line) {
                    return Value::Broken;
                }
                let items = text.split(delimiter).map(|item| source.with(Value::scalar(item)));
                Value::Sequence(items.collect())
            }
            Err(value) => value.unwrap_or_else(|| self.problem(line, usage)),
        }
    }

    fn find_in_map(&self, argument: &Node, line: usize) -> Value {
        let usage = "FindInMap takes a mapping, a key and a second key";
        let Some([map, first, second]) = argument.items() else {
            return self.problem(line, usage);
        };
        let mut keys = Vec::new();
        for key in [map, first, second] {
            match self.text_argument(key) {
                Ok(text) => keys.push(text),
                Err(value) => return value.unwrap_or_else(|| self.problem(line, usage)),
            }
        }
        let found =
            keys.iter().try_fold(self.mappings, |node, key| Some(Some(&node?.entry(key)?.value)));
        match found.flatten().map(|node| (&node.value, &node.tag)) {
            Some((value @ (Value::Scalar(_) | Value::Sequence(_)), None)) => value.clone(),
            _ => self.problem(line, format!("FindInMap: there is no {}", keys.join("."))),
        }
    }

    /// A resolved argument that has to be a string. The error holds the value to use instead, or
    /// `None` if the argument is not a string.
    fn text_argument(&self, node: &Node) -> Result<String, Option<Value>> {
        let resolved = self.resolve(node).ok_or(None)?;
        match resolved.value {
            Value::Scalar(text) => Ok(text),
            Value::Broken => Err(Some(Value::Broken)),
            Value::Sequence(_) | Value::Mapping(_) => Err(None),
        }
    }
}
