//! Requests that are read, and requests that are refused.

use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:iam::123456789012:user/ada";

fn now() -> Timestamp {
    "2026-11-29T03:00:00Z".parse().unwrap()
}

fn request(method: &str, path: &str, body: &str) -> Value {
    let http = json!({
        "method": method, "path": path, "sourceIp": "10.0.0.1", "userAgent": "sluicegate",
    });
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
        "requestContext": {
            "requestId": "q1", "timeEpoch": 0, "authorizer": { "iam": { "userArn": ARN } },
            "http": http,
        },
        "body": body, "isBase64Encoded": false,
    })
}

fn read(request: Value) -> Result<Asked, Problem> {
    Asked::read(&serde_json::from_value(request).unwrap(), now())
}

fn act(name: &str, body: &str) -> Result<Act, Problem> {
    let asked = read(request("POST", &format!("/v1/breakers/weather/{name}"), body))?;
    match asked.verb {
        Verb::Act { breaker, act } => {
            assert_eq!(breaker, "weather");
            Ok(act)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_refused(found: Result<impl std::fmt::Debug, Problem>, kind: ProblemKind, about: &str) {
    let problem = found.unwrap_err();
    assert_eq!(problem.kind, kind, "{problem}");
    assert!(problem.detail.contains(about), "{problem}");
}

#[test]
fn who_asks_is_what_the_authorizer_says_and_nobody_else() {
    let asked = read(request("GET", "/v1/breakers", "")).unwrap();
    assert_eq!((asked.operator.arn.as_str(), asked.request_id.as_str()), (ARN, "q1"));
    assert_eq!(asked.operator.source_ip, "10.0.0.1");
    for authorizer in
        [json!(null), json!({}), json!({ "iam": {} }), json!({ "iam": { "userArn": "" } })]
    {
        let mut request = request("GET", "/v1/breakers", &format!("{{\"userArn\": \"{ARN}\"}}"));
        request["requestContext"]["authorizer"] = authorizer;
        check_refused(read(request), ProblemKind::UnknownOperator, "SigV4");
    }
}

#[test]
fn a_verb_is_a_route() {
    fn verb(method: &str, path: &str) -> Result<Verb, Problem> {
        read(request(method, path, r#"{"why":"w"}"#)).map(|asked| asked.verb)
    }
    assert_eq!(verb("GET", "/v1/breakers"), Ok(Verb::List));
    assert_eq!(verb("GET", "/v1/breakers/"), Ok(Verb::List));
    let show = Verb::Show { breaker: "weather-v2".to_owned() };
    assert_eq!(verb("GET", "/v1/breakers/weather-v2"), Ok(show));
    for kind in ActKind::ALL {
        let path = format!("/v1/breakers/weather/{}", kind.as_str());
        check_refused(verb("GET", &path), ProblemKind::Method("POST"), "POST");
    }
    check_refused(verb("POST", "/v1/breakers"), ProblemKind::Method("GET"), "GET");
    check_refused(verb("DELETE", "/v1/breakers/weather"), ProblemKind::Method("GET"), "GET");
    for path in ["/", "/v2/breakers", "/v1/breakers/weather/open", "/v1/breakers/a/reset/b"] {
        check_refused(verb("POST", path), ProblemKind::UnknownRoute, "/v1/breakers/{name}");
    }
    let long = format!("/v1/breakers/{}", "a".repeat(65));
    for path in ["/v1/breakers/a%20b", "/v1/breakers/caf\u{e9}", "/v1/breakers/a:b", &long] {
        check_refused(verb("GET", path), ProblemKind::Malformed, "1 to 64");
    }
}

#[test]
fn an_act_that_lasts_says_until_when_or_that_it_has_no_end() {
    for kind in [ActKind::ForceOpen, ActKind::ForceClose, ActKind::Disable] {
        let name = kind.as_str();
        let until = r#"{"why":" it is down ","until":"2026-11-29T06:00:00+01:00"}"#;
        let expected = Act {
            kind,
            why: "it is down".to_owned(),
            until: Some("2026-11-29T05:00:00Z".parse().unwrap()),
            is_new: false,
        };
        assert_eq!(act(name, until), Ok(expected.clone()));
        let without_end = Act { until: None, is_new: true, ..expected };
        let body = r#"{"why":"it is down","indefinitely":true,"new":true}"#;
        assert_eq!(act(name, body), Ok(without_end));
        for body in [
            r#"{"why":"w"}"#,
            r#"{"why":"w","indefinitely":false}"#,
            r#"{"why":"w","until":"2026-11-29T05:00:00Z","indefinitely":true}"#,
            r#"{"why":"w","until":"2026-11-29T05:00:00Z","for_s":60}"#,
            r#"{"why":"w","for_s":60,"indefinitely":true}"#,
        ] {
            check_refused(act(name, body), ProblemKind::Malformed, "indefinitely");
        }
        let ends = |for_s: u64| act(name, &json!({ "why": "w", "for_s": for_s }).to_string());
        assert_eq!(ends(7_200).unwrap().until, Some("2026-11-29T05:00:00Z".parse().unwrap()));
        check_refused(ends(0), ProblemKind::Malformed, "has passed");
        check_refused(ends(u64::MAX), ProblemKind::Malformed, "7 days");
        for (until, about) in [
            ("2026-11-29T03:00:00Z", "has passed"),
            ("2026-12-06T03:00:00.001Z", "7 days"),
            ("tomorrow", "RFC 3339"),
        ] {
            let body = format!(r#"{{"why":"w","until":"{until}"}}"#);
            check_refused(act(name, &body), ProblemKind::Malformed, about);
        }
    }
}

#[test]
fn an_act_of_a_moment_has_no_end() {
    for kind in [ActKind::Reset, ActKind::Release] {
        let expected = Act { kind, why: "it is back".to_owned(), until: None, is_new: false };
        assert_eq!(act(kind.as_str(), r#"{"why":"it is back"}"#), Ok(expected));
        for body in [
            r#"{"why":"w","until":"2026-11-29T05:00:00Z"}"#,
            r#"{"why":"w","for_s":60}"#,
            r#"{"why":"w","indefinitely":true}"#,
        ] {
            check_refused(act(kind.as_str(), body), ProblemKind::Malformed, "does not last");
        }
    }
}

#[test]
fn a_reason_is_needed_and_is_a_line_of_text() {
    let with = |why: &str| act("reset", &json!({ "why": why }).to_string());
    assert!(with(&"\u{1f525}".repeat(500)).is_ok());
    for why in ["", "   ", "a\nb", "\u{1b}[31mred", &"x".repeat(501)] {
        check_refused(with(why), ProblemKind::Malformed, "1 to 500");
    }
    check_refused(act("reset", "{}"), ProblemKind::Malformed, "missing field `why`");
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let unknown = r#"{"why":"w","operator":"arn:aws:iam::1:user/eve"}"#;
    check_refused(act("reset", unknown), ProblemKind::Malformed, "unknown field `operator`");
    for body in ["", "\"w\"", r#"{"why":1}"#, r#"{"why":"w"} x"#] {
        check_refused(act("reset", body), ProblemKind::Malformed, "expected");
    }
    let large = json!({ "why": "w", "until": "x".repeat(16 * 1024) }).to_string();
    check_refused(act("reset", &large), ProblemKind::TooLarge, "16384");
}

/// A request to reconcile has many events. The bodies of all other verbs are small.
#[test]
fn a_part_of_a_file_of_events_is_taken() {
    let ask = |verb: &str, bytes: usize| {
        let body = json!({ "events": ["x".repeat(bytes)] }).to_string();
        read(request("POST", &format!("/v1/dlq/{verb}"), &body))
    };
    assert!(ask("reconcile", 2_000_000).is_ok());
    check_refused(ask("reconcile", 3 * 1024 * 1024), ProblemKind::TooLarge, "3145728");
    assert!(ask("groups", 200_000).is_ok());
    check_refused(ask("groups", 2_000_000), ProblemKind::TooLarge, "262144");
}

#[test]
fn a_body_in_base64_is_its_bytes() {
    let path = "/v1/breakers/weather/reset";
    let mut encoded = request("POST", path, &STANDARD.encode(r#"{"why":"w"}"#));
    encoded["isBase64Encoded"] = json!(true);
    assert!(read(encoded).is_ok());
    let mut broken = request("POST", path, "%");
    broken["isBase64Encoded"] = json!(true);
    check_refused(read(broken), ProblemKind::Malformed, "base64");
}
