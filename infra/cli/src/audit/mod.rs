//! `sluicegate audit`: what operators did, when, why, and with which outcome.

pub(crate) mod args;
mod entries;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use event::Timestamp;
use runtime::{Clock as _, SystemClock};
use serde_json::{Value, json};

use self::args::Audit;
use self::entries::Wanted;
use crate::dlq::args::AnswerFormat;
use crate::dlq::client::Client;
use crate::dlq::requests::Request;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::escape::json_line;
use crate::output::members::{members, text};
use crate::output::page::Page;

const DAY: Duration = Duration::from_secs(86_400);
/// The most days that are read, because each day is a request of its own.
const MOST_DAYS: usize = 31;

pub(crate) async fn run(
    root: Option<&Path>,
    args: &Audit,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let days = days(args, now)?;
    let wanted = Wanted::of(args, now);
    let client = Client::find(root, &args.answer.at).await?;
    let mut entries: Vec<Value> = Vec::new();
    for day in &days {
        let of_day = read_day(day, async |request: &Request| client.ask(request).await).await?;
        for entry in of_day {
            if wanted.includes(&entry["entry"]) {
                entries.push(entry);
            }
        }
    }
    let page = Page::new(output, args.answer.color);
    match args.answer.format {
        AnswerFormat::Json => {
            let answer = json!({ "days": days, "entries": entries, "next": null });
            output.result(&json_line(&answer));
        }
        AnswerFormat::Ids => {
            for entry in &entries {
                output.result(&text(&entry["key"]));
            }
        }
        AnswerFormat::Text => output.result(&report::acts(&page, &days, &entries)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The days to read, the earliest first.
fn days(args: &Audit, now: Timestamp) -> Result<Vec<String>, Failure> {
    if let Some(day) = &args.day {
        return Ok(vec![day.clone()]);
    }
    let mut at = args.since.map_or(now, |since| since.time(now)).min(now);
    let mut days = vec![at.date()];
    while at.date() < now.date() {
        at = at.plus(DAY);
        days.push(at.date());
        if days.len() > MOST_DAYS {
            return Err(Failure::new(format!("--since is more than {MOST_DAYS} days ago"))
                .next("look at a day at a time, with --day"));
        }
    }
    Ok(days)
}

/// All entries of a day, page after page.
async fn read_day(
    day: &str,
    ask: impl AsyncFn(&Request) -> Result<Value, Failure>,
) -> Result<Vec<Value>, Failure> {
    let mut request = Request { verb: "audit", body: json!({ "day": day }) };
    let mut entries = Vec::new();
    loop {
        let page = ask(&request).await?;
        entries.extend_from_slice(members(&page["entries"]));
        let next = &page["next"];
        if !next.is_string() {
            return Ok(entries);
        }
        if request.body["after"] == *next {
            return Err(Failure::new("the function answers with the same page again"));
        }
        request.body["after"] = json!(next);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Words {
        #[command(flatten)]
        audit: Audit,
    }

    fn asked(words: &[&str]) -> Audit {
        Words::try_parse_from(["audit"].iter().chain(words)).unwrap().audit
    }

    #[test]
    fn an_age_may_begin_on_an_earlier_day() {
        let now = "2026-11-29T01:00:00Z".parse().unwrap();
        for (words, expected) in [
            (vec![], vec!["2026-11-29"]),
            (vec!["--day", "2026-11-02"], vec!["2026-11-02"]),
            (vec!["--since", "30m"], vec!["2026-11-29"]),
            (vec!["--since", "2h"], vec!["2026-11-28", "2026-11-29"]),
            (
                vec!["--since", "2026-11-27T23:59:59Z"],
                vec!["2026-11-27", "2026-11-28", "2026-11-29"],
            ),
            (vec!["--since", "2026-12-24T00:00:00Z"], vec!["2026-11-29"]),
        ] {
            assert_eq!(days(&asked(&words), now).unwrap(), expected, "{words:?}");
        }
        let told = days(&asked(&["--since", "90d"]), now).unwrap_err().to_string();
        assert!(told.contains("--day"), "{told}");
        let told = Words::try_parse_from(["audit", "--day", "2026-11-31"]).unwrap_err();
        assert!(told.to_string().contains("such as 2026-11-29"), "{told}");
    }

    #[tokio::test]
    async fn a_day_is_read_page_after_page() {
        let bodies = RefCell::new(Vec::new());
        let answer = async |request: &Request| {
            assert_eq!(request.verb, "audit");
            bodies.borrow_mut().push(request.body.clone());
            Ok(match request.body["after"].as_str() {
                None => json!({ "entries": [{ "key": "a" }], "next": "a" }),
                Some(_) => json!({ "entries": [{ "key": "b" }], "next": null }),
            })
        };
        let entries = read_day("2026-11-29", answer).await.unwrap();
        assert_eq!(entries, [json!({ "key": "a" }), json!({ "key": "b" })]);
        let expected =
            [json!({ "day": "2026-11-29" }), json!({ "day": "2026-11-29", "after": "a" })];
        assert_eq!(*bodies.borrow(), expected);
    }
}
