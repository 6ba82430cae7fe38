//! Queues, their dead-letter queues, and how long messages are hidden.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Template, number};

/// Queues that no function reads, each with where its messages are else.
const UNREAD: &[(&str, &str)] = &[("LateQueue", "the archive has each event as it came")];

/// Lambda advises six times the function's timeout, and the batching window on top:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
const TIMES: u64 = 6;

pub(crate) fn without_dead_letter_queue(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let mut dead = BTreeSet::new();
    let queues = template.of_type("AWS::SQS::Queue");
    for (_, queue) in &queues {
        dead.extend(target(queue));
    }
    for (id, queue) in queues {
        let is_unread = UNREAD.iter().any(|(unread, _)| *unread == id);
        match target(queue) {
            None if !dead.contains(id) && !is_unread => {
                problems.push(format!("{id} has no dead-letter queue"));
            }
            Some(target) if !template.resources.contains_key(&target) => {
                problems.push(format!("{id}: there is no queue {target}"));
            }
            _ => {}
        }
    }
    problems
}

/// The logical id of a queue's dead-letter queue.
fn target(queue: &Value) -> Option<String> {
    let arn = &queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"];
    Some(arn.as_str()?.strip_suffix(".Arn")?.to_owned())
}

pub(crate) fn visible_too_early(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, function) in template.functions() {
        let timeout = number(template.of_function(function, "Timeout")).unwrap();
        let events = function["Properties"]["Events"].as_object();
        for event in events.into_iter().flat_map(|events| events.values()) {
            if event["Type"] != "SQS" {
                continue;
            }
            let source = event["Properties"]["Queue"]["Fn::GetAtt"].as_str().unwrap();
            let queue = &template.resources[source.strip_suffix(".Arn").unwrap()];
            let hidden = number(&queue["Properties"]["VisibilityTimeout"]).unwrap_or(30);
            let window =
                number(&event["Properties"]["MaximumBatchingWindowInSeconds"]).unwrap_or(0);
            let least = TIMES * timeout + window;
            if hidden < least {
                problems.push(format!("{id}: {source} hides for {hidden} s, at least {least}"));
            }
        }
    }
    problems
}
