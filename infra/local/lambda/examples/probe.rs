//! A function for the tests of the Lambda emulation: it does what its event says.
//!
//! `{"do": "echo"}` answers with the event, `variables` with the environment, and `fail` with an
//! error. `panic`, `exit` and `hang` do what they say. `await` answers when `file` exists.
//! `allocate` fills megabytes of memory first. `log` is printed. The variable `PROBE_START` says
//! what happens before the function asks for work: `fail`, `hang`, or `report`, which posts an init
//! error and then does nothing.
//!
//! A message of a queue with the body `{"do": "again"}` is sent to its queue again in the way of
//! the AWS SDK: with the trace header of the invocation.
//!
//! A batch of stream records is printed as JSON on one line. An item with `do` = `fail` fails the
//! batch, and one with `report` is reported as failed. If it also has a `file`, that happens only
//! once: the file is created then, and items whose file exists are ignored.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "do", default)]
    action: String,
    #[serde(default)]
    allocate: usize,
    #[serde(default)]
    log: Option<String>,
    #[serde(default)]
    file: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "the probe has no configuration of its own")]
    let start = std::env::var("PROBE_START").unwrap_or_default();
    match start.as_str() {
        "fail" => {
            say("TABLE is missing: expected the name of a table");
            return Err("cannot start".into());
        }
        "hang" => {
            say("waiting for nothing");
            std::future::pending::<()>().await;
        }
        "report" => {
            report_init_error()?;
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if event.payload["Records"][0]["eventSource"] == "aws:dynamodb" {
        return changes(&event.payload["Records"]);
    }
    if event.payload["Records"][0]["eventSource"] == "aws:sqs" {
        send_again(&event.payload["Records"])?;
    }
    let order = Order::deserialize(&event.payload)?;
    if let Some(text) = &order.log {
        say(text);
    }
    let memory = vec![1_u8; order.allocate * 1024 * 1024];
    match order.action.as_str() {
        "variables" => {
            #[expect(clippy::disallowed_methods, reason = "its environment is what is asked for")]
            let variables: BTreeMap<String, String> = std::env::vars().collect();
            Ok(json!(variables))
        }
        "context" => Ok(json!({
            "requestId": event.context.request_id,
            "functionArn": event.context.invoked_function_arn,
            "traceId": event.context.xray_trace_id,
            "deadlineMs": event.context.deadline,
            "clientContext": event.context.client_context,
        })),
        "fail" => Err("told to fail".into()),
        "panic" => panic!("told to panic"),
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        "await" => {
            while !order.file.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(json!("opened"))
        }
        "allocate" => Ok(json!(memory.len())),
        _ => Ok(event.payload),
    }
}

fn changes(records: &Value) -> Result<Value, Error> {
    say(&records.to_string());
    let mut failures = Vec::new();
    for record in records.as_array().into_iter().flatten() {
        let change = &record["dynamodb"];
        let item = &change["NewImage"];
        let Some(action) = item["do"]["S"].as_str() else { continue };
        if let Some(file) = item["file"]["S"].as_str() {
            if std::fs::exists(file)? {
                continue;
            }
            std::fs::write(file, "")?;
        }
        match action {
            "fail" => return Err("told to fail".into()),
            _ => failures.push(json!({ "itemIdentifier": change["SequenceNumber"] })),
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

fn send_again(messages: &Value) -> Result<(), Error> {
    for message in messages.as_array().into_iter().flatten() {
        let body = message["body"].as_str().unwrap_or_default();
        let order = serde_json::from_str::<Order>(body);
        if order.is_ok_and(|order| order.action == "again") {
            let queue = &message["eventSourceARN"];
            send(&json!({ "QueueUrl": queue, "MessageBody": body }).to_string())?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the SDK reads the same variables")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Sends a message without the SDK, which would take minutes to compile.
fn send(message: &str) -> Result<(), Error> {
    let endpoint = variable("AWS_ENDPOINT_URL");
    let host = endpoint.trim_start_matches("http://");
    let caller = variable("AWS_ACCESS_KEY_ID");
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={caller}/20260101/eu-west-1/sqs/aws4_request\r\n\
         X-Amzn-Trace-Id: {}\r\nContent-Length: {}\r\n\r\n{message}",
        variable("_X_AMZN_TRACE_ID"),
        message.len(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer.into()) }
}

/// Posts an init error, which the runtime's crate never does.
fn report_init_error() -> std::io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "Lambda gives the Runtime API's address so")]
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    let body = r#"{"errorType":"Config.Missing","errorMessage":"TABLE is missing"}"#;
    let mut stream = TcpStream::connect(&api)?;
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

#[expect(clippy::print_stderr, reason = "a function's output is its log")]
fn say(text: &str) {
    eprintln!("{text}");
}
