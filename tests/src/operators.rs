//! What operators do through their function's URL.

use http::Method;
use serde_json::Value;

use crate::{SIGNED, World, ask};

impl World {
    /// Asks the operators' function, signed, and answers status and body; a body of null is none.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn operators(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.output("OperatorsUrl").trim_end_matches('/'));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("content-type", "application/json"), SIGNED];
        let (status, _, answer) = ask(method, &url, &headers, body).await;
        (status, answer)
    }

    /// Asks it for a verb on dead letters.
    ///
    /// # Panics
    /// When it is refused, with why.
    pub async fn ask_dlq(&self, verb: &str, body: Value) -> Value {
        let (status, answer) =
            self.operators(Method::POST, &format!("/v1/dlq/{verb}"), &body).await;
        assert_eq!(status, 200, "{verb}: {answer}");
        answer
    }
}
