//! Reads texts that have placeholders in braces: variables, secrets and pointers into a payload. URLs, headers and
//! lookup keys are such texts.

use serde_json::Value;

use crate::secret::PREFIX;
use crate::variables::{NameError, check_name};
use crate::{SecretReference, Variables};

/// Why a template cannot be read, bound or filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text between two braces is none of the placeholders.
    #[error(
        "`{place}` is neither a variable such as {{WEATHER_URL}} nor a pointer such as {{/origin}} nor, in a header, a secret such as {{secret:weather#token}}"
    )]
    Place {
        /// The text between the braces.
        place: String,
    },
    /// A brace is opened and not closed.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// A placeholder is a variable that no contract may read.
    #[error(transparent)]
    Name(NameError),
    /// The host of a URL is not fixed text or a variable, so that a payload could choose it.
    #[error(
        "the URL begins with `{start}`; it must begin with http://, https:// or a variable, so that no event chooses the host"
    )]
    Host {
        /// The first 32 characters of the URL's template.
        start: String,
    },
    /// The payload has no value for a placeholder: nothing is there, or null, an empty text, an array or an object.
    #[error("nothing at `{pointer}`, which the request needs")]
    Missing {
        /// The JSON Pointer of the placeholder.
        pointer: String,
    },
    /// A value of the payload makes a segment of the path `.` or `..`, which would lead to another path.
    #[error(
        "with what is at `{pointer}`, a segment of the URL is `.` or `..`, which leads elsewhere"
    )]
    DotSegment {
        /// The JSON Pointer of the value.
        pointer: String,
    },
    /// A variable is not in the file of variables.
    #[error("{file} has no {name}; expected `{name}: <value>` below `variables`")]
    Variable {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
    },
    /// The value of a variable cannot be used at its place in a URL.
    #[error("{file}: {name} is `{found}`; expected {expected}")]
    Malformed {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
        /// The first 120 characters of its value.
        found: String,
        /// What the place takes.
        expected: &'static str,
    },
    /// The value of a variable still has to be replaced by a real one.
    #[error("{file}: {name} is `{found}`, {why}")]
    Placeholder {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
        /// Its value.
        found: String,
        /// Why the value is not a real one.
        why: &'static str,
    },
    /// A URL has a variable that is a secret.
    #[error("{file}: {name} is a secret, which no URL may hold: others log URLs. Use a header")]
    Secret {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
    },
    /// A secret is used where only [`TextTemplate::render`](crate::TextTemplate::render) can fill it in: in a URL, or
    /// in a header that is filled in from a payload.
    #[error("a URL may hold no secret: others log URLs. Use a header")]
    SecretPlace,
    /// The key of a lookup has a secret, or a variable that is one.
    #[error("the key of a lookup may hold no secret")]
    SecretInKey,
    /// The key of a lookup would be the same for every event.
    #[error(
        "the key of a lookup takes nothing from an event; expected a JSON Pointer such as /origin, or a text with places such as airport#{{/origin}}"
    )]
    ConstantKey,
    /// A header begins with `secret:` without braces, so that the reference itself would be sent.
    #[error("a secret in a header is a place, such as {{secret:weather#token}}")]
    BareSecret,
    /// A template is filled in before its variables have their values, or a header with pointers is rendered without a
    /// payload.
    #[error("the variable `{name}` has no value yet")]
    Unbound {
        /// The name of the variable, or the JSON Pointer.
        name: String,
    },
    /// A header has a secret and a value of the payload.
    #[error("`{pointer}`: a header that holds a secret takes nothing from an event")]
    BesideSecret {
        /// The JSON Pointer of the payload's value.
        pointer: String,
    },
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text that is used as it is.
    Text(String),
    /// `{NAME}`
    Variable(String),
    /// `{secret:NAME#FIELD}`
    Secret(SecretReference),
    /// `{/pointer}`
    Pointer(String),
}

/// Splits a template into its parts. Nothing can escape a brace.
pub(crate) fn read_parts(text: &str) -> Result<Vec<Part>, UrlError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            parts.push(Part::Text(rest[..open].to_owned()));
        }
        let (place, after) = rest[open + 1..].split_once('}').ok_or(UrlError::Unclosed)?;
        parts.push(Part::read(place)?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

impl Part {
    fn read(place: &str) -> Result<Self, UrlError> {
        if place.starts_with('/') {
            return Ok(Self::Pointer(place.to_owned()));
        }
        if place.starts_with(PREFIX) {
            return match SecretReference::parse(place) {
                Some(reference) => Ok(Self::Secret(reference)),
                None => Err(UrlError::Place { place: place.to_owned() }),
            };
        }
        match check_name(place) {
            Ok(()) => Ok(Self::Variable(place.to_owned())),
            Err(source @ NameError::Reserved { .. }) => Err(UrlError::Name(source)),
            Err(NameError::Malformed { .. }) => Err(UrlError::Place { place: place.to_owned() }),
        }
    }
}

/// The names of the variables that have no value yet.
pub(crate) fn variables(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Variable(name) => Some(name.as_str()),
        Part::Text(_) | Part::Secret(_) | Part::Pointer(_) => None,
    })
}

/// A value of a payload as a request has it: a text that is not empty, the digits of a number, or `true` or `false`.
/// `None` for every other value.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Checks that the value of a variable is a real one.
///
/// # Errors
/// [`UrlError::Placeholder`] if somebody still has to replace the value.
pub(crate) fn check_is_ready(
    variables: &Variables,
    name: &str,
    value: &str,
) -> Result<(), UrlError> {
    let why = if value.starts_with("{LOCAL_") {
        "which only the local emulation fills in"
    } else if is_example(value) {
        "an example: names below .example reach nobody (RFC 2606)"
    } else {
        return Ok(());
    };
    let (file, name, found) = (variables.file().to_owned(), name.to_owned(), value.to_owned());
    Err(UrlError::Placeholder { file, name, found, why })
}

/// Whether this is a URL whose host is below `.example`: <https://www.rfc-editor.org/rfc/rfc2606#section-2>.
fn is_example(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.trim_end_matches('.').to_ascii_lowercase().ends_with(".example")
}
