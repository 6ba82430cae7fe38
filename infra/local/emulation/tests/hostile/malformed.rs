//! Malformed requests. Each gets an error in AWS's form that blames the sender:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.

use crate::requests::answer_to;

const MALFORMED: &str = "com.amazon.coral.service#SerializationException";
const UNKNOWN: &str = "com.amazon.coral.service#UnknownOperationException";
const MISSING: &str = "com.amazon.coral.service#MissingRequiredParameterException";
const INVALID: &str = "com.amazon.coral.service#InvalidParameterValueException";

#[track_caller]
fn check(operation: &str, body: impl AsRef<[u8]>, kind: &str) {
    let body = body.as_ref();
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let status = if kind.is_empty() { 200 } else { 400 };
    assert_eq!(answer_to(operation, body), (status, kind.to_owned()), "{operation} {shown}");
}

#[track_caller]
fn check_delay(number: &str, kind: &str) {
    let body = format!(r#"{{"QueueUrl":"q","MessageBody":"b","DelaySeconds":{number}}}"#);
    check("SendMessage", body, kind);
}

#[test]
fn what_is_no_json_object_is_a_serialization_error() {
    for body in
        ["{", r#"{"QueueUrl":"q","Mess"#, "}", "[]", "null", "7", r#""q""#, "{} {}", "\0", " "]
    {
        check("SendMessage", body, MALFORMED);
        check("ReceiveMessage", body, MALFORMED);
    }
    check("SendMessage", b"{\"QueueUrl\":\"q\",\"MessageBody\":\"\xff\xfe\"}", MALFORMED);
    check("SendMessage", br#"{"QueueUrl":"q","MessageBody":"\ud800"}"#, MALFORMED);
    check("SendMessage", b"{\"QueueUrl\":\"q\",\"MessageBody\":\"a\0b\"}", MALFORMED);
}

#[test]
fn an_empty_body_is_a_request_without_parameters() {
    check("SendMessage", "", MISSING);
    check("ListQueues", "", "");
}

#[test]
fn nesting_ends_before_the_stack_does() {
    for opening in ["[", "{\"a\":", "{\"Entries\":[", "{\"Attributes\":{\"a\":["] {
        check("SendMessageBatch", opening.repeat(100_000), MALFORMED);
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    check("SendMessage", format!(r#"{{"QueueUrl":{deep}}}"#), MALFORMED);
    check("SendMessage", format!(r#"{{"QueueUrl":"q","MessageBody":"b","Other":{deep}}}"#), "");
}

#[test]
fn a_number_that_is_no_integer_is_a_serialization_error() {
    for number in ["1e400", "-1e400", "1e-400", "1.5", "9223372036854775807", "9223372036854775808"]
    {
        check_delay(number, MALFORMED);
    }
    for number in ["18446744073709551616", "2147483648", "-2147483649", "01", "+1", "NaN", "0x1"] {
        check_delay(number, MALFORMED);
    }
    check_delay("2147483647", INVALID);
    check_delay("-2147483648", INVALID);
    check_delay("901", INVALID);
    check_delay("900", "");
}

#[test]
fn a_value_of_another_type_is_a_serialization_error() {
    for value in [r#""1""#, "true", "[]", "{}", "[1]"] {
        check_delay(value, MALFORMED);
    }
    for value in ["1", "true", "[]", "{}", "1.5"] {
        check("SendMessage", format!(r#"{{"QueueUrl":{value},"MessageBody":"b"}}"#), MALFORMED);
        check("SendMessage", format!(r#"{{"QueueUrl":"q","MessageBody":{value}}}"#), MALFORMED);
    }
    for value in ["1", "\"x\"", "{}", "[1]", "[[]]"] {
        let body = format!(r#"{{"QueueUrl":"q","Entries":{value}}}"#);
        check("SendMessageBatch", &body, MALFORMED);
        check("DeleteMessageBatch", &body, MALFORMED);
    }
    check_delay("null", "");
}

#[test]
fn a_key_that_comes_twice_has_its_last_value() {
    check("SendMessage", r#"{"QueueUrl":"none","QueueUrl":"q","MessageBody":"b"}"#, "");
    let body = r#"{"QueueUrl":"q","QueueUrl":"none","MessageBody":"b"}"#;
    check("SendMessage", body, "com.amazonaws.sqs#QueueDoesNotExist");
}

#[test]
fn an_operation_that_is_none_is_said_to_be_so() {
    let long = "x".repeat(10_000);
    for operation in ["", "sendmessage", "SendMessage ", "Send\0Message", "SendMessagé", &long] {
        check(operation, "{}", UNKNOWN);
        check(operation, "{", UNKNOWN);
    }
}

#[test]
fn a_body_of_sixteen_mebibytes_is_read_to_its_end_and_refused() {
    const SIZE: usize = 16 * 1024 * 1024;
    let body = format!(r#"{{"QueueUrl":"q","MessageBody":"{}"}}"#, "x".repeat(SIZE - 40));
    check("SendMessage", body, INVALID);
    check("SendMessage", " ".repeat(SIZE), MALFORMED);
    check("SendMessage", "\0".repeat(SIZE), MALFORMED);
    check(
        "SendMessageBatch",
        format!(r#"{{"QueueUrl":"q","Entries":[{}]}}"#, "0,".repeat(SIZE / 2)),
        MALFORMED,
    );
    let entries = vec![r#"{"Id":"a","MessageBody":"b"}"#; SIZE / 32].join(",");
    let body = format!(r#"{{"QueueUrl":"q","Entries":[{entries}]}}"#);
    check("SendMessageBatch", body, "com.amazonaws.sqs#TooManyEntriesInBatchRequest");
}

#[test]
fn nul_in_a_message_is_refused_and_elsewhere_harmless() {
    let nul = r"a\u0000b";
    let body = format!(r#"{{"QueueUrl":"q","MessageBody":"{nul}"}}"#);
    check("SendMessage", body, "com.amazonaws.sqs#InvalidMessageContents");
    let body = format!(r#"{{"QueueUrl":"{nul}","MessageBody":"b"}}"#);
    check("SendMessage", body, "com.amazonaws.sqs#QueueDoesNotExist");
    check("CreateQueue", format!(r#"{{"QueueName":"{nul}"}}"#), INVALID);
    let body = format!(r#"{{"QueueUrl":"q","ReceiptHandle":"{nul}"}}"#);
    check("DeleteMessage", body, "com.amazonaws.sqs#ReceiptHandleIsInvalid");
}
