//! Checks once that the role of a function allows a request, before a service receives it.
//!
//! The environments of a function sign with the function's own access key id. A caller with another access
//! key id, or without a signature, counts as the account's owner and may do everything. The purpose is not
//! security: the check shows what a deployment would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{Method, Response};
use bytes::Bytes;

use super::access_denied;
use super::permissions::{self, Location, ObjectLookup, Permission};
use super::route::{Destination, Route};
use iam::{Decision, Role};
use lambda::Identity;
use s3::S3;
use template::{Stack, role_id};

const TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");
/// The maximum number of accesses that are recorded of each kind. No legitimate use has more.
const MAX_RECORDED: usize = 100_000;

/// An action that a function requested.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The function's name.
    pub function: String,
    /// The action, such as `sqs:SendMessage`.
    pub action: String,
    /// The ARN of the resource, or `*` if there is none.
    pub resource: String,
}

/// The principal of a function's requests.
struct Principal {
    /// The ARN of the role session.
    user: String,
    /// The unique id of the role, and the name of the session.
    id: String,
    role: Role,
}

/// Decides whether the role of a function allows a request.
pub struct Authorizer {
    location: Location,
    /// The functions by the access key id of their environments, which is their name.
    functions: BTreeMap<String, Principal>,
    objects: S3,
    is_recording: AtomicBool,
    allowed: Mutex<BTreeSet<Access>>,
    denied: Mutex<BTreeSet<Access>>,
}

impl Authorizer {
    /// Creates an authorizer for the functions and roles of a stack.
    pub fn new(stack: &Stack, location: Location, objects: S3) -> Self {
        let mut functions = BTreeMap::new();
        for function in &stack.functions {
            let role = stack.roles.iter().find(|role| role.arn == function.role);
            let (role_name, role) =
                role.map(|role| (role.name.as_str(), role.rights.clone())).unwrap_or_default();
            let account = &location.account;
            let user = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{}", function.name);
            let id = format!("{}:{}", role_id(role_name), function.name);
            functions.insert(function.name.clone(), Principal { user, id, role });
        }
        Self {
            location,
            functions,
            objects,
            is_recording: AtomicBool::new(false),
            allowed: Mutex::default(),
            denied: Mutex::default(),
        }
    }

    /// The signer with this access key id, which is a function or the account's owner.
    pub(super) fn identity(&self, access_key: &str) -> Identity {
        let account = &self.location.account;
        let (caller_id, user_arn) = match self.functions.get(access_key) {
            Some(principal) => (principal.id.clone(), principal.user.clone()),
            None => (account.clone(), format!("arn:aws:iam::{account}:root")),
        };
        let access_key = access_key.to_owned();
        Identity { access_key, account: account.clone(), caller_id, user_arn }
    }

    /// Whether the body of a request is needed to decide about it.
    pub(super) fn reads_body(&self, route: &Route) -> bool {
        matches!(
            route.destination,
            Destination::Sqs | Destination::DynamoDb | Destination::SecretsManager
        ) && self.functions.contains_key(&route.caller)
    }

    /// Checks that the caller has all permissions that a request requires.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    #[expect(clippy::result_large_err, reason = "it is answered at once")]
    pub(super) fn authorize(
        &self,
        route: &Route,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<(), Response<Body>> {
        let Some(principal) = self.functions.get(&route.caller) else { return Ok(()) };
        for permission in permissions::required(route, parts, body, &self.location, &self.objects) {
            let decision = principal.role.decide(&permission.action, &permission.resource);
            if decision == Decision::Allowed {
                if self.is_recording.load(Ordering::Relaxed) {
                    record(&self.allowed, &route.caller, permission);
                }
                continue;
            }
            tracing::warn!(
                function = route.caller,
                action = permission.action,
                resource = permission.resource,
                "the function's role does not allow this action"
            );
            let refused = access_denied::response(
                &route.destination,
                parts,
                &principal.user,
                &permission,
                decision,
            );
            record(&self.denied, &route.caller, permission);
            return Err(refused);
        }
        Ok(())
    }

    /// Removes the number of an object's tags from an answer if the caller may not read the tags:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    pub(super) fn hide_tag_count(&self, route: &Route, parts: &Parts, answer: &mut Response<Body>) {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let Some(principal) = self.functions.get(&route.caller).filter(|_| reads) else { return };
        if !answer.headers().contains_key(&TAGGING_COUNT) {
            return;
        }
        let path = parts.uri.path().trim_start_matches('/');
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let resource = format!("arn:aws:s3:::{path}");
        if principal.role.decide("s3:GetObjectTagging", &resource) != Decision::Allowed {
            answer.headers_mut().remove(&TAGGING_COUNT);
        }
    }

    /// Starts to record the accesses that are allowed.
    pub fn record(&self) {
        self.is_recording.store(true, Ordering::Relaxed);
    }

    /// The recorded accesses that were allowed.
    pub fn allowed(&self) -> BTreeSet<Access> {
        self.allowed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All accesses that were denied.
    pub fn denied(&self) -> BTreeSet<Access> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn record(recorded: &Mutex<BTreeSet<Access>>, function: &str, permission: Permission) {
    let Permission { action, resource } = permission;
    let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
    if recorded.len() < MAX_RECORDED {
        recorded.insert(Access { function: function.to_owned(), action, resource });
    }
}

impl ObjectLookup for S3 {
    fn is_tagged(&self, bucket: &str, key: &str) -> bool {
        self.tag_count(bucket, key).is_ok_and(|count| count > 0)
    }

    fn is_missing(&self, bucket: &str, key: &str) -> bool {
        self.tag_count(bucket, key).is_err_and(|error| error.code == "NoSuchKey")
    }
}
