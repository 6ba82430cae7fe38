//! Three dashboards: what the business asks, what whoever is on call looks at first, and everything that is measured.
//!
//! The structure of a dashboard's body:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>.

use metrics::Metric;
use serde_json::{Value, json};

use super::alarm::{Alarm, Cause, Severity};
use super::subject::Subject;

/// A dashboard is 24 units wide.
const WIDTH: u64 = 24;
const HEIGHT: u64 = 6;

/// A dashboard, by its logical id.
pub(super) struct Dashboard {
    pub(super) id: &'static str,
    pub(super) body: Value,
}

/// What a widget shows, for a place that is given to it.
struct Widget {
    title: String,
    /// Lines of the API's `metrics`.
    metrics: Vec<Value>,
    statistic: &'static str,
    period_s: u64,
}

pub(super) fn all(subject: &Subject, alarms: &[Alarm]) -> Vec<Dashboard> {
    vec![
        Dashboard { id: "Executive", body: body(executive(subject), None) },
        Dashboard { id: "OnCall", body: body(on_call(subject), Some(alarm_names(alarms))) },
        Dashboard { id: "Debug", body: body(debug(), None) },
    ]
}

/// The pages, by their causes, and each alarm that is one.
fn alarm_names(alarms: &[Alarm]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for cause in Cause::ALL {
        let is_used = |it: &Alarm| it.cause == cause && it.severity == Severity::Page;
        if alarms.iter().any(is_used) {
            names.push(cause.name().to_owned());
        }
    }
    names
}

fn body(widgets: Vec<Widget>, alarms: Option<Vec<String>>) -> Value {
    let mut placed = Vec::new();
    let mut top = 0;
    if let Some(ids) = alarms {
        let arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:";
        let arns: Vec<String> = ids.iter().map(|id| format!("{arn}${{StackName}}-{id}")).collect();
        placed.push(json!({
            "type": "alarm", "x": 0, "y": 0, "width": WIDTH, "height": 3,
            "properties": { "title": "Pages", "alarms": arns },
        }));
        top = 3;
    }
    for (at, widget) in (0_u64..).zip(widgets) {
        placed.push(json!({
            "type": "metric",
            "x": at % 2 * (WIDTH / 2),
            "y": top + at / 2 * HEIGHT,
            "width": WIDTH / 2,
            "height": HEIGHT,
            "properties": {
                "title": widget.title,
                "region": "${AWS::Region}",
                "view": "timeSeries",
                "stat": widget.statistic,
                "period": widget.period_s,
                "metrics": widget.metrics,
            },
        }));
    }
    json!({ "widgets": placed })
}

/// A line for each combination of dimensions that a metric has.
fn search(metric: Metric, filter: &str, statistic: &str, period_s: u64) -> Value {
    let dimensions = metric.dimensions().join(",");
    let expression = format!(
        "SEARCH('{{\"${{MetricsNamespace}}\",{dimensions}}} MetricName=\"{}\" {filter}', '{statistic}', {period_s})",
        metric.name()
    );
    json!([{ "expression": expression }])
}

fn widget(metric: Metric, filter: &str, title: &str, statistic: &'static str) -> Widget {
    let period_s = 300;
    Widget {
        title: title.to_owned(),
        metrics: vec![search(metric, filter, statistic, period_s)],
        statistic,
        period_s,
    }
}

fn executive(subject: &Subject) -> Vec<Widget> {
    let mut widgets = vec![
        widget(Metric::EventsIn, "Stage=\"ingest\"", "Events that came in", "Sum"),
        widget(Metric::Writes, "", "Events that were written, by sink", "Sum"),
        widget(Metric::DeliveryLatency, "", "Time from intake to sink, 99 of 100 (ms)", "p99"),
        widget(Metric::EventsDeadLettered, "", "Events that became dead letters", "Sum"),
    ];
    for dataset in &subject.datasets {
        let Some(percent) = dataset.objectives.delivered_percent else { continue };
        let lost = format!(
            "SUM(SEARCH('{{\"${{MetricsNamespace}}\",Stage,Dataset}} MetricName=\"EventsDeadLettered\" Dataset=\"{}\"', 'Sum', 3600))",
            dataset.name
        );
        let came = json!([
            "${MetricsNamespace}", "EventsIn", "Stage", "ingest", "Dataset", dataset.name,
            { "id": "came", "visible": false, "stat": "Sum", "period": 3600 }
        ]);
        widgets.push(Widget {
            title: format!("{} that are delivered, in percent (promised: {percent})", dataset.name),
            metrics: vec![
                came,
                json!([{ "expression": lost, "id": "lost", "visible": false }]),
                json!([{ "expression": "100 - 100 * FILL(lost, 0) / came", "label": dataset.name }]),
            ],
            statistic: "Sum",
            period_s: 3_600,
        });
    }
    widgets
}

fn on_call(subject: &Subject) -> Vec<Widget> {
    let mut ages = Vec::new();
    for queue in &subject.stage_queues {
        ages.push(of_resource("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue));
    }
    let mut waiting = Vec::new();
    for queue in &subject.dead_letter_queues {
        let name = "ApproximateNumberOfMessagesVisible";
        waiting.push(of_resource("AWS/SQS", name, "QueueName", queue));
    }
    let (mut errors, mut durations) = (Vec::new(), Vec::new());
    for function in &subject.functions {
        let id = &function.logical_id;
        errors.push(of_resource("AWS/Lambda", "Errors", "FunctionName", id));
        errors.push(of_resource("AWS/Lambda", "Throttles", "FunctionName", id));
        durations.push(of_resource("AWS/Lambda", "Duration", "FunctionName", id));
    }
    let of = |title: &str, metrics, statistic| Widget {
        title: title.to_owned(),
        metrics,
        statistic,
        period_s: 60,
    };
    vec![
        widget(Metric::DeadLetters, "", "Dead letters, by stage and code", "Sum"),
        of("Age of the oldest message (s)", ages, "Maximum"),
        widget(Metric::BreakerOpen, "", "Breakers that are open", "Maximum"),
        widget(Metric::EventsParked, "", "Events that were parked", "Sum"),
        widget(Metric::EventsRetried, "", "Events that are tried again", "Sum"),
        widget(Metric::EventAge, "", "Age of events when they are written (ms)", "Minimum"),
        of("Invocations that failed or were throttled", errors, "Sum"),
        of("Duration of invocations (ms)", durations, "Maximum"),
        of("Letters that are not collected yet", waiting, "Maximum"),
        widget(Metric::LettersRedriven, "", "Letters that were sent back", "Sum"),
    ]
}

fn of_resource(namespace: &str, name: &str, dimension: &str, logical_id: &str) -> Value {
    json!([namespace, name, dimension, format!("${{{logical_id}Name}}"), { "label": logical_id }])
}

/// Everything that is measured.
fn debug() -> Vec<Widget> {
    let mut widgets = Vec::new();
    for metric in Metric::ALL {
        let statistic = match (metric.unit(), metric) {
            (metrics::Unit::Milliseconds, _) => "p99",
            (metrics::Unit::Count, Metric::BreakerOpen) => "Maximum",
            (metrics::Unit::Count, _) => "Sum",
        };
        widgets.push(widget(*metric, "", metric.name(), statistic));
    }
    widgets
}
