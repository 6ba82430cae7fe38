//! The protocol, held to by a plain HTTP client in the part of a runtime.

use axum::http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

struct Runtime {
    base: String,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

impl Runtime {
    fn of(api: &RuntimeApi) -> Self {
        let base = format!("http://127.0.0.1:{}", api.port());
        Self { base, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_vec())).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    async fn next(&self) -> Response<Bytes> {
        self.call("GET", "/2018-06-01/runtime/invocation/next", &[], b"").await
    }

    async fn post(&self, path: &str, body: &[u8]) -> Response<Bytes> {
        self.call("POST", &format!("/2018-06-01/runtime/{path}"), &[], body).await
    }
}

fn offer(id: &str) -> (NextInvocation, oneshot::Receiver<Reply>) {
    let (reply, replied) = oneshot::channel();
    let offer = NextInvocation {
        request_id: id.to_owned(),
        deadline_ms: 1_584_000_030_000,
        function_arn: "arn:aws:lambda:eu-west-1:1:function:f".to_owned(),
        trace_id: "Root=1-5e6a0e00-0;Parent=1;Sampled=0".to_owned(),
        client_context: Some(r#"{"custom":{"é":"1"}}"#.to_owned()),
        payload: Bytes::from_static(b"{\"n\":1}"),
        reply,
        on_start: Box::new(|| {}),
    };
    (offer, replied)
}

async fn running(id: &str) -> (RuntimeApi, Runtime, oneshot::Receiver<Reply>) {
    let api = RuntimeApi::listen().await.unwrap();
    let runtime = Runtime::of(&api);
    let (offer, replied) = offer(id);
    let (_, next) = tokio::join!(api.offer(offer), runtime.next());
    assert_eq!(next.status(), 200);
    (api, runtime, replied)
}

#[tokio::test]
async fn an_invocation_is_handed_over_with_its_metadata_and_answered_once() {
    let api = RuntimeApi::listen().await.unwrap();
    let runtime = Runtime::of(&api);
    assert_eq!(api.phase(), Phase::Starting);
    let (offer, replied) = offer("id-1");
    let work = async {
        assert_eq!(api.wait_until_ready().await, Phase::Waiting);
        api.offer(offer).await;
    };
    let (next, ()) = tokio::join!(runtime.next(), work);
    assert_eq!(api.phase(), Phase::Running);
    assert_eq!(next.body(), "{\"n\":1}");
    let header = |name: &str| next.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("lambda-runtime-aws-request-id"), "id-1");
    assert_eq!(header("lambda-runtime-deadline-ms"), "1584000030000");
    assert_eq!(
        header("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:eu-west-1:1:function:f"
    );
    assert_eq!(header("lambda-runtime-trace-id"), "Root=1-5e6a0e00-0;Parent=1;Sampled=0");
    let context = next.headers()["lambda-runtime-client-context"].as_bytes();
    assert_eq!(context, r#"{"custom":{"é":"1"}}"#.as_bytes());

    let accepted = runtime.post("invocation/id-1/response", b"{\"ok\":true}").await;
    assert_eq!(accepted.status(), 202);
    assert_eq!(replied.await.unwrap(), Reply::Response(Bytes::from_static(b"{\"ok\":true}")));
    let again = runtime.post("invocation/id-1/response", b"{}").await;
    assert_eq!(again.status(), 400);
}

#[tokio::test]
async fn an_answer_to_another_invocation_is_refused_and_changes_nothing() {
    let (_api, runtime, replied) = running("id-1").await;
    for path in ["invocation/id-2/response", "invocation/id-2/error"] {
        let refused = runtime.post(path, b"{}").await;
        assert_eq!(refused.status(), 400, "{path}");
        assert!(String::from_utf8_lossy(refused.body()).contains("InvalidRequestID"));
    }
    runtime.post("invocation/id-1/response", b"1").await;
    assert_eq!(replied.await.unwrap(), Reply::Response(Bytes::from_static(b"1")));
}

#[tokio::test]
async fn asking_for_work_without_having_answered_is_refused() {
    let (_api, runtime, _replied) = running("id-1").await;
    let refused = runtime.next().await;
    assert_eq!(refused.status(), 403);
    assert!(String::from_utf8_lossy(refused.body()).contains("InvalidStateTransition"));
}

#[tokio::test]
async fn an_error_is_passed_on_as_reported() {
    let (_api, runtime, replied) = running("id-1").await;
    let body = br#"{"errorType":"E","errorMessage":"m"}"#;
    assert_eq!(runtime.post("invocation/id-1/error", body).await.status(), 202);
    assert_eq!(replied.await.unwrap(), Reply::Error(Bytes::from_static(body)));
}

#[tokio::test]
async fn an_error_without_a_readable_body_has_the_type_of_its_header() {
    let (_api, runtime, replied) = running("id-1").await;
    let path = "/2018-06-01/runtime/invocation/id-1/error";
    let headers = [("lambda-runtime-function-error-type", "Extension.Odd")];
    assert_eq!(runtime.call("POST", path, &headers, b"oops").await.status(), 202);
    let Reply::Error(document) = replied.await.unwrap() else { panic!("not an error") };
    assert!(String::from_utf8_lossy(&document).contains("Extension.Odd"));
}

#[tokio::test]
async fn a_response_over_the_limit_is_refused_and_fails_the_invocation() {
    let (_api, runtime, replied) = running("id-1").await;
    let body = vec![b' '; RESPONSE_LIMIT + 1];
    assert_eq!(runtime.post("invocation/id-1/response", &body).await.status(), 413);
    let Reply::Error(document) = replied.await.unwrap() else { panic!("not an error") };
    assert!(String::from_utf8_lossy(&document).contains("Function.ResponseSizeTooLarge"));
    // The function goes on: it may ask for work again.
    let (offer, _replied) = offer("id-2");
    let (next, ()) = tokio::join!(runtime.next(), _api.offer(offer));
    assert_eq!(next.status(), 200);
}

#[tokio::test]
async fn a_response_at_the_limit_is_accepted() {
    let (_api, runtime, replied) = running("id-1").await;
    let body = vec![b' '; RESPONSE_LIMIT];
    assert_eq!(runtime.post("invocation/id-1/response", &body).await.status(), 202);
    let Reply::Response(payload) = replied.await.unwrap() else { panic!("not a response") };
    assert_eq!(payload.len(), RESPONSE_LIMIT);
}

#[tokio::test]
async fn a_streamed_response_is_named_as_not_emulated() {
    let (_api, runtime, replied) = running("id-1").await;
    let path = "/2018-06-01/runtime/invocation/id-1/response";
    let headers = [("Lambda-Runtime-Function-Response-Mode", "streaming")];
    assert_eq!(runtime.call("POST", path, &headers, b"x").await.status(), 400);
    let Reply::Error(document) = replied.await.unwrap() else { panic!("not an error") };
    assert!(String::from_utf8_lossy(&document).contains("Runtime.StreamingNotEmulated"));
}

#[tokio::test]
async fn an_init_error_is_kept_and_only_accepted_before_the_first_request_for_work() {
    let api = RuntimeApi::listen().await.unwrap();
    let runtime = Runtime::of(&api);
    let body = br#"{"errorType":"Config","errorMessage":"TABLE is missing"}"#;
    assert_eq!(runtime.post("init/error", body).await.status(), 202);
    assert_eq!(api.wait_until_ready().await, Phase::InitFailed(Bytes::from_static(body)));

    let (_api, runtime, _replied) = running("id-1").await;
    assert_eq!(runtime.post("init/error", body).await.status(), 403);
}

#[tokio::test]
async fn what_is_not_emulated_says_so() {
    let api = RuntimeApi::listen().await.unwrap();
    let answer = Runtime::of(&api).call("POST", "/2020-01-01/extension/register", &[], b"").await;
    assert_eq!(answer.status(), 404);
    assert!(String::from_utf8_lossy(answer.body()).contains("/2020-01-01/extension/register"));
}

#[tokio::test]
async fn a_closed_environment_ends_its_connections() {
    let api = RuntimeApi::listen().await.unwrap();
    let mut open = TcpStream::connect(("127.0.0.1", api.port())).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert_ne!(open.read(&mut [0; 64 * 1024]).await.unwrap(), 0);
    // Who listens on its port by then is another's affair.
    drop(api);
    open.read_to_end(&mut Vec::new()).await.unwrap();
}
