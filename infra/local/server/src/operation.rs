//! Finds the name of a request's operation, as the API reference has it.
//!
//! For S3 and Lambda, it follows from the method, the path and the query. The name is used to count calls,
//! to check permissions, and to notify the readers of streams.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use axum::http::Method;
use axum::http::request::Parts;

/// The maximum length of an operation's name, in bytes. All known names are shorter.
const MAX_NAME: usize = 64;
const UNKNOWN: &str = "Unknown";

/// The operation in a target, such as `SendMessage` in `AmazonSQS.SendMessage`.
pub(super) fn of_target(target: &str) -> String {
    let name = target.split_once('.').map_or("", |(_, name)| name);
    let is_name = (1..=MAX_NAME).contains(&name.len());
    let is_name = is_name && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_name { name } else { UNKNOWN }.to_owned()
}

/// Whether an operation of DynamoDB writes nothing, judging by its name.
pub(super) fn is_read_only(operation: &str) -> bool {
    let reads = ["BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet"];
    reads.iter().any(|read| operation.starts_with(read))
}

pub(super) fn of_lambda(parts: &Parts) -> &'static str {
    let path = parts.uri.path().trim_end_matches('/');
    let is_mapping = path.contains("/event-source-mappings/");
    match parts.method {
        Method::PUT if is_mapping => "UpdateEventSourceMapping",
        Method::GET if is_mapping => "GetEventSourceMapping",
        Method::GET if path.ends_with("/event-source-mappings") => "ListEventSourceMappings",
        Method::POST if path.ends_with("/invocations") => "Invoke",
        Method::GET if path.ends_with("/functions") => "ListFunctions",
        Method::GET => "GetFunction",
        _ => UNKNOWN,
    }
}

pub(super) fn of_s3(parts: &Parts) -> &'static str {
    let path = parts.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    match (bucket, key) {
        ("", _) if parts.method == Method::GET => "ListBuckets",
        ("", _) => UNKNOWN,
        (_, "") => of_bucket(parts),
        _ => of_object(parts),
    }
}

fn of_bucket(parts: &Parts) -> &'static str {
    match parts.method {
        Method::PUT => "CreateBucket",
        Method::HEAD => "HeadBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST if has(parts, "delete") => "DeleteObjects",
        Method::GET if has(parts, "location") => "GetBucketLocation",
        Method::GET if has(parts, "uploads") => "ListMultipartUploads",
        Method::GET if has(parts, "list-type") => "ListObjectsV2",
        Method::GET => "ListObjects",
        _ => UNKNOWN,
    }
}

fn of_object(parts: &Parts) -> &'static str {
    let is_copy = parts.headers.contains_key("x-amz-copy-source");
    match parts.method {
        Method::PUT if has(parts, "tagging") => "PutObjectTagging",
        Method::PUT if has(parts, "partNumber") && is_copy => "UploadPartCopy",
        Method::PUT if has(parts, "partNumber") => "UploadPart",
        Method::PUT if is_copy => "CopyObject",
        Method::PUT => "PutObject",
        Method::GET if has(parts, "uploadId") => "ListParts",
        Method::GET if has(parts, "tagging") => "GetObjectTagging",
        Method::GET if has(parts, "attributes") => "GetObjectAttributes",
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        Method::DELETE if has(parts, "uploadId") => "AbortMultipartUpload",
        Method::DELETE if has(parts, "tagging") => "DeleteObjectTagging",
        Method::DELETE => "DeleteObject",
        Method::POST if has(parts, "uploads") => "CreateMultipartUpload",
        Method::POST if has(parts, "uploadId") => "CompleteMultipartUpload",
        _ => UNKNOWN,
    }
}

/// Whether the query has a parameter of this name.
fn has(parts: &Parts, name: &str) -> bool {
    let mut parameters = parts.uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| parameter.split('=').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operations: &[&str], expected: bool) {
        for operation in operations {
            assert_eq!(is_read_only(operation), expected, "{operation}");
        }
    }

    #[test]
    fn whatever_may_write_is_no_mere_reading() {
        check(&["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"], true);
        check(&["DescribeTable", "ListTables", "GetRecords", "GetShardIterator"], true);
        check(&["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"], false);
        check(&["TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement"], false);
        check(&["ExecuteTransaction", "CreateTable", "DeleteTable", UNKNOWN, ""], false);
    }
}
