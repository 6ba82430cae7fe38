//! Which rights a request needs: actions on resources, as each service's reference says.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
//! An operation's own name is its action where nothing else is known, and a resource that cannot be told
//! is `*`, which only a grant of everything covers: what is not understood is not allowed.

mod dynamodb;
mod s3;
mod secrets;
mod sqs;

use axum::http::request::Parts;
use bytes::Bytes;

pub(super) use self::s3::Objects;

use super::route::{Destination, Route};

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// `sqs:SendMessage`.
    pub(super) action: String,
    /// An ARN, or `*`.
    pub(super) resource: String,
}

impl Need {
    fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into() }
    }
}

/// Whose resources they are, and where.
#[derive(Clone, Debug)]
pub struct Place {
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Place {
    /// The ARN of what is here, in the emulation's one partition.
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// What a request needs. `body` is that of the requests that name their
/// resources there, and empty for all others.
pub(super) fn of(
    route: &Route,
    parts: &Parts,
    body: &Bytes,
    place: &Place,
    objects: &dyn Objects,
) -> Vec<Need> {
    let operation = route.operation.as_str();
    match &route.destination {
        Destination::Sqs => sqs::needs(operation, body, place),
        Destination::DynamoDb => dynamodb::needs(operation, body, place),
        Destination::S3 => s3::needs(operation, parts, objects),
        Destination::SecretsManager => secrets::needs(operation, body, place),
        Destination::Lambda => vec![lambda(operation, parts.uri.path(), place)],
        Destination::FunctionUrl { function, .. } => {
            let resource = place.arn("lambda", &format!("function:{function}"));
            let invoke = Need::new("lambda:InvokeFunction", resource.clone());
            vec![Need::new("lambda:InvokeFunctionUrl", resource), invoke]
        }
        // It is open to all, since the template's have no authorizer.
        Destination::HttpApi { .. } => Vec::new(),
    }
}

fn lambda(operation: &str, path: &str, place: &Place) -> Need {
    let action = match operation {
        "Invoke" => "lambda:InvokeFunction".to_owned(),
        other => format!("lambda:{other}"),
    };
    // Those that list have no resource.
    if let Some((_, uuid)) = path.split_once("/event-source-mappings") {
        return match uuid.trim_matches('/') {
            "" => Need::new(action, "*"),
            uuid => Need::new(action, place.arn("lambda", &format!("event-source-mapping:{uuid}"))),
        };
    }
    let named = path.split_once("/functions/").map_or("", |(_, rest)| rest);
    let named = percent_encoding::percent_decode_str(named.split('/').next().unwrap_or_default());
    let named = named.decode_utf8_lossy();
    match named.as_ref() {
        "" => Need::new(action, "*"),
        arn if arn.starts_with("arn:") => Need::new(action, arn),
        name => Need::new(action, place.arn("lambda", &format!("function:{name}"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn place() -> Place {
        Place { region: "r".to_owned(), account: "1".to_owned() }
    }

    /// Each need as `action resource`.
    pub(super) fn texts(needs: &[Need]) -> Vec<String> {
        needs.iter().map(|need| format!("{} {}", need.action, need.resource)).collect()
    }

    #[test]
    fn a_function_is_named_by_its_path() {
        #[track_caller]
        fn check(operation: &str, path: &str, expected: &str) {
            assert_eq!(texts(&[lambda(operation, path, &place())]), [expected]);
        }
        let invoked = "lambda:InvokeFunction arn:aws:lambda:r:1:function:sink";
        check("Invoke", "/2015-03-31/functions/sink/invocations", invoked);
        let arn = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Asink/invocations";
        check("Invoke", arn, invoked);
        check("ListFunctions", "/2015-03-31/functions/", "lambda:ListFunctions *");
    }

    #[test]
    fn a_mapping_is_named_by_its_path_and_the_list_of_them_is_everybodys() {
        #[track_caller]
        fn check(operation: &str, path: &str, expected: &str) {
            let path = format!("/2015-03-31/event-source-mappings{path}");
            assert_eq!(texts(&[lambda(operation, &path, &place())]), [expected]);
        }
        let arn = "arn:aws:lambda:r:1:event-source-mapping:1b-2c";
        let update = format!("lambda:UpdateEventSourceMapping {arn}");
        check("UpdateEventSourceMapping", "/1b-2c", &update);
        check("GetEventSourceMapping", "/1b-2c/", &format!("lambda:GetEventSourceMapping {arn}"));
        check("ListEventSourceMappings", "/", "lambda:ListEventSourceMappings *");
        check("ListEventSourceMappings", "", "lambda:ListEventSourceMappings *");
    }
}
