//! Services that know more about an event, as its contract declares them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use crate::contract::{ContractError, check_name, invalid};
use crate::sink::check_header;
use crate::{Schema, TextTemplate, UrlError, UrlTemplate, Variables};

/// A service that knows more about an event.
#[derive(Clone, Debug)]
pub struct Enricher {
    pub name: String,
    pub http: HttpEnricher,
    /// The member of the payload that takes the answer.
    pub into: String,
    /// What an answer is held to, before a part of it is kept: one that breaks it is the service's failure.
    pub schema: Option<Schema>,
    /// JSON Pointer of the part of the answer that is kept; the empty one is all of it.
    pub keep: String,
    pub missing: Missing,
    pub unavailable: Unavailable,
    /// The service, as [`crate::Dependencies`] and its circuit breaker call it.
    pub dependency: String,
    /// What an environment remembers of its answers. `None`: nothing.
    pub cache: Option<CacheRule>,
}

/// How answers are remembered in an environment, by the request that they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// How long an answer is as good as a new one.
    pub ttl_s: u64,
    /// How long it is one that there is no answer (404). At most a minute, if not given.
    pub absent_ttl_s: Option<u64>,
    /// For how long after that an answer may stand in while the service is unavailable, where the event goes on
    /// without (`degrade`): it is marked then all the same.
    #[serde(default)]
    pub stale_s: u64,
    /// The most answers that are kept.
    #[serde(default = "default_entries")]
    pub entries: usize,
}

fn default_entries() -> usize {
    1_000
}

/// A request whose answer is a JSON document.
#[derive(Clone, Debug)]
pub struct HttpEnricher {
    pub method: AskMethod,
    pub url: UrlTemplate,
    /// By lower-case names.
    pub headers: BTreeMap<String, TextTemplate>,
    /// How long one attempt may take.
    pub timeout_ms: u64,
}

/// How a service is asked. It may be asked more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AskMethod {
    #[default]
    Get,
    /// With the payload as its body.
    Post,
}

/// What it means when the service has no answer for this event (404): an answer, not an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The event goes on with null there, marked.
    #[default]
    Degrade,
    /// The event is a dead letter.
    Fail,
}

/// What becomes of an event while the service is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unavailable {
    /// It waits, uncounted, for as long as the dependency's longest wait.
    #[default]
    Park,
    /// It goes on with null there, marked; also where calls fail and the breaker is not open yet.
    Degrade,
    /// It is a dead letter at once.
    Fail,
}

/// An enricher, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenEnricher {
    name: String,
    http: WrittenHttp,
    into: String,
    #[serde(default)]
    keep: String,
    schema: Option<String>,
    cache: Option<CacheRule>,
    #[serde(default)]
    missing: Missing,
    #[serde(default)]
    unavailable: Unavailable,
    dependency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHttp {
    #[serde(default)]
    method: AskMethod,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    2_000
}

/// The enrichers of a contract, checked.
pub(crate) fn checked(
    written: Vec<WrittenEnricher>,
    schemas: &BTreeMap<String, String>,
) -> Result<Vec<Enricher>, ContractError> {
    let mut enrichers: Vec<Enricher> = Vec::new();
    for each in written {
        let enricher = Enricher::checked(each, schemas)?;
        if enrichers.iter().any(|other| other.name == enricher.name) {
            return Err(invalid("enrichers.name", "two of one name"));
        }
        if enrichers.iter().any(|other| other.into == enricher.into) {
            return Err(invalid("enrichers.into", "two that set one member"));
        }
        enrichers.push(enricher);
    }
    let placed = in_rounds(&enrichers).iter().map(Vec::len).sum::<usize>();
    if placed < enrichers.len() {
        return Err(invalid("enrichers.http.url", "some need each other's members, in a circle"));
    }
    Ok(enrichers)
}

/// The positions of enrichers that can be asked at the same time, round by round: each enricher comes after
/// those whose members its URL needs. Those that need each other in a circle are in no round.
#[must_use]
pub fn in_rounds(enrichers: &[Enricher]) -> Vec<Vec<usize>> {
    let mut rounds = Vec::new();
    let mut waiting: BTreeSet<usize> = (0..enrichers.len()).collect();
    loop {
        let mut round = Vec::new();
        for &position in &waiting {
            let mut others = waiting.iter().map(|&other| &enrichers[other]);
            if !others.any(|other| enrichers[position].needs(&other.into)) {
                round.push(position);
            }
        }
        if round.is_empty() {
            return rounds;
        }
        waiting.retain(|position| !round.contains(position));
        rounds.push(round);
    }
}

impl Enricher {
    fn checked(
        written: WrittenEnricher,
        schemas: &BTreeMap<String, String>,
    ) -> Result<Self, ContractError> {
        let name = written.name;
        check_name("enrichers.name", &name)?;
        if written.into.is_empty() {
            return Err(invalid("enrichers.into", "the name of a member"));
        }
        if !written.keep.is_empty() && !written.keep.starts_with('/') {
            return Err(invalid("enrichers.keep", "a JSON Pointer such as /current"));
        }
        let dependency = written.dependency.unwrap_or_else(|| name.clone());
        check_name("enrichers.dependency", &dependency)?;
        let schema = written.schema.map(|file| Schema::of_file(file, schemas)).transpose()?;
        if let Some(cache) = &written.cache {
            cache.check()?;
        }
        Ok(Self {
            http: HttpEnricher::checked(written.http, &name)?,
            name,
            into: written.into,
            schema,
            keep: written.keep,
            cache: written.cache,
            missing: written.missing,
            unavailable: written.unavailable,
            dependency,
        })
    }

    /// Whether its request is made of this member of the payload.
    fn needs(&self, member: &str) -> bool {
        self.http.url.pointers().any(|pointer| {
            let first = pointer.split('/').nth(1).unwrap_or_default();
            first.replace("~1", "/").replace("~0", "~") == member
        })
    }
}

impl CacheRule {
    fn check(&self) -> Result<(), ContractError> {
        const DAY_S: u64 = 24 * 60 * 60;
        if !(1..=DAY_S).contains(&self.ttl_s) {
            return Err(invalid("enrichers.cache.ttl_s", "from 1 to 86400"));
        }
        if self.absent_ttl_s.is_some_and(|absent_s| absent_s > DAY_S) || self.stale_s > DAY_S {
            return Err(invalid("enrichers.cache", "absent_ttl_s and stale_s are at most 86400"));
        }
        if !(1..=100_000).contains(&self.entries) {
            return Err(invalid("enrichers.cache.entries", "from 1 to 100000"));
        }
        Ok(())
    }

    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_s)
    }

    #[must_use]
    pub fn absent_ttl(&self) -> Duration {
        Duration::from_secs(self.absent_ttl_s.unwrap_or(self.ttl_s.min(60)))
    }

    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_secs(self.stale_s)
    }
}

impl HttpEnricher {
    fn checked(written: WrittenHttp, name: &str) -> Result<Self, ContractError> {
        if !(1..=20_000).contains(&written.timeout_ms) {
            return Err(invalid("enrichers.http.timeout_ms", "from 1 to 20000"));
        }
        let unusable = |source| ContractError::Url { name: name.to_owned(), source };
        let mut headers = BTreeMap::new();
        for (header, text) in written.headers {
            check_header("enrichers.http.headers", &header)?;
            headers.insert(header, TextTemplate::parse(&text).map_err(unusable)?);
        }
        Ok(Self {
            method: written.method,
            url: UrlTemplate::parse(&written.url).map_err(unusable)?,
            headers,
            timeout_ms: written.timeout_ms,
        })
    }

    /// With its variables' values in place.
    ///
    /// # Errors
    /// Those of [`UrlTemplate::bind`] and [`TextTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let mut headers = BTreeMap::new();
        for (name, text) in &self.headers {
            headers.insert(name.clone(), text.bind(variables)?);
        }
        Ok(Self { url: self.url.bind(variables)?, headers, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrichers(yaml: &str) -> Result<Vec<Enricher>, String> {
        let written: Vec<WrittenEnricher> =
            serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        let schema = r#"{"type": "object", "required": ["t"]}"#.to_owned();
        checked(written, &BTreeMap::from([("answer.json".to_owned(), schema)]))
            .map_err(|error| error.to_string())
    }

    fn with(more: &str) -> String {
        format!("[{{name: a, http: {{url: 'http://a.test/{{/x}}'}}, into: a{more}}}]")
    }

    #[test]
    fn an_enricher_has_its_own_dependency_and_parks_unless_it_says_otherwise() {
        let plain = &enrichers(&with("")).unwrap()[0];
        assert_eq!((plain.dependency.as_str(), plain.unavailable), ("a", Unavailable::Park));
        assert_eq!((plain.keep.as_str(), plain.http.method), ("", AskMethod::Get));
        let more = ", keep: /current, dependency: weather, unavailable: degrade";
        let said = &enrichers(&with(more)).unwrap()[0];
        assert_eq!((said.dependency.as_str(), said.unavailable), ("weather", Unavailable::Degrade));
        assert_eq!(said.keep, "/current");
    }

    #[test]
    fn mistakes_are_named() {
        #[track_caller]
        fn check(yaml: &str, expected: &str) {
            let error = enrichers(yaml).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        check(&with(", keep: current"), "enrichers.keep");
        check(&with(", dependency: The Weather"), "enrichers.dependency");
        check(&with(", unavailable: wait"), "park");
        check(&with(", schema: other.json"), "the schema file `other.json` is not there");
        check(&with(", cache: {ttl_s: 0}"), "enrichers.cache.ttl_s");
        check(&with(", cache: {ttl_s: 1, stale_s: 90000}"), "at most 86400");
        check(&with(", cache: {ttl_s: 1, entries: 0}"), "enrichers.cache.entries");
        check(&with(", cache: {ttl: 1}"), "ttl");
        let header = "[{name: a, into: a, http: {url: http://a.test/, headers: {X-A: b}}}]";
        check(header, "enrichers.http.headers");
        let one = with("");
        let one = one.trim_matches(['[', ']']);
        check(&format!("[{one}, {one}]"), "two of one name");
        check(
            &format!("[{one}, {}]", one.replace("name: a", "name: b")),
            "two that set one member",
        );
    }

    #[test]
    fn an_answer_has_a_schema_and_is_remembered() {
        let more = ", schema: answer.json, cache: {ttl_s: 300}";
        let enricher = &enrichers(&with(more)).unwrap()[0];
        let schema = enricher.schema.as_ref().unwrap();
        assert!(schema.problem(&serde_json::json!({"t": 1})).is_none());
        let problem = schema.problem(&serde_json::json!({})).unwrap();
        assert!(problem.contains("/t"), "{problem}");
        let cache = enricher.cache.unwrap();
        assert_eq!((cache.ttl().as_secs(), cache.absent_ttl().as_secs()), (300, 60));
        assert_eq!((cache.stale(), cache.entries), (Duration::ZERO, 1_000));
    }

    fn rounds(yaml: &str) -> Result<Vec<Vec<usize>>, String> {
        enrichers(yaml).map(|enrichers| in_rounds(&enrichers))
    }

    fn enricher(name: &str, pointer: &str) -> String {
        format!("{{name: {name}, into: {name}, http: {{url: 'http://a.test{pointer}'}}}}")
    }

    #[test]
    fn enrichers_are_asked_together_unless_one_needs_anothers_member() {
        let (a, b) = (enricher("a", "/{/x}"), enricher("b", "/{/y}"));
        assert_eq!(rounds(&format!("[{a}, {b}]")).unwrap(), [[0, 1]]);
        let needs_b = enricher("c", "/{/b/id}");
        assert_eq!(rounds(&format!("[{needs_b}, {a}, {b}]")).unwrap(), [vec![1, 2], vec![0]]);
        let needs_c = enricher("d", "/{/c}/{/a}");
        let all = format!("[{needs_c}, {needs_b}, {a}, {b}]");
        assert_eq!(rounds(&all).unwrap(), [vec![2, 3], vec![1], vec![0]]);
        let similar = enricher("e", "/{/bb}");
        assert_eq!(rounds(&format!("[{similar}, {b}]")).unwrap(), [[0, 1]]);
    }

    #[test]
    fn enrichers_that_need_each_other_are_refused() {
        let (a, b) = (enricher("a", "/{/b}"), enricher("b", "/{/a}"));
        let error = rounds(&format!("[{a}, {b}]")).unwrap_err();
        assert!(error.contains("in a circle"), "{error}");
        assert!(rounds(&format!("[{}]", enricher("a", "/{/a}"))).is_err());
    }
}
