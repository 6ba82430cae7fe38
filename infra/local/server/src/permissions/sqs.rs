//! SQS: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::{Location, Permission};

/// The members of a request that name its queue.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named<'a> {
    #[serde(borrow)]
    queue_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    queue_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source_arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    destination_arn: Option<Cow<'a, str>>,
}

pub(super) fn permissions(operation: &str, body: &Bytes, location: &Location) -> Vec<Permission> {
    let named: Named<'_> = serde_json::from_slice(body).unwrap_or_default();
    // A batch requires the same permission as its entries.
    let action = match operation {
        "SendMessageBatch" => "SendMessage",
        "DeleteMessageBatch" => "DeleteMessage",
        "ChangeMessageVisibilityBatch" => "ChangeMessageVisibility",
        other => other,
    };
    let queue = match (&named.queue_url, &named.queue_name, &named.source_arn) {
        (Some(url), _, _) => of_url(url, location),
        (None, Some(name), _) => location.arn("sqs", name),
        (None, None, Some(arn)) => arn.clone().into_owned(),
        (None, None, None) => "*".to_owned(),
    };
    let mut permissions = vec![Permission::new(format!("sqs:{action}"), queue.as_str())];
    if operation == "StartMessageMoveTask" {
        // SQS moves each message on behalf of the caller.
        for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
            permissions.push(Permission::new(action, queue.as_str()));
        }
        let destination = named.destination_arn.map_or("*".to_owned(), Cow::into_owned);
        permissions.push(Permission::new("sqs:SendMessage", destination));
    }
    permissions
}

/// The ARN of a queue. SQS accepts a name or an ARN in place of a URL.
fn of_url(url: &str, location: &Location) -> String {
    match url.starts_with("arn:") {
        true => url.to_owned(),
        false => location.arn("sqs", url.rsplit('/').next().unwrap_or(url)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{place, texts};
    use super::*;

    #[track_caller]
    fn check(operation: &str, body: &Value, expected: &[&str]) {
        let body = Bytes::from(body.to_string());
        assert_eq!(texts(&permissions(operation, &body, &place())), expected, "{operation}");
    }

    #[test]
    fn a_batch_needs_what_its_entries_do() {
        let queue = json!({ "Entries": [], "QueueUrl": "http://h/1/inbox" });
        check("SendMessageBatch", &queue, &["sqs:SendMessage arn:aws:sqs:r:1:inbox"]);
        check("DeleteMessageBatch", &queue, &["sqs:DeleteMessage arn:aws:sqs:r:1:inbox"]);
        let hide = &["sqs:ChangeMessageVisibility arn:aws:sqs:r:1:inbox"];
        check("ChangeMessageVisibilityBatch", &queue, hide);
        check("ReceiveMessage", &queue, &["sqs:ReceiveMessage arn:aws:sqs:r:1:inbox"]);
    }

    #[test]
    fn a_queue_is_named_by_url_name_or_arn_and_else_it_is_any() {
        let named = json!({ "QueueName": "inbox" });
        check("GetQueueUrl", &named, &["sqs:GetQueueUrl arn:aws:sqs:r:1:inbox"]);
        let bare = json!({ "QueueUrl": "inbox" });
        check("PurgeQueue", &bare, &["sqs:PurgeQueue arn:aws:sqs:r:1:inbox"]);
        let arn = json!({ "SourceArn": "arn:aws:sqs:r:1:dead" });
        check("ListMessageMoveTasks", &arn, &["sqs:ListMessageMoveTasks arn:aws:sqs:r:1:dead"]);
        check("ListQueues", &json!({}), &["sqs:ListQueues *"]);
        check("SendMessage", &json!([]), &["sqs:SendMessage *"]);
        let twice = Bytes::from_static(br#"{"QueueUrl":"h/1/a","QueueUrl":"h/1/b"}"#);
        assert_eq!(texts(&permissions("SendMessage", &twice, &place())), ["sqs:SendMessage *"]);
    }

    #[test]
    fn a_move_needs_to_read_there_and_to_send_here() {
        let body = json!({ "SourceArn": "arn:s", "DestinationArn": "arn:d" });
        check(
            "StartMessageMoveTask",
            &body,
            &[
                "sqs:StartMessageMoveTask arn:s",
                "sqs:ReceiveMessage arn:s",
                "sqs:DeleteMessage arn:s",
                "sqs:GetQueueAttributes arn:s",
                "sqs:SendMessage arn:d",
            ],
        );
    }
}
