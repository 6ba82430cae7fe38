//! Texts with places: `{NAME}` from the environment at the start, and in a URL `{/pointer}` from each
//! payload.

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
    Pointer(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error(
        "`{place}` is neither a variable such as {{WEATHER_URL}} nor a pointer such as {{/origin}}"
    )]
    Place { place: String },
    #[error("a `{{` without its `}}`")]
    Unclosed,
    #[error(
        "the URL begins with `{start}`; it must begin with http://, https:// or a variable, so that no event chooses the host"
    )]
    Host { start: String },
    #[error("nothing at `{pointer}`, which the URL needs")]
    Missing { pointer: String },
    #[error(
        "with what is at `{pointer}`, a segment of the URL is `.` or `..`, which leads elsewhere"
    )]
    DotSegment { pointer: String },
    #[error("`{name}` is not set")]
    Variable { name: String },
    #[error("`{pointer}`: a header comes from the contract and the environment, not from an event")]
    Header { pointer: String },
}

/// A text whose places are variables.
#[derive(Clone, PartialEq, Eq)]
pub struct TextTemplate {
    parts: Vec<Part>,
}

/// What may stand in a path segment or a query value as it is: RFC 3986, section 2.3.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl UrlTemplate {
    /// # Errors
    /// When a place is not understood, or the host could come from an event.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let parts = read_parts(text)?;
        let host_is_fixed = match parts.as_slice() {
            [Part::Variable(_), Part::Text(next), ..] => next.starts_with(['/', '?']),
            [Part::Variable(_)] => true,
            [Part::Text(start), rest @ ..] => {
                let host = start.strip_prefix("http://").or(start.strip_prefix("https://"));
                host.is_some_and(|host| host.contains('/') || (rest.is_empty() && !host.is_empty()))
            }
            _ => false,
        };
        if !host_is_fixed {
            return Err(UrlError::Host { start: text.chars().take(32).collect() });
        }
        Ok(Self { parts })
    }

    /// The variables that must be set.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        variables(&self.parts)
    }

    /// Whether what does not come from an event begins so; known once the variables are in place.
    #[must_use]
    pub fn begins_with(&self, start: &str) -> bool {
        matches!(self.parts.first(), Some(Part::Text(text)) if text.starts_with(start))
    }

    /// The template with its variables' values in place.
    ///
    /// # Errors
    /// [`UrlError::Variable`] for one that `lookup` does not know.
    pub fn bind(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let bound = |value: &str| value.trim_end_matches('/').to_owned();
        Ok(Self { parts: bind(&self.parts, lookup, bound)? })
    }

    /// The URL for one payload; what comes from it is percent-encoded, slashes too.
    ///
    /// # Errors
    /// [`UrlError::Missing`] when a pointer finds nothing that can stand in a URL;
    /// [`UrlError::DotSegment`] when, with what it finds, a segment of the path is `.` or `..`. Whoever
    /// normalises the path takes that for a step, encoded too:
    /// <https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2>,
    /// <https://url.spec.whatwg.org/#double-dot-path-segment>.
    pub fn render(&self, payload: &Value) -> Result<String, UrlError> {
        let mut url = String::new();
        let mut places = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Variable(name) => return Err(UrlError::Variable { name: name.clone() }),
                Part::Pointer(pointer) => {
                    let missing = || UrlError::Missing { pointer: pointer.clone() };
                    let text = match payload.pointer(pointer).ok_or_else(missing)? {
                        Value::String(text) if !text.is_empty() => text.clone(),
                        Value::Number(number) => number.to_string(),
                        Value::Bool(flag) => flag.to_string(),
                        _ => return Err(missing()),
                    };
                    places.push((url.len(), pointer));
                    url.extend(utf8_percent_encode(&text, KEPT));
                }
            }
        }
        match places.into_iter().find(|(at, _)| is_dot_segment(&url, *at)) {
            Some((_, pointer)) => Err(UrlError::DotSegment { pointer: pointer.clone() }),
            None => Ok(url),
        }
    }
}

/// Whether the path's segment at this position is one.
fn is_dot_segment(url: &str, at: usize) -> bool {
    let (before, after) = url.split_at(at);
    let begins = before.rfind('/').map_or(0, |slash| slash + 1);
    let ends = after.find(['/', '?', '#']).map_or(url.len(), |end| at + end);
    let segment = url[begins..ends].to_ascii_lowercase().replace("%2e", ".");
    !before.contains(['?', '#']) && matches!(segment.as_str(), "." | "..")
}

impl TextTemplate {
    /// # Errors
    /// When a place is not understood, or is a pointer.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let parts = read_parts(text)?;
        for part in &parts {
            if let Part::Pointer(pointer) = part {
                return Err(UrlError::Header { pointer: pointer.clone() });
            }
        }
        Ok(Self { parts })
    }

    /// The variables that must be set.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        variables(&self.parts)
    }

    /// The template with its variables' values in place.
    ///
    /// # Errors
    /// [`UrlError::Variable`] for one that `lookup` does not know.
    pub fn bind(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        Ok(Self { parts: bind(&self.parts, lookup, str::to_owned)? })
    }

    /// What it says, once it is bound.
    ///
    /// # Errors
    /// [`UrlError::Variable`] before.
    pub fn text(&self) -> Result<String, UrlError> {
        let text = |part: &Part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Variable(name) | Part::Pointer(name) => {
                Err(UrlError::Variable { name: name.clone() })
            }
        };
        self.parts.iter().map(text).collect()
    }
}

/// A bound one may be a secret.
impl fmt::Debug for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextTemplate")
    }
}

fn read_parts(text: &str) -> Result<Vec<Part>, UrlError> {
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

fn variables(parts: &[Part]) -> BTreeSet<&str> {
    parts.iter().filter_map(Part::variable).collect()
}

fn bind(
    parts: &[Part],
    lookup: impl Fn(&str) -> Option<String>,
    bound: impl Fn(&str) -> String,
) -> Result<Vec<Part>, UrlError> {
    let bind = |part: &Part| match part {
        Part::Variable(name) => {
            let value = lookup(name).ok_or_else(|| UrlError::Variable { name: name.clone() })?;
            Ok(Part::Text(bound(&value)))
        }
        other => Ok(other.clone()),
    };
    parts.iter().map(bind).collect()
}

impl Part {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Text(_) | Self::Pointer(_) => None,
        }
    }

    fn read(place: &str) -> Result<Self, UrlError> {
        if place.starts_with('/') {
            return Ok(Self::Pointer(place.to_owned()));
        }
        let fits = |b: u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        if !place.is_empty() && place.bytes().all(fits) {
            return Ok(Self::Variable(place.to_owned()));
        }
        Err(UrlError::Place { place: place.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(text: &str) -> UrlTemplate {
        let lookup = |name: &str| (name == "BASE").then(|| "http://127.0.0.1:9/".to_owned());
        UrlTemplate::parse(text).unwrap().bind(lookup).unwrap()
    }

    #[test]
    fn places_are_filled_and_encoded() {
        let url = bound("{BASE}/v1/{/a/b}?n={/n}");
        let payload = json!({"a": {"b": "../x y?&\u{e9}"}, "n": 7});
        assert_eq!(
            url.render(&payload).unwrap(),
            "http://127.0.0.1:9/v1/..%2Fx%20y%3F%26%C3%A9?n=7"
        );
    }

    #[test]
    fn a_number_and_a_boolean_are_written_as_they_are() {
        let payload = r#"{"n":12345678901234567890.10,"flag":false}"#;
        let payload = serde_json::from_str(payload).unwrap();
        let url = bound("{BASE}/{/n}/{/flag}").render(&payload).unwrap();
        assert_eq!(url, "http://127.0.0.1:9/12345678901234567890.10/false");
    }

    #[test]
    fn a_template_tells_its_variables_until_they_are_in_place() {
        let template = UrlTemplate::parse("{BASE}/{/a}?key={KEY}").unwrap();
        assert_eq!(template.variables(), BTreeSet::from(["BASE", "KEY"]));
        assert!(!template.begins_with("https://"));
        let filled = template.bind(|name| Some(format!("https://{name}"))).unwrap();
        assert_eq!(filled.variables(), BTreeSet::new());
        assert!(filled.begins_with("https://BASE") && !filled.begins_with("http://"));

        let header = TextTemplate::parse("Bearer {TOKEN}").unwrap();
        assert_eq!(header.variables(), BTreeSet::from(["TOKEN"]));
        assert_eq!(header.text(), Err(UrlError::Variable { name: "TOKEN".to_owned() }));
        let filled = header.bind(|_| Some("secret".to_owned())).unwrap();
        assert_eq!(filled.text().unwrap(), "Bearer secret");
        assert_eq!(format!("{filled:?}"), "TextTemplate", "a header may be a secret");
    }

    #[test]
    fn an_event_never_chooses_the_host() {
        for bad in [
            "{/host}/x",
            "https://{/host}/x",
            "https://a{/host}/x",
            "{BASE}{/host}",
            "ftp://a/b",
            "",
            "http://",
        ] {
            assert!(matches!(UrlTemplate::parse(bad), Err(UrlError::Host { .. })), "{bad}");
        }
        for good in
            ["https://a.example/{/x}", "http://a.example", "{BASE}", "{BASE}/x", "{BASE}?q={/x}"]
        {
            assert!(UrlTemplate::parse(good).is_ok(), "{good}");
        }
    }

    #[track_caller]
    fn check_dots(url: &str, value: &str, is_refused: bool) {
        let refused = UrlError::DotSegment { pointer: "/a".to_owned() };
        let rendered = bound(url).render(&json!({"a": value}));
        assert_eq!(rendered.err(), is_refused.then_some(refused), "{url} with {value}");
    }

    #[test]
    fn an_event_never_climbs_the_path() {
        for value in [".", ".."] {
            check_dots("{BASE}/v1/{/a}", value, true);
            check_dots("{BASE}/v1/{/a}/x", value, true);
            check_dots("{BASE}/v1/{/a}?b", value, true);
            check_dots("{BASE}/v1/{/a}#b", value, true);
            check_dots("{BASE}/v1/x{/a}", value, false);
            check_dots("{BASE}/v1/{/a}.json", value, false);
            check_dots("{BASE}/v1?a={/a}", value, false);
            check_dots("{BASE}/v1?a=/{/a}/", value, false);
            check_dots("{BASE}/v1/../{/a}x", value, false);
        }
        for (url, value) in
            [("/.{/a}", "."), ("/{/a}.", "."), ("/%2E{/a}", "."), ("/%2e{/a}/", ".")]
        {
            check_dots(&format!("{{BASE}}{url}"), value, true);
        }
        for value in ["...", "%2e", "%2e%2e", "./", "../..", "a", "a..", ". "] {
            check_dots("{BASE}/v1/{/a}/x", value, false);
        }
        let two = bound("{BASE}/{/a}{/b}").render(&json!({"a": ".", "b": "."}));
        assert_eq!(two, Err(UrlError::DotSegment { pointer: "/a".to_owned() }));
    }

    #[test]
    fn what_is_missing_is_named() {
        let url = bound("{BASE}/{/a}");
        for payload in [json!({}), json!({"a": null}), json!({"a": ""}), json!({"a": []})] {
            assert_eq!(url.render(&payload), Err(UrlError::Missing { pointer: "/a".to_owned() }));
        }
        let unset = UrlTemplate::parse("{OTHER}/x").unwrap().bind(|_| None);
        assert_eq!(unset, Err(UrlError::Variable { name: "OTHER".to_owned() }));
    }
}
