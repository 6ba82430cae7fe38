//! The lines that a recorder makes, read as JSON.

use serde_json::json;
use sluicegate_metrics::{Dimensions, Metric, Recorder};

const AT_MS: i64 = 1_767_225_600_000;

#[test]
fn a_gauge_is_a_value_and_not_a_sum() {
    let recorder = Recorder::new("Test");
    let breaker = Dimensions::dependency("rates");
    recorder.record(&breaker, &[(Metric::Calls, 2)], &[(Metric::BreakerOpen, 0)]);
    recorder.record(&breaker, &[(Metric::Calls, 1)], &[(Metric::BreakerOpen, 1)]);
    let line: serde_json::Value = serde_json::from_str(&recorder.take_lines(AT_MS)[0]).unwrap();
    assert_eq!(line["Calls"], 3);
    assert_eq!(line["BreakerOpen"], json!({"Values": [0, 1], "Counts": [1, 1]}));
}

#[test]
fn a_distribution_that_is_too_large_for_a_line_goes_on_in_the_next() {
    let recorder = Recorder::new("Test");
    let sink = Dimensions::sink("orders", "lake");
    for latency in 0..100_000 {
        recorder.record(&sink, &[(Metric::Writes, 1)], &[(Metric::DeliveryLatency, latency)]);
    }
    let (mut writes, mut latencies) = (0, 0);
    let lines = recorder.take_lines(AT_MS);
    assert!(lines.len() > 1);
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        writes += line["Writes"].as_u64().unwrap_or_default();
        let counts = line["DeliveryLatency"]["Counts"].as_array().unwrap();
        assert!(counts.len() <= 100);
        latencies += counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>();
    }
    assert_eq!((writes, latencies), (100_000, 100_000));
}

#[test]
fn nothing_is_written_of_what_did_not_happen() {
    let recorder = Recorder::new("Test");
    let orders = Dimensions::dataset("enrich", "orders");
    recorder.add(&orders, Metric::EventsParked, 0);
    assert!(recorder.take_lines(AT_MS).is_empty());
    recorder.record(&orders, &[(Metric::EventsIn, 1), (Metric::EventsParked, 0)], &[]);
    let line = recorder.take_lines(AT_MS).remove(0);
    assert!(line.contains("EventsIn") && !line.contains("EventsParked"), "{line}");
}

#[test]
fn each_metric_has_a_name_a_unit_and_a_sentence() {
    for metric in Metric::ALL {
        assert!(metric.name().chars().all(char::is_alphanumeric), "{metric:?}");
        assert!(metric.about().ends_with('.') && !metric.about().starts_with(' '), "{metric:?}");
        assert!(!metric.dimensions().is_empty(), "{metric:?}");
    }
}

#[test]
fn the_page_about_metrics_has_each_of_them_as_it_is() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let mut expected = Vec::new();
    for metric in Metric::ALL {
        let (unit, dimensions) = (metric.unit().as_str(), metric.dimensions().join(", "));
        expected.push(format!(
            "| `{}` | {unit} | {dimensions} | {} |",
            metric.name(),
            metric.about()
        ));
    }
    assert_eq!(rows, expected);
}
