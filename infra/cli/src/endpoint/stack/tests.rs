//! A server on this machine that answers as CloudFormation does.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::account::Pipeline;

/// Answers one request, and returns it.
fn serve(status: u16, body: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&request).contains("StackName=") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the request broke off");
            request.extend_from_slice(&buffer[..read]);
        }
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} Status\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, served)
}

/// Reads `OperatorsUrl` of the stack `prod`, and returns it with the request.
async fn output(status: u16, body: &'static str) -> (Result<Option<String>, String>, String) {
    let (url, served) = serve(status, body);
    let pipeline = Pipeline {
        endpoint: Some(url),
        stack: Some("prod".to_owned()),
        region: Some("eu-west-1".to_owned()),
        ..Pipeline::default()
    };
    let endpoint = Endpoint::of(&pipeline, &BTreeMap::new()).await.unwrap();
    let output = endpoint.output("OperatorsUrl", "--url").await;
    (output.map_err(|failure| failure.to_string()), served.join().unwrap())
}

const DESCRIBED: &str = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <DescribeStacksResult><Stacks><member>
    <StackName>prod</StackName><StackStatus>UPDATE_COMPLETE</StackStatus>
    <Parameters><member><ParameterKey>Environment</ParameterKey><ParameterValue>production</ParameterValue></member></Parameters>
    <Outputs>
      <member><OutputKey>InboxUrl</OutputKey><OutputValue>https://sqs/inbox</OutputValue></member>
      <member><Description>By people &amp; none else</Description><OutputKey>OperatorsUrl</OutputKey>
        <OutputValue>https://u.lambda-url.eu-west-1.on.aws/?a=1&amp;b=2</OutputValue><ExportName>x</ExportName></member>
    </Outputs>
    <Tags/>
  </member></Stacks></DescribeStacksResult>
  <ResponseMetadata><RequestId>b9b4b068</RequestId></ResponseMetadata>
</DescribeStacksResponse>"#;
const BARE: &str = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <DescribeStacksResult><Stacks><member><StackName>prod</StackName></member></Stacks></DescribeStacksResult>
</DescribeStacksResponse>"#;
const MISSING: &str = r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id prod does not exist</Message></Error>
  <RequestId>9d2b</RequestId></ErrorResponse>"#;
const DENIED: &str = r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/ann is not authorized to perform: cloudformation:DescribeStacks</Message></Error>
  <RequestId>9d2b</RequestId></ErrorResponse>"#;
const EXPIRED: &str = r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error>
  <RequestId>9d2b</RequestId></ErrorResponse>"#;
const THROTTLED: &str = r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>
  <RequestId>9d2b</RequestId></ErrorResponse>"#;

#[tokio::test]
async fn a_stacks_output_is_found_by_a_signed_request() {
    let (found, request) = output(200, DESCRIBED).await;
    assert_eq!(found, Ok(Some("https://u.lambda-url.eu-west-1.on.aws/?a=1&b=2".to_owned())));
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("/eu-west-1/cloudformation/aws4_request"), "{request}");
    let body = request.split("\r\n\r\n").nth(1);
    assert_eq!(body, Some("Action=DescribeStacks&Version=2010-05-15&StackName=prod"));
}

#[tokio::test]
async fn whatever_is_missing_is_told_in_one_line() {
    let cases = [
        (400, MISSING, "error: there is no stack `prod` in eu-west-1"),
        (200, BARE, "error: stack `prod` has no output OperatorsUrl"),
        (
            403,
            DENIED,
            "error: the outputs of stack `prod` are not yours to read: DescribeStacks was denied",
        ),
        (403, EXPIRED, "error: stack `prod` cannot be read: your session is over"),
        (400, THROTTLED, "error: stack `prod` cannot be read"),
    ];
    for (status, body, expected) in cases {
        let text = output(status, body).await.0.unwrap_err();
        assert_eq!(text.lines().next(), Some(expected), "{text}");
        assert!(text.contains("\n  next: "), "{text}");
    }
}

#[tokio::test]
async fn whoever_is_no_cloudformation_is_not_believed() {
    for (status, body) in [(200, "{}"), (200, ""), (404, "<html></html>"), (200, MISSING)] {
        let text = output(status, body).await.0.unwrap_err();
        assert!(text.contains("is not CloudFormation: HTTP"), "{text}");
    }
}
