//! The request of each verb to the redrive function.

use event::Timestamp;
use letters::Pace;
use serde_json::{Map, Value, json};

use super::args::{Dlq, LetterChange, PaceArgs, Reveal, RunChange};
use super::selection::SelectionArgs;

/// The number of letters on a page of an export.
const LETTERS_IN_PAGE: u64 = 200;

/// A request to `POST /v1/dlq/{verb}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) verb: &'static str,
    pub(crate) body: Value,
}

impl Request {
    fn new(verb: &'static str, body: Value) -> Self {
        Self { verb, body }
    }

    pub(crate) fn status(run: &str) -> Self {
        Self::new("status", json!({ "run": run }))
    }

    /// The first request of a verb. Ages are subtracted from `now`.
    pub(crate) fn of(verb: &Dlq, now: Timestamp) -> Self {
        match verb {
            Dlq::List(_) => Self::new("list", json!({})),
            Dlq::History(_) => Self::new("history", json!({})),
            Dlq::Groups(args) => Self::new("groups", selected(&args.selection, now)),
            Dlq::Peek(args) => {
                let mut body = selected(&args.selection, now);
                body["limit"] = json!(args.limit);
                Self::new("export", body)
            }
            Dlq::Export(args) => {
                let mut body = selected(&args.selection, now);
                body["limit"] = json!(LETTERS_IN_PAGE);
                Self::new("export", revealed(body, &args.reveal))
            }
            Dlq::Show(args) => {
                Self::new("show", revealed(json!({ "letter": args.letter }), &args.reveal))
            }
            Dlq::Reconcile(args) => args.letters(),
            Dlq::Plan(args) => {
                let mut body = selected(&args.selection, now);
                if let Some(to) = &args.to {
                    body["to"] = json!(to);
                }
                if let Some(patch) = &args.patch {
                    body["patch"] = patch.clone();
                }
                if args.newest_version {
                    body["patch"] = json!(letters::NEWEST_VERSION);
                }
                if args.even_if_forgotten {
                    body["even_if_forgotten"] = json!(true);
                }
                Self::new("plan", body)
            }
            Dlq::Redrive(args) => {
                let pace = pace(&args.pace);
                Self::new("redrive", json!({ "plan": args.plan, "why": args.reason, "pace": pace }))
            }
            Dlq::Status(args) => Self::status(&args.run),
            Dlq::Pause(args) => on_run("pause", args),
            Dlq::Resume(args) => on_run("resume", args),
            Dlq::Cancel(args) => on_run("cancel", args),
            Dlq::Stop(args) => Self::new("stop", json!({ "why": args.reason })),
            Dlq::StartTriage(args) => Self::new("start-triage", json!({ "why": args.reason })),
            Dlq::Acknowledge(args) => {
                let mut body = json!({ "group": args.group, "why": args.reason });
                if let Some(lasts) = args.lasts {
                    body["until"] = json!(now.plus(lasts));
                }
                Self::new("acknowledge", body)
            }
            Dlq::Mute(args) => {
                let until = now.plus(args.lasts);
                let body = json!({ "group": args.group, "why": args.reason, "until": until });
                Self::new("mute", body)
            }
            Dlq::Unmute(args) => {
                Self::new("unmute", json!({ "group": args.group, "why": args.reason }))
            }
            Dlq::Discard(args) => on_letters("discard", args, now),
            Dlq::Restore(args) => on_letters("restore", args, now),
            Dlq::Release(args) => on_letters("release", args, now),
        }
    }
}

fn selected(chosen: &SelectionArgs, now: Timestamp) -> Value {
    json!({ "select": chosen.selection(now) })
}

fn revealed(mut body: Value, reveal: &Reveal) -> Value {
    if let Some(reason) = reveal.reason.as_ref().filter(|_| reveal.reveal) {
        body["reveal"] = json!(reason);
    }
    body
}

fn on_run(verb: &'static str, args: &RunChange) -> Request {
    Request::new(verb, json!({ "run": args.run, "why": args.reason }))
}

fn on_letters(verb: &'static str, args: &LetterChange, now: Timestamp) -> Request {
    let mut body = selected(&args.selection, now);
    body["why"] = json!(args.reason);
    body["apply"] = json!(args.apply);
    Request::new(verb, body)
}

/// The options of a pace that were given. The function has defaults for the others.
fn pace(paced: &PaceArgs) -> Value {
    if paced.unlimited {
        return json!(Pace::unlimited());
    }
    let mut pace = Map::new();
    if paced.no_canary {
        pace.insert("canary".to_owned(), json!(0));
    }
    if let Some(canary) = paced.canary {
        pace.insert("canary".to_owned(), json!(canary));
    }
    if !paced.rates.is_empty() {
        pace.insert("rates".to_owned(), json!(paced.rates));
    }
    if let Some(step) = paced.step {
        pace.insert("step_s".to_owned(), json!(step.as_secs()));
    }
    if let Some(most) = paced.most.or(paced.rates.last().copied()) {
        pace.insert("most_per_second".to_owned(), json!(most));
    }
    Value::Object(pace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::parse_verb;

    fn verb(words: &[&str]) -> Dlq {
        parse_verb(words).unwrap()
    }

    #[track_caller]
    fn check(words: &[&str], asked: &str, body: Value) {
        let request = Request::of(&verb(words), "2026-11-29T03:00:00Z".parse().unwrap());
        assert_eq!((request.verb, &request.body), (asked, &body), "{words:?}");
    }

    #[test]
    fn each_verb_asks_in_redrive_s_words() {
        let of_sink = json!({ "stages": ["sink"] });
        let sink = ["--stage", "sink"];
        let group = "1-d7fbe72759a91ea3";
        for (words, asked, body) in [
            (vec!["list"], "list", json!({})),
            (vec!["history"], "history", json!({})),
            (vec!["groups"], "groups", json!({ "select": {} })),
            (vec!["groups", "--stage", "sink"], "groups", json!({ "select": of_sink })),
            (vec!["peek"], "export", json!({ "select": {}, "limit": 10 })),
            (
                vec!["peek", "--limit", "3", "--since", "1h"],
                "export",
                json!({ "select": { "failed_from": "2026-11-29T02:00:00.000Z" }, "limit": 3 }),
            ),
            (vec!["show", "a1"], "show", json!({ "letter": "a1" })),
            (
                vec!["show", "a1", "--reveal", "--reason", "a complaint"],
                "show",
                json!({ "letter": "a1", "reveal": "a complaint" }),
            ),
            (vec!["export"], "export", json!({ "select": {}, "limit": 200 })),
            (
                vec!["export", "--reveal", "--why", "sent again by hand", "--format", "json"],
                "export",
                json!({ "select": {}, "limit": 200, "reveal": "sent again by hand" }),
            ),
            (vec!["plan", sink[0], sink[1]], "plan", json!({ "select": of_sink })),
            (
                vec!["plan", "--to", "enrich", "--patch", r#"[{"op":"remove","path":"/a"}]"#],
                "plan",
                json!({ "select": {}, "to": "enrich", "patch": [{ "op": "remove", "path": "/a" }] }),
            ),
            (
                vec!["plan", "--newest-version"],
                "plan",
                json!({ "select": {}, "patch": "newest-version" }),
            ),
            (vec!["status", "r1", "--watch"], "status", json!({ "run": "r1" })),
            (vec!["pause", "r1", "--reason", "x"], "pause", json!({ "run": "r1", "why": "x" })),
            (vec!["resume", "r1", "--why", "x"], "resume", json!({ "run": "r1", "why": "x" })),
            (vec!["cancel", "r1", "--reason", "x"], "cancel", json!({ "run": "r1", "why": "x" })),
            (vec!["stop", "--all", "--reason", " x "], "stop", json!({ "why": "x" })),
            (vec!["start-triage", "--reason", "x"], "start-triage", json!({ "why": "x" })),
            (
                vec!["acknowledge", group, "--reason", "x"],
                "acknowledge",
                json!({ "group": group, "why": "x" }),
            ),
            (
                vec!["acknowledge", group, "--why", "x", "--for", "2h"],
                "acknowledge",
                json!({ "group": group, "why": "x", "until": "2026-11-29T05:00:00.000Z" }),
            ),
            (
                vec!["mute", group, "--reason", "x", "--for", "30d"],
                "mute",
                json!({ "group": group, "why": "x", "until": "2026-12-29T03:00:00.000Z" }),
            ),
            (
                vec!["unmute", group, "--reason", "x"],
                "unmute",
                json!({ "group": group, "why": "x" }),
            ),
            (
                vec!["discard", "--stage", "sink", "--reason", "x"],
                "discard",
                json!({ "select": of_sink, "why": "x", "apply": false }),
            ),
            (
                vec!["restore", "--reason", "x", "--apply", "--all"],
                "restore",
                json!({ "select": {}, "why": "x", "apply": true }),
            ),
            (
                vec!["release", "--letter", "a1", "--reason", "x", "--apply"],
                "release",
                json!({ "select": { "letters": ["a1"] }, "why": "x", "apply": true }),
            ),
        ] {
            check(&words, asked, body);
        }
    }

    #[test]
    fn of_a_pace_only_what_was_given_is_said() {
        for (words, pace) in [
            (vec![], json!({})),
            (vec!["--canary", "50"], json!({ "canary": 50 })),
            (vec!["--no-canary", "--step", "1m"], json!({ "canary": 0, "step_s": 60 })),
            (vec!["--rates", "2,40"], json!({ "rates": [2, 40], "most_per_second": 40 })),
            (
                vec!["--rates", "1,5", "--most", "300"],
                json!({ "rates": [1, 5], "most_per_second": 300 }),
            ),
            (vec!["--unlimited"], json!(Pace::unlimited())),
        ] {
            let mut all = vec!["redrive", "p1", "--reason", "mended", "--detach"];
            all.extend(words);
            let body = json!({ "plan": "p1", "why": "mended", "pace": pace });
            serde_json::from_value::<Pace>(pace).unwrap();
            check(&all, "redrive", body);
        }
    }

    #[test]
    fn a_patch_may_be_in_a_file() {
        let folder = std::env::temp_dir().join(format!("sluicegate-patch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("patch.json");
        std::fs::write(&file, r#"[{"op":"replace","path":"/n","value":1.00000000000000000001}]"#)
            .unwrap();
        let named = format!("@{}", file.display());
        let request = Request::of(
            &verb(&["plan", "--patch", &named]),
            "2026-11-29T03:00:00Z".parse().unwrap(),
        );
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(request.body.to_string().contains("1.00000000000000000001"), "{request:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let group = "1-d7fbe72759a91ea3";
        for (words, about) in [
            (vec!["show", "a1", "--reveal"], "--reason"),
            (vec!["show", "a1", "--reason", "x"], "--reveal"),
            (vec!["stop", "--reason", "x"], "--all"),
            (vec!["start-triage"], "--reason"),
            (vec!["acknowledge", "sink", "--reason", "x"], "dlq groups"),
            (vec!["acknowledge", group, "--reason", "x", "--for", "0s"], "a second at least"),
            (vec!["mute", group, "--reason", "x"], "--for"),
            (vec!["mute", group, "--reason", "x", "--for", "31d"], "30d at most"),
            (vec!["unmute", group], "--reason"),
            (vec!["discard"], "--reason"),
            (vec!["discard", "--reason", "  "], "1 to 500 characters"),
            (vec!["discard", "--reason", "…"], "and words"),
            (vec!["pause", "r1", "--reason", "a\u{1b}[2J"], "on one line"),
            (vec!["redrive", "p", "--reason", "x", "--canary", "0"], "--canary"),
            (vec!["redrive", "p", "--reason", "x", "--unlimited", "--most", "5"], "--most"),
            (vec!["redrive", "p", "--reason", "x", "--rates", "1,0"], "--rates"),
            (vec!["redrive", "p", "--reason", "x", "--step", "0s"], "a second at least"),
            (vec!["plan", "--patch", "{}"], "JSON Patch"),
            (vec!["plan", "--patch", "[{]"], "no JSON"),
            (vec!["plan", "--patch", "@/no/such/file"], "cannot be read"),
            (vec!["peek", "--limit", "0"], "--limit"),
        ] {
            let message = parse_verb::<Dlq>(&words).unwrap_err().to_string();
            assert!(message.contains(about), "{message}");
        }
    }
}
