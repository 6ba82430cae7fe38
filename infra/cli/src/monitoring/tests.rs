use std::collections::BTreeSet;
use std::path::Path;

use contracts::Objectives;
use metrics::Metric;
use serde_json::Value;

use super::alarm::{Alarm, Measured, Severity};
use super::subject::{Dataset, Function, Subject};
use super::*;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A subject that has each kind of alarm.
fn subject() -> Subject {
    Subject {
        functions: vec![Function {
            logical_id: "IngestFunction".to_owned(),
            timeout: std::time::Duration::from_secs(300),
        }],
        stage_queues: vec!["EnrichQueue".to_owned()],
        dead_letter_queues: vec!["EnrichDlq".to_owned()],
        datasets: vec![Dataset {
            name: "web-orders".to_owned(),
            sinks: vec![("table".to_owned(), "sink"), ("lake".to_owned(), "lake")],
            objectives: Objectives {
                freshness: Some(std::time::Duration::from_secs(3_600)),
                delivered_percent: Some(99.9),
                latency_p99: Some(std::time::Duration::from_secs(60)),
                duplicate_percent: Some(5.0),
            },
            versions: vec![1, 2],
            canary: Some(3),
            has_enrichers: true,
        }],
        dependencies: vec!["rates".to_owned()],
    }
}

fn all_alarms(subject: &Subject) -> Vec<Alarm> {
    let mut alarms = pipeline::alarms(subject);
    alarms.extend(datasets::alarms(subject));
    alarms
}

fn written(subject: &Subject, name: &str) -> Value {
    let file = files(subject).into_iter().find(|file| file.path.ends_with(name)).unwrap();
    serde_saphyr::from_str(&file.text).unwrap()
}

#[test]
fn what_is_checked_in_is_what_would_be_written() {
    let subject = Subject::read(repository()).unwrap();
    for Written { path, text } in files(&subject) {
        let found = std::fs::read_to_string(repository().join(&path)).unwrap_or_default();
        assert!(found == text, "{path} is out of date: run `sluicegate infra generate`");
    }
}

#[test]
fn each_metric_that_is_shown_or_alarms_is_one_that_is_measured_and_the_other_way_round() {
    let subject = subject();
    let own: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    for alarm in all_alarms(&subject) {
        for series in alarm.series() {
            if series.namespace == serde_json::json!({ "Ref": "MetricsNamespace" }) {
                assert!(own.contains(series.name.as_str()), "{} of {}", series.name, alarm.id);
            }
        }
    }
    let dashboards = written(&subject, "dashboards.yaml").to_string();
    for name in own {
        assert!(dashboards.contains(&format!("MetricName=\\\\\\\"{name}\\\\\\\"")), "{name}");
    }
}

#[test]
fn each_alarm_says_what_happened_and_names_a_runbook_that_there_is() {
    for alarm in all_alarms(&subject()) {
        assert!(alarm.says.ends_with('.'), "{}", alarm.id);
        let page = repository().join("infra/runbooks").join(alarm.runbook);
        assert!(page.exists(), "{} names {}", alarm.id, alarm.runbook);
        assert!(alarm.id.chars().all(|c| c.is_ascii_alphanumeric()), "{}", alarm.id);
    }
}

#[test]
fn no_two_alarms_have_one_name() {
    let alarms = all_alarms(&Subject::read(repository()).unwrap());
    let ids: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.id.as_str()).collect();
    assert_eq!(ids.len(), alarms.len());
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>
#[test]
fn no_alarm_looks_back_further_than_cloudwatch_does() {
    let mut subject = subject();
    for freshness_s in [1, 59, 60, 3_601, 86_400, 400_000, 31_622_400] {
        let freshness = std::time::Duration::from_secs(freshness_s);
        subject.datasets[0].objectives.freshness = Some(freshness);
        for alarm in all_alarms(&subject) {
            let periods: BTreeSet<u64> = alarm.series().iter().map(|it| it.period_s).collect();
            assert_eq!(
                periods.len(),
                1,
                "{}: the series of an expression share a period",
                alarm.id
            );
            let period_s = *periods.first().unwrap();
            assert!(period_s.is_multiple_of(60) && period_s <= 86_400, "{}", alarm.id);
            let most = if period_s < 3_600 { 86_400 } else { 604_800 };
            assert!(period_s * alarm.periods <= most, "{} after {freshness_s} s", alarm.id);
        }
    }
}

#[test]
fn a_page_is_sent_once_for_each_cause_and_not_while_work_is_planned() {
    let template = written(&subject(), "alarms.yaml");
    let resources = template["Resources"].as_object().unwrap();
    let mut paging = Vec::new();
    for (id, resource) in resources {
        let actions = &resource["Properties"]["AlarmActions"];
        if actions["Fn::If"][0] == "HasPageTopic" {
            let suppressor = &resource["Properties"]["ActionsSuppressor"]["Fn::Sub"];
            assert_eq!(suppressor, "${StackName}-PlannedWork");
            paging.push(id.as_str());
        }
    }
    assert_eq!(
        paging,
        ["DeadLetters", "DependencyUnavailable", "EventsWait", "FunctionsFail", "ObjectivesMissed"]
    );
    let rule = resources["EventsWait"]["Properties"]["AlarmRule"]["Fn::Sub"].as_str().unwrap();
    assert!(rule.contains("AND NOT ALARM(\"${StackName}-DependencyUnavailable\")"), "{rule}");
    // Each page alarm is in the rule of its cause.
    for alarm in all_alarms(&subject()) {
        let is_in = |id: &str| resources[id].to_string().contains(&format!("-{}\\\"", alarm.id));
        assert_eq!(
            paging.iter().any(|id| is_in(id)),
            alarm.severity == Severity::Page,
            "{}",
            alarm.id
        );
    }
}

#[test]
fn an_expression_names_each_of_its_series() {
    for alarm in all_alarms(&subject()) {
        let Measured::Expression { over, expression } = &alarm.measured else { continue };
        for at in 0..over.len() {
            assert!(expression.contains(&format!("m{at}")), "{}: {expression}", alarm.id);
        }
    }
}

#[test]
fn many_alarms_of_a_cause_are_a_rule_of_rules() {
    let mut subject = subject();
    subject.dependencies = (0..250).map(|number| format!("d{number}")).collect();
    let template = written(&subject, "alarms.yaml");
    let rule =
        template["Resources"]["DependencyUnavailable"]["Properties"]["AlarmRule"].to_string();
    assert_eq!(rule.matches("ALARM(").count(), 3, "{rule}");
}
