//! Applies a JSON Patch (RFC 6902, <https://www.rfc-editor.org/rfc/rfc6902>) to a payload.
//!
//! Numbers keep their digits. `test` compares numbers by their value, as the RFC demands: `7.0` equals `7`.

use event::{MAX_DEPTH, is_same_value, kind_of};
use serde_json::{Map, Value, json};

use crate::pointer::{pointer_index, pointer_tokens};

/// The largest number of operations. It is more than any fix needs, and bounds the work.
const MOST_OPERATIONS: usize = 100;

/// The largest payload after a copy, in bytes of JSON. No message can hold more, and copies of copies grow fast.
const MOST_BYTES: usize = 1024 * 1024;

/// A list of operations. Either all of them are applied, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch(Vec<Operation>);

#[derive(Clone, Debug, PartialEq)]
struct Operation {
    path: Path,
    action: Action,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Add(Value),
    Remove,
    Replace(Value),
    Move { from: Path },
    Copy { from: Path },
    Test(Value),
}

/// A JSON Pointer (RFC 6901) with its tokens, whose escapes are resolved.
#[derive(Clone, Debug, PartialEq)]
struct Path {
    text: String,
    tokens: Vec<String>,
}

/// Why a patch cannot be read or applied. No value of the payload is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is not a list, is empty, or has too many operations.
    #[error("expected a JSON Patch, which is a list of 1 to {MOST_OPERATIONS} operations")]
    NoList,
    /// An element of the list is not an operation of RFC 6902, or could never be applied.
    #[error("the patch's operation {operation}: {problem}")]
    Malformed {
        /// The number of the operation, from 1.
        operation: usize,
        /// What is wrong with the operation, or what was expected.
        problem: String,
    },
    /// An operation cannot be applied to this payload.
    #[error("the patch's operation {operation} ({name} {path}): {problem}")]
    NotApplied {
        /// The number of the operation, from 1.
        operation: usize,
        /// The `op` of the operation, such as `replace`.
        name: &'static str,
        /// The `path` of the operation, as the patch has it.
        path: String,
        /// What was found at the path, or why the result is not allowed.
        problem: String,
    },
}

impl Patch {
    /// Reads a patch from its JSON.
    ///
    /// # Errors
    /// [`PatchError::NoList`], or [`PatchError::Malformed`] for the first operation that is wrong.
    pub fn parse(patch: &Value) -> Result<Self, PatchError> {
        let written = patch.as_array().ok_or(PatchError::NoList)?;
        if !(1..=MOST_OPERATIONS).contains(&written.len()) {
            return Err(PatchError::NoList);
        }
        let mut operations = Vec::with_capacity(written.len());
        for (index, each) in written.iter().enumerate() {
            let operation = Operation::parse(each)
                .map_err(|problem| PatchError::Malformed { operation: index + 1, problem })?;
            operations.push(operation);
        }
        Ok(Self(operations))
    }

    /// The patch as JSON. Members that RFC 6902 does not know are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0.iter().map(Operation::to_json).collect()
    }

    /// Applies all operations to a copy of the value.
    ///
    /// # Errors
    /// [`PatchError::NotApplied`] for the first operation that cannot be applied, or whose test fails.
    pub fn apply(&self, value: &Value) -> Result<Value, PatchError> {
        let mut changed = value.clone();
        for (index, operation) in self.0.iter().enumerate() {
            operation.apply(&mut changed).map_err(|problem| PatchError::NotApplied {
                operation: index + 1,
                name: operation.action.name(),
                path: operation.path.text.clone(),
                problem,
            })?;
        }
        Ok(changed)
    }
}

impl Operation {
    fn parse(written: &Value) -> Result<Self, String> {
        let members = written.as_object().ok_or("expected an object with `op` and `path`")?;
        let name = text(members, "op")?;
        let path = Path::parse(text(members, "path")?)?;
        let action = match name {
            "add" => Action::Add(value(members)?),
            "remove" => Action::Remove,
            "replace" => Action::Replace(value(members)?),
            "move" => Action::Move { from: Path::parse(text(members, "from")?)? },
            "copy" => Action::Copy { from: Path::parse(text(members, "from")?)? },
            "test" => Action::Test(value(members)?),
            other => {
                return Err(format!(
                    "`{other}` is none of add, remove, replace, move, copy and test"
                ));
            }
        };
        match &action {
            Action::Remove if path.tokens.is_empty() => {
                Err("the whole payload cannot be removed".to_owned())
            }
            // RFC 6902, section 4.4: "The "from" location MUST NOT be a proper prefix of the "path" location".
            Action::Move { from }
                if path.tokens.len() > from.tokens.len()
                    && path.tokens.starts_with(&from.tokens) =>
            {
                Err(format!("`{}` cannot be moved into itself", from.text))
            }
            _ => Ok(Self { path, action }),
        }
    }

    fn to_json(&self) -> Value {
        let mut written = json!({ "op": self.action.name(), "path": self.path.text });
        match &self.action {
            Action::Add(value) | Action::Replace(value) | Action::Test(value) => {
                written["value"] = value.clone();
            }
            Action::Move { from } | Action::Copy { from } => written["from"] = json!(from.text),
            Action::Remove => {}
        }
        written
    }

    fn apply(&self, root: &mut Value) -> Result<(), String> {
        match &self.action {
            Action::Add(value) => self.path.add(root, value.clone()),
            Action::Remove => self.path.remove(root).map(drop),
            Action::Replace(value) => {
                self.path.check_depth(value)?;
                *self.path.find(root)? = value.clone();
                Ok(())
            }
            Action::Move { from } => {
                let value = from.remove(root).map_err(|problem| from.problem_at_from(&problem))?;
                self.path.add(root, value)
            }
            Action::Copy { from } => {
                let found = from.find(root).map_err(|problem| from.problem_at_from(&problem))?;
                let value = found.clone();
                self.path.add(root, value)?;
                if root.to_string().len() > MOST_BYTES {
                    return Err("the payload grows beyond what a message holds".to_owned());
                }
                Ok(())
            }
            Action::Test(value) if is_same_value(self.path.find(root)?, value) => Ok(()),
            Action::Test(_) => Err("another value is there".to_owned()),
        }
    }
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Remove => "remove",
            Self::Replace(_) => "replace",
            Self::Move { .. } => "move",
            Self::Copy { .. } => "copy",
            Self::Test(_) => "test",
        }
    }
}

const NOTHING: &str = "nothing is there";

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        let tokens =
            pointer_tokens(text).ok_or_else(|| format!("`{text}` is not a JSON Pointer"))?;
        Ok(Self { text: text.to_owned(), tokens })
    }

    /// A problem at the operation's `from`, which the error does not name otherwise.
    fn problem_at_from(&self, problem: &str) -> String {
        format!("from {}: {problem}", self.text)
    }

    fn find<'a>(&self, root: &'a mut Value) -> Result<&'a mut Value, String> {
        let found = self.tokens.iter().try_fold(root, |value, token| match value {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => items.get_mut(pointer_index(token)?),
            _ => None,
        });
        found.ok_or_else(|| NOTHING.to_owned())
    }

    /// The value that contains this place, and the last token. `None` for the whole payload.
    fn parent<'a>(&self, root: &'a mut Value) -> Result<Option<(&'a mut Value, &String)>, String> {
        let Some((last, before)) = self.tokens.split_last() else { return Ok(None) };
        let parent = Self { text: String::new(), tokens: before.to_vec() };
        let parent = parent.find(root).map_err(|_| "nothing is there that it is in".to_owned())?;
        Ok(Some((parent, last)))
    }

    fn add(&self, root: &mut Value, value: Value) -> Result<(), String> {
        self.check_depth(&value)?;
        match self.parent(root)? {
            None => *root = value,
            Some((Value::Object(members), name)) => {
                members.insert(name.clone(), value);
            }
            Some((Value::Array(items), token)) => {
                let index = if token == "-" { Some(items.len()) } else { pointer_index(token) };
                match index {
                    Some(index) if index <= items.len() => items.insert(index, value),
                    _ => return Err("the array has no such place".to_owned()),
                }
            }
            Some((other, _)) => {
                return Err(format!("{} is there, which it cannot be in", kind_of(other)));
            }
        }
        Ok(())
    }

    fn remove(&self, root: &mut Value) -> Result<Value, String> {
        let removed = match self.parent(root)? {
            // `Operation::parse` refuses to remove the whole payload, and to move it elsewhere. It is only moved to
            // itself.
            None => Some(root.clone()),
            Some((Value::Object(members), name)) => members.remove(name),
            Some((Value::Array(items), token)) => {
                pointer_index(token).filter(|at| *at < items.len()).map(|at| items.remove(at))
            }
            Some(_) => None,
        };
        removed.ok_or_else(|| NOTHING.to_owned())
    }

    fn check_depth(&self, value: &Value) -> Result<(), String> {
        if self.tokens.len() + depth(value) > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }
}

/// How many arrays and objects are nested in a value, itself included.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| format!("expected a text `{name}`"))
}

fn value(members: &Map<String, Value>) -> Result<Value, String> {
    members.get("value").cloned().ok_or_else(|| "expected a `value`".to_owned())
}

#[cfg(test)]
mod tests;
