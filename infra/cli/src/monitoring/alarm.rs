//! Alarms, as CloudFormation has them.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>

use metrics::Metric;
use serde_json::{Value, json};

/// Who hears of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Somebody is woken up.
    Page,
    /// Somebody looks at it in working hours.
    Ticket,
    /// Nobody by itself: it is a part of a [`Combined`] alarm.
    Part,
}

/// What a page is about. All alarms of one cause are one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A dependency is unavailable.
    Dependency,
    /// Events became dead letters.
    DeadLetters,
    /// A function fails or is throttled.
    Functions,
    /// Events wait for too long.
    Backlog,
    /// A dataset misses what it promises.
    Objectives,
}

impl Cause {
    pub(super) const ALL: [Self; 5] =
        [Self::Dependency, Self::DeadLetters, Self::Functions, Self::Backlog, Self::Objectives];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dependency => "DependencyUnavailable",
            Self::DeadLetters => "DeadLetters",
            Self::Functions => "FunctionsFail",
            Self::Backlog => "EventsWait",
            Self::Objectives => "ObjectivesMissed",
        }
    }

    /// What has happened, in a sentence.
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Dependency => "A service that events wait for is unavailable.",
            Self::DeadLetters => "Events became dead letters.",
            Self::Functions => "A function fails, or Lambda does not invoke it.",
            Self::Backlog => "Events wait in a queue for too long.",
            Self::Objectives => "A dataset misses what its contract promises.",
        }
    }

    /// The causes that bring this one about. While one of them is known, this one is no page of its own.
    pub(super) fn brought_about_by(self) -> &'static [Self] {
        match self {
            Self::Dependency | Self::DeadLetters | Self::Functions => &[],
            Self::Backlog => &[Self::Dependency, Self::Functions],
            Self::Objectives => &[Self::Dependency, Self::Functions, Self::Backlog],
        }
    }
}

/// How an alarm judges periods without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing happened, which is good.
    Good,
    /// Nothing happened, which is what the alarm is about.
    Bad,
    /// The last state stays.
    Ignored,
}

/// A series of numbers in CloudWatch.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) namespace: Value,
    pub(super) name: String,
    pub(super) dimensions: Vec<(String, Value)>,
    pub(super) statistic: &'static str,
    pub(super) period_s: u64,
}

impl Series {
    /// One of our own metrics. The dimensions' values are in the order of their names.
    pub(super) fn own(
        metric: Metric,
        values: &[&str],
        statistic: &'static str,
        period_s: u64,
    ) -> Self {
        let names = metric.dimensions().iter();
        let dimensions =
            names.zip(values).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Self {
            namespace: json!({ "Ref": "MetricsNamespace" }),
            name: metric.name().to_owned(),
            dimensions,
            statistic,
            period_s,
        }
    }

    /// A metric of a queue, by its logical id.
    pub(super) fn queue(queue: &str, name: &str, statistic: &'static str, period_s: u64) -> Self {
        let value = json!({ "Ref": format!("{queue}Name") });
        Self::aws("AWS/SQS", name, "QueueName", value, statistic, period_s)
    }

    /// A metric of a function, by its logical id.
    pub(super) fn function(
        function: &str,
        name: &str,
        statistic: &'static str,
        period_s: u64,
    ) -> Self {
        let value = json!({ "Ref": format!("{function}Name") });
        Self::aws("AWS/Lambda", name, "FunctionName", value, statistic, period_s)
    }

    fn aws(
        namespace: &str,
        name: &str,
        dimension: &str,
        value: Value,
        statistic: &'static str,
        period_s: u64,
    ) -> Self {
        Self {
            namespace: json!(namespace),
            name: name.to_owned(),
            dimensions: vec![(dimension.to_owned(), value)],
            statistic,
            period_s,
        }
    }

    pub(super) fn dimensions_json(&self) -> Value {
        let mut dimensions = Vec::new();
        for (name, value) in &self.dimensions {
            dimensions.push(json!({ "Name": name, "Value": value }));
        }
        Value::Array(dimensions)
    }

    fn query(&self, id: &str) -> Value {
        json!({
            "Id": id,
            "ReturnData": false,
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.name,
                    "Dimensions": self.dimensions_json(),
                },
                "Period": self.period_s,
                "Stat": self.statistic,
            },
        })
    }
}

/// What is compared with the threshold.
#[derive(Clone, Debug)]
pub(super) enum Measured {
    One(Series),
    /// An expression over series, which it calls `m0`, `m1` and so on:
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.
    Expression {
        over: Vec<Series>,
        expression: String,
    },
}

/// One alarm.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    /// Its logical id, which is also the end of its name.
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) cause: Cause,
    /// What has happened, in a sentence.
    pub(super) says: String,
    /// The page below `infra/runbooks` that says what to do.
    pub(super) runbook: &'static str,
    pub(super) measured: Measured,
    pub(super) comparison: &'static str,
    pub(super) threshold: f64,
    /// In how many periods in a row.
    pub(super) periods: u64,
    pub(super) missing: Missing,
}

/// An alarm that is one while both of its parts are.
#[derive(Clone, Debug)]
pub(super) struct Combined {
    /// Its logical id, which is also the end of its name.
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) cause: Cause,
    pub(super) says: String,
    pub(super) runbook: &'static str,
    /// The logical ids of its parts.
    pub(super) parts: [String; 2],
}

pub(super) const ABOVE: &str = "GreaterThanThreshold";
pub(super) const AT_LEAST: &str = "GreaterThanOrEqualToThreshold";
pub(super) const BELOW: &str = "LessThanThreshold";

impl Alarm {
    #[cfg(test)]
    pub(super) fn series(&self) -> Vec<&Series> {
        match &self.measured {
            Measured::One(series) => vec![series],
            Measured::Expression { over, .. } => over.iter().collect(),
        }
    }

    /// The resource. Pages are sent by their cause, and tickets by each alarm.
    pub(super) fn resource(&self) -> Value {
        let missing = match self.missing {
            Missing::Good => "notBreaching",
            Missing::Bad => "breaching",
            Missing::Ignored => "ignore",
        };
        let mut properties = json!({
            "AlarmName": { "Fn::Sub": format!("${{StackName}}-{}", self.id) },
            "AlarmDescription": description(&self.says, self.runbook),
            "ComparisonOperator": self.comparison,
            "Threshold": self.threshold,
            "EvaluationPeriods": self.periods,
            "TreatMissingData": missing,
        });
        match &self.measured {
            Measured::One(series) => {
                let is_percentile = series.statistic.starts_with('p');
                let statistic = if is_percentile { "ExtendedStatistic" } else { "Statistic" };
                properties["Namespace"] = series.namespace.clone();
                properties["MetricName"] = json!(series.name);
                properties["Dimensions"] = series.dimensions_json();
                properties[statistic] = json!(series.statistic);
                properties["Period"] = json!(series.period_s);
            }
            Measured::Expression { over, expression } => {
                let mut queries: Vec<Value> = Vec::new();
                for (at, series) in over.iter().enumerate() {
                    queries.push(series.query(&format!("m{at}")));
                }
                queries
                    .push(json!({ "Id": "result", "Expression": expression, "ReturnData": true }));
                properties["Metrics"] = Value::Array(queries);
            }
        }
        if self.severity == Severity::Ticket {
            properties["AlarmActions"] = to_topic("TicketTopicArn", "HasTicketTopic");
        }
        json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
    }
}

impl Combined {
    pub(super) fn resource(&self) -> Value {
        let [one, other] = &self.parts;
        let rule = format!("ALARM(\"${{StackName}}-{one}\") AND ALARM(\"${{StackName}}-{other}\")");
        let mut properties = json!({
            "AlarmName": { "Fn::Sub": format!("${{StackName}}-{}", self.id) },
            "AlarmDescription": description(&self.says, self.runbook),
            "AlarmRule": { "Fn::Sub": rule },
        });
        if self.severity == Severity::Ticket {
            properties["AlarmActions"] = to_topic("TicketTopicArn", "HasTicketTopic");
        }
        json!({
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "DependsOn": self.parts,
            "Properties": properties,
        })
    }
}

/// What has happened, and the link to what to do.
pub(super) fn description(says: &str, runbook: &str) -> Value {
    json!({ "Fn::Sub": format!("{says} What to do: ${{RunbooksUrl}}/{runbook}") })
}

/// The topic, if one is given.
pub(super) fn to_topic(parameter: &str, condition: &str) -> Value {
    json!({ "Fn::If": [condition, [{ "Ref": parameter }], { "Ref": "AWS::NoValue" }] })
}

/// A text as a part of a logical id: letters and digits only, with a capital at each beginning.
pub(super) fn id_of(text: &str) -> String {
    let mut id = String::new();
    let mut is_beginning = true;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            match is_beginning {
                true => id.push(character.to_ascii_uppercase()),
                false => id.push(character),
            }
        }
        is_beginning = !character.is_ascii_alphanumeric();
    }
    id
}
