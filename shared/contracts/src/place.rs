//! Texts with places in braces, taken apart.

use serde_json::Value;

use crate::secret::PREFIX;
use crate::variables::{NameError, check_name};
use crate::{SecretReference, Variables};

/// Why a template cannot be read, bound or filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error(
        "`{place}` is neither a variable such as {{WEATHER_URL}} nor a pointer such as {{/origin}} nor, in a header, a secret such as {{secret:weather#token}}"
    )]
    Place { place: String },
    #[error("a `{{` without its `}}`")]
    Unclosed,
    #[error(transparent)]
    Name(NameError),
    #[error(
        "the URL begins with `{start}`; it must begin with http://, https:// or a variable, so that no event chooses the host"
    )]
    Host { start: String },
    #[error("nothing at `{pointer}`, which the request needs")]
    Missing { pointer: String },
    #[error(
        "with what is at `{pointer}`, a segment of the URL is `.` or `..`, which leads elsewhere"
    )]
    DotSegment { pointer: String },
    #[error("{file} has no {name}; expected `{name}: <value>` below `variables`")]
    Variable { file: String, name: String },
    #[error("{file}: {name} is `{found}`; expected {expected}")]
    Malformed { file: String, name: String, found: String, expected: &'static str },
    #[error("{file}: {name} is `{found}`, {why}")]
    Placeholder { file: String, name: String, found: String, why: &'static str },
    #[error("{file}: {name} is a secret, which no URL may hold: others log URLs. Use a header")]
    Secret { file: String, name: String },
    #[error("a URL may hold no secret: others log URLs. Use a header")]
    SecretPlace,
    #[error("the key of a lookup may hold no secret")]
    SecretInKey,
    #[error(
        "the key of a lookup takes nothing from an event; expected a JSON Pointer such as /origin, or a text with places such as airport#{{/origin}}"
    )]
    ConstantKey,
    #[error("a secret in a header is a place, such as {{secret:weather#token}}")]
    BareSecret,
    #[error("the variable `{name}` has no value yet")]
    Unbound { name: String },
    #[error("`{pointer}`: a header that holds a secret takes nothing from an event")]
    BesideSecret { pointer: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// `{NAME}`
    Variable(String),
    /// `{secret:NAME#FIELD}`
    Secret(SecretReference),
    /// `{/pointer}`
    Pointer(String),
}

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
        let unknown = || UrlError::Place { place: place.to_owned() };
        if place.starts_with(PREFIX) {
            return SecretReference::parse(place).map(Self::Secret).ok_or_else(unknown);
        }
        match check_name(place) {
            Ok(()) => Ok(Self::Variable(place.to_owned())),
            Err(source @ NameError::Reserved { .. }) => Err(UrlError::Name(source)),
            Err(NameError::Malformed { .. }) => Err(unknown()),
        }
    }
}

/// The variables that are not bound yet.
pub(crate) fn variables(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Variable(name) => Some(name.as_str()),
        Part::Text(_) | Part::Secret(_) | Part::Pointer(_) => None,
    })
}

/// What stands in a request in place of an event's value: a text that is not empty, a number's digits, or a truth
/// value.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A value that stands for one that somebody has still to put there.
///
/// # Errors
/// [`UrlError::Placeholder`].
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

/// Whether it is a URL whose host is below `.example`: <https://www.rfc-editor.org/rfc/rfc2606#section-2>.
fn is_example(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.trim_end_matches('.').to_ascii_lowercase().ends_with(".example")
}
