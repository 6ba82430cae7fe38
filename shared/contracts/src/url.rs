//! Templates for URLs. `{NAME}` is a variable, whose value is inserted when a function starts, and `{/pointer}` is
//! filled in from each payload.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::Variables;
use crate::place::{Part, UrlError, check_is_ready, read_parts, scalar_text, variables};
use crate::variables::VariableValue;

/// The template for a URL. The host never comes from a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    parts: Vec<Part>,
}

/// Everything is percent-encoded but the unreserved characters of RFC 3986, section 2.3.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl UrlTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// If a placeholder is neither a variable nor a pointer, or if the host could come from a payload.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let parts = read_parts(text)?;
        if parts.iter().any(|part| matches!(part, Part::Secret(_))) {
            return Err(UrlError::SecretPlace);
        }
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

    /// The names of the variables that have no value yet.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        variables(&self.parts).collect()
    }

    /// The JSON Pointers to the values of a payload that the URL needs.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Pointer(pointer) => Some(pointer.as_str()),
            Part::Text(_) | Part::Variable(_) | Part::Secret(_) => None,
        })
    }

    /// Whether the URL begins with this text, before the first pointer. Always false while its first variable has no
    /// value.
    #[must_use]
    pub fn begins_with(&self, start: &str) -> bool {
        matches!(self.parts.first(), Some(Part::Text(text)) if text.starts_with(start))
    }

    /// The template with the values of its variables. The value of a variable at the beginning must be the beginning of
    /// a URL, and every other value a part of one.
    ///
    /// # Errors
    /// [`UrlError::Variable`] for a variable that is not in the file, [`UrlError::Malformed`] for a value that cannot
    /// be used at its place, [`UrlError::Secret`] for a secret, [`UrlError::Placeholder`] for a value that still has to
    /// be replaced.
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let mut parts = Vec::new();
        for (position, part) in self.parts.iter().enumerate() {
            let Part::Variable(name) = part else {
                parts.push(part.clone());
                continue;
            };
            let text = match variables.get(name) {
                Some(VariableValue::Text(text)) => text,
                Some(VariableValue::Secret(_)) => {
                    let (file, name) = (variables.file().to_owned(), name.clone());
                    return Err(UrlError::Secret { file, name });
                }
                None => return Err(UrlError::missing(variables, name)),
            };
            check_is_ready(variables, name, text)?;
            let (fits, expected) = match position {
                0 => (is_base(text), "a URL such as https://weather.example.com, without a user"),
                _ => (is_part(text), "a part of a URL, percent-encoded"),
            };
            if !fits {
                return Err(UrlError::Malformed {
                    file: variables.file().to_owned(),
                    name: name.clone(),
                    found: text.chars().take(120).collect(),
                    expected,
                });
            }
            parts.push(Part::Text(text.trim_end_matches('/').to_owned()));
        }
        Ok(Self { parts })
    }

    /// The URL for one payload. The values of the payload are percent-encoded, their slashes too.
    ///
    /// # Errors
    /// [`UrlError::Missing`] if a pointer finds nothing, an empty text, null, an array or an object;
    /// [`UrlError::Unbound`] if the template is not bound; [`UrlError::DotSegment`] if a value makes a segment of the
    /// path `.` or `..`. Clients and servers that normalise the path would follow such a segment to another path, even
    /// if it is percent-encoded:
    /// <https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2>,
    /// <https://url.spec.whatwg.org/#double-dot-path-segment>.
    pub fn render(&self, payload: &Value) -> Result<String, UrlError> {
        let mut url = String::new();
        let mut places = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Variable(name) => return Err(UrlError::Unbound { name: name.clone() }),
                Part::Secret(_) => return Err(UrlError::SecretPlace),
                Part::Pointer(pointer) => {
                    let Some(text) = payload.pointer(pointer).and_then(scalar_text) else {
                        return Err(UrlError::Missing { pointer: pointer.clone() });
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

impl UrlError {
    pub(crate) fn missing(variables: &Variables, name: &str) -> Self {
        Self::Variable { file: variables.file().to_owned(), name: name.to_owned() }
    }
}

/// Whether a URL can begin with this text. It has a scheme and a host, and no name and password of a user.
fn is_base(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty() && !host.contains('@')) && is_part(text)
}

/// Whether the text has only characters of a URL: <https://www.rfc-editor.org/rfc/rfc3986#section-2>.
fn is_part(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&b))
}

/// Whether the segment of the path at this byte is `.` or `..`, also if it is percent-encoded.
fn is_dot_segment(url: &str, at: usize) -> bool {
    let (before, after) = url.split_at(at);
    let begins = before.rfind('/').map_or(0, |slash| slash + 1);
    let ends = after.find(['/', '?', '#']).map_or(url.len(), |end| at + end);
    let segment = url[begins..ends].to_ascii_lowercase().replace("%2e", ".");
    !before.contains(['?', '#']) && matches!(segment.as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let yaml = "
variables:
  BASE: http://127.0.0.1:9/
  KEY: a%20b
  TOKEN: secret:weather
  LOCAL: '{LOCAL_WEATHER}'
  EXAMPLE: https://weather.example/v1
  WORD: weather
  USER: https://me@weather.test
  SPACE: https://weather.test/a b
";
        Variables::parse("variables/test.yaml", yaml).unwrap()
    }

    fn bound(text: &str) -> UrlTemplate {
        UrlTemplate::parse(text).unwrap().bind(&variables()).unwrap()
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
    fn a_template_lists_its_variables_until_they_have_values() {
        let template = UrlTemplate::parse("{BASE}/{/a}?key={KEY}").unwrap();
        assert_eq!(template.variables(), BTreeSet::from(["BASE", "KEY"]));
        assert!(!template.begins_with("http://"));
        let unbound = template.render(&json!({"a": 1}));
        assert_eq!(unbound, Err(UrlError::Unbound { name: "BASE".to_owned() }));
        let filled = template.bind(&variables()).unwrap();
        assert_eq!(filled.variables(), BTreeSet::new());
        assert!(filled.begins_with("http://127") && !filled.begins_with("https://"));
        let url = filled.render(&json!({"a": 1})).unwrap();
        assert_eq!(url, "http://127.0.0.1:9/1?key=a%20b");
    }

    #[track_caller]
    fn check_bound(text: &str, expected: &str) {
        let error = UrlTemplate::parse(text).and_then(|url| url.bind(&variables())).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }

    #[test]
    fn a_value_that_cannot_stand_there_is_named_with_its_file() {
        let missing = "variables/test.yaml has no OTHER; expected `OTHER: <value>` below";
        check_bound("{OTHER}/x", missing);
        check_bound("{WORD}/x", "variables/test.yaml: WORD is `weather`; expected a URL");
        check_bound(
            "{USER}/x",
            "expected a URL such as https://weather.example.com, without a user",
        );
        check_bound("{SPACE}/x", "SPACE is `https://weather.test/a b`");
        check_bound("{BASE}/x?a={SPACE}", "expected a part of a URL");
        check_bound("{LOCAL}/x", "`{LOCAL_WEATHER}`, which only the local emulation fills in");
        check_bound("{EXAMPLE}/x", "`https://weather.example/v1`, an example");
        check_bound("{TOKEN}/x", "TOKEN is a secret");
        check_bound("{BASE}/x?key={TOKEN}", "TOKEN is a secret");
        check_bound("https://a.test/?key={secret:a}", "no secret: others log URLs");
        check_bound("{AWS_SECRET_ACCESS_KEY}", "`AWS_SECRET_ACCESS_KEY` is a name of Lambda's");
        check_bound("https://a.test/{_HANDLER}", "`_HANDLER` is a name of Lambda's");
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
    }
}
