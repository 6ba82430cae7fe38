//! What a new contract says: from arguments, from answers on a terminal, and from what sample events suggest.

use std::path::{Path, PathBuf};

use super::ask::{Ask, Question, ask_until};
use crate::contract::args::{New, NewSink, NewSinkKind, parse_sink};
use crate::contract::infer::{Candidates, Inferred};
use crate::failure::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) dataset: String,
    pub(super) description: String,
    pub(super) owner: String,
    pub(super) keys: Vec<String>,
    pub(super) business: Vec<String>,
    pub(super) event_time: String,
    /// How the time is written, where it is not RFC 3339, and in which zone.
    pub(super) time_format: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) tenant: Option<String>,
    /// What is said to be personal, and not only suggested.
    pub(super) personal: Vec<String>,
    pub(super) sinks: Vec<NewSink>,
    pub(super) url: Option<String>,
}

/// Asks for a file of sample events.
pub(super) fn ask_for_samples(ask: &mut dyn Ask) -> Result<Option<PathBuf>, Failure> {
    let what = "A file of sample events, or nothing";
    let mut problem = None;
    loop {
        let question = Question { what, default: None, problem: problem.take() };
        let Some(answer) = ask.ask(&question)? else { return Ok(None) };
        let path = PathBuf::from(&answer);
        if path.is_file() {
            return Ok(Some(path));
        }
        problem = Some(format!("There is no file {answer}."));
    }
}

impl Answers {
    /// The arguments, completed by asking. Without anybody to ask, everything has to be there.
    pub(super) fn complete(
        args: &New,
        inferred: Option<&Inferred>,
        ask: Option<&mut dyn Ask>,
    ) -> Result<Self, Failure> {
        let none = Candidates::default();
        let candidates = inferred.map_or(&none, |inferred| &inferred.candidates);
        let personal = inferred.map(|inferred| &inferred.personal[..]).unwrap_or_default();
        let personal: Vec<String> = personal.iter().map(|guess| guess.pointer.clone()).collect();
        match ask {
            Some(ask) => Self::asked(args, candidates, &personal, ask),
            None => Self::given(args, candidates),
        }
    }

    fn given(args: &New, candidates: &Candidates) -> Result<Self, Failure> {
        let (Some(description), Some(owner), Some(event_time), false) =
            (&args.description, &args.owner, &args.event_time, args.key.is_empty())
        else {
            return Err(missing(args, candidates));
        };
        let answers = Self {
            dataset: args.dataset.clone(),
            description: description.clone(),
            owner: owner.clone(),
            keys: args.key.clone(),
            business: if args.business.is_empty() { &args.key } else { &args.business }.clone(),
            event_time: event_time.clone(),
            time_format: args.time_format.clone(),
            time_zone: args.time_zone.clone(),
            tenant: args.tenant.clone(),
            personal: args.personal.clone(),
            sinks: if args.sink.is_empty() { default_sinks() } else { args.sink.clone() },
            url: args.url.clone(),
        };
        if answers.needs_url() && answers.url.is_none() {
            return Err(Failure::new(
                "a sink of kind http needs a URL, and there is nobody to ask",
            )
            .next("add --url, such as --url 'https://orders.example/{/id}'"));
        }
        Ok(answers)
    }

    fn asked(
        args: &New,
        candidates: &Candidates,
        personal: &[String],
        ask: &mut dyn Ask,
    ) -> Result<Self, Failure> {
        let description = match &args.description {
            Some(given) => given.clone(),
            None => ask_until(ask, "What one event is, for people", None, text)?,
        };
        let owner = match &args.owner {
            Some(given) => given.clone(),
            None => ask_until(ask, "The team that answers for the events", None, text)?,
        };
        let what = "JSON Pointers that make an event one event, such as /id";
        let suggested = candidates.keys.first().map(String::as_str);
        let keys = pointers(ask, &args.key, what, suggested)?;
        let what = "JSON Pointers that name what the event is about, such as /customer";
        let business = pointers(ask, &args.business, what, Some(&keys.join(" ")))?;
        let event_time = match &args.event_time {
            Some(given) => given.clone(),
            None => {
                let suggested = candidates.times.first().map(String::as_str);
                ask_until(ask, "The JSON Pointer of the event's time", suggested, pointer)?
            }
        };
        let what = "JSON Pointers of personal data, or none";
        let suggested = if personal.is_empty() { "none".to_owned() } else { personal.join(" ") };
        let personal = pointers(ask, &args.personal, what, Some(&suggested))?;
        let sinks = match args.sink.is_empty() {
            false => args.sink.clone(),
            true => ask_until(ask, "Sinks: table, lake, http", Some("table lake"), sinks)?,
        };
        let mut answers = Self {
            dataset: args.dataset.clone(),
            description,
            owner,
            keys,
            business,
            event_time,
            time_format: args.time_format.clone(),
            time_zone: args.time_zone.clone(),
            tenant: args.tenant.clone(),
            personal,
            sinks,
            url: args.url.clone(),
        };
        if answers.needs_url() && answers.url.is_none() {
            let what = "The URL to send events to, such as https://orders.example/{/id}";
            answers.url = Some(ask_until(ask, what, None, text)?);
        }
        Ok(answers)
    }

    fn needs_url(&self) -> bool {
        self.sinks.iter().any(|sink| sink.kind == NewSinkKind::Http)
    }

    /// The name of a sink: its own, or one by its kind. The table `records` is there in every template. The name of a
    /// service is that of its circuit breaker too, which no other dataset should share by chance.
    pub(super) fn name_of(&self, sink: &NewSink) -> String {
        match (&sink.name, sink.kind) {
            (Some(name), _) => name.clone(),
            (None, NewSinkKind::Table) => "records".to_owned(),
            (None, NewSinkKind::Lake) => "lake".to_owned(),
            (None, NewSinkKind::Http) => format!("{}-service", self.dataset),
        }
    }

    /// What is personal, and what may be. Neither gets into samples.
    pub(super) fn personal_pointers(&self, inferred: Option<&Inferred>) -> Vec<String> {
        let mut all = self.personal.clone();
        if let Some(inferred) = inferred {
            all.extend(inferred.personal.iter().map(|guess| guess.pointer.clone()));
        }
        all
    }

    /// The command that gives these answers as arguments, for whoever has to correct one of them.
    pub(super) fn command_line(&self, from: Option<&Path>) -> String {
        let mut words = vec![format!("sluicegate contracts new {}", self.dataset)];
        let mut add =
            |option: &str, value: &str| words.push(format!("--{option} {}", shell(value)));
        if let Some(from) = from {
            add("from", &from.display().to_string());
        }
        add("description", &self.description);
        add("owner", &self.owner);
        self.keys.iter().for_each(|pointer| add("key", pointer));
        self.business.iter().for_each(|pointer| add("business", pointer));
        add("event-time", &self.event_time);
        self.time_format.iter().for_each(|format| add("time-format", format));
        self.time_zone.iter().for_each(|zone| add("time-zone", zone));
        self.tenant.iter().for_each(|pointer| add("tenant", pointer));
        self.personal.iter().for_each(|pointer| add("personal", pointer));
        for sink in &self.sinks {
            let kind = match sink.kind {
                NewSinkKind::Table => "table",
                NewSinkKind::Lake => "lake",
                NewSinkKind::Http => "http",
            };
            add("sink", &format!("{}={kind}", self.name_of(sink)));
        }
        self.url.iter().for_each(|url| add("url", url));
        format!("correct it in: {}", words.join(" "))
    }
}

/// Names all arguments that are missing, with what the samples suggest.
fn missing(args: &New, candidates: &Candidates) -> Failure {
    let key = candidates.keys.first().map_or("/id", String::as_str);
    let time = candidates.times.first().map_or("/at", String::as_str);
    let mut options = Vec::new();
    if args.description.is_none() {
        options.push("--description 'what one event is'".to_owned());
    }
    if args.owner.is_none() {
        options.push("--owner TEAM".to_owned());
    }
    if args.key.is_empty() {
        options.push(format!("--key {key}"));
    }
    if args.event_time.is_none() {
        options.push(format!("--event-time {time}"));
    }
    Failure::new("the contract lacks answers, and there is no terminal to ask on")
        .next(format!("add {}", options.join(" ")))
}

fn default_sinks() -> Vec<NewSink> {
    [NewSinkKind::Table, NewSinkKind::Lake].map(|kind| NewSink { name: None, kind }).to_vec()
}

/// The pointers that were given, or those of an answer.
fn pointers(
    ask: &mut dyn Ask,
    given: &[String],
    what: &str,
    default: Option<&str>,
) -> Result<Vec<String>, Failure> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    ask_until(ask, what, default, |answer| {
        if answer == "none" {
            return Ok(Vec::new());
        }
        words(answer).map(pointer).collect()
    })
}

fn words(answer: &str) -> impl Iterator<Item = &str> {
    answer.split([' ', ',']).filter(|word| !word.is_empty())
}

fn pointer(answer: &str) -> Result<String, String> {
    match answer.starts_with('/') {
        true => Ok(answer.to_owned()),
        false => Err(format!("`{answer}` is no JSON Pointer, which begins with a slash.")),
    }
}

fn sinks(answer: &str) -> Result<Vec<NewSink>, String> {
    words(answer).map(parse_sink).collect()
}

fn text(answer: &str) -> Result<String, String> {
    Ok(answer.to_owned())
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let is_plain =
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.=:".contains(&byte));
    if is_plain && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
