//! The permissions that a request requires: actions on resources, as in each service's reference.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
//! For an unknown operation, the action is its name. For an unknown resource, the resource is `*`, which only
//! a grant for all resources covers. So a request that is not understood is not allowed.

mod dynamodb;
mod s3;
mod secrets;
mod sqs;

use axum::http::request::Parts;
use bytes::Bytes;

pub(super) use self::s3::ObjectLookup;

use super::route::{Destination, Route};

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permission {
    /// The action, such as `sqs:SendMessage`.
    pub(super) action: String,
    /// The ARN of the resource, or `*`.
    pub(super) resource: String,
}

impl Permission {
    fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into() }
    }
}

/// The region and the account of all resources.
#[derive(Clone, Debug)]
pub struct Location {
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The id of the account, which has twelve digits.
    pub account: String,
}

impl Location {
    /// The ARN of a resource in this region and account.
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// The permissions that a request requires. `body` is empty unless the request names its resources there.
pub(super) fn required(
    route: &Route,
    parts: &Parts,
    body: &Bytes,
    location: &Location,
    objects: &dyn ObjectLookup,
) -> Vec<Permission> {
    let operation = route.operation.as_str();
    match &route.destination {
        Destination::Sqs => sqs::permissions(operation, body, location),
        Destination::DynamoDb => dynamodb::permissions(operation, body, location),
        Destination::S3 => s3::permissions(operation, parts, objects),
        Destination::SecretsManager => secrets::permissions(operation, body, location),
        Destination::Lambda => vec![lambda(operation, parts.uri.path(), location)],
        Destination::FunctionUrl { function, .. } => {
            let resource = location.arn("lambda", &format!("function:{function}"));
            let invoke = Permission::new("lambda:InvokeFunction", resource.clone());
            vec![Permission::new("lambda:InvokeFunctionUrl", resource), invoke]
        }
        // The template's APIs have no authorizer, so they are open to all.
        Destination::HttpApi { .. } => Vec::new(),
    }
}

fn lambda(operation: &str, path: &str, location: &Location) -> Permission {
    let action = match operation {
        "Invoke" => "lambda:InvokeFunction".to_owned(),
        other => format!("lambda:{other}"),
    };
    // Operations that list have no resource.
    if let Some((_, uuid)) = path.split_once("/event-source-mappings") {
        return match uuid.trim_matches('/') {
            "" => Permission::new(action, "*"),
            uuid => Permission::new(
                action,
                location.arn("lambda", &format!("event-source-mapping:{uuid}")),
            ),
        };
    }
    let named = path.split_once("/functions/").map_or("", |(_, rest)| rest);
    let named = percent_encoding::percent_decode_str(named.split('/').next().unwrap_or_default());
    let named = named.decode_utf8_lossy();
    match named.as_ref() {
        "" => Permission::new(action, "*"),
        arn if arn.starts_with("arn:") => Permission::new(action, arn),
        name => Permission::new(action, location.arn("lambda", &format!("function:{name}"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn place() -> Location {
        Location { region: "r".to_owned(), account: "1".to_owned() }
    }

    /// Each need as `action resource`.
    pub(super) fn texts(permissions: &[Permission]) -> Vec<String> {
        permissions
            .iter()
            .map(|permission| format!("{} {}", permission.action, permission.resource))
            .collect()
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
