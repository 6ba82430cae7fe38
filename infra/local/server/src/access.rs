//! Who may do what: each request of a function is judged by its role, once, before any service has it.
//!
//! A function's environments sign with an access key id of the function's own. Whoever signs with
//! another one, or not at all, is the account's owner and may do everything: nothing here keeps secrets,
//! it shows what a deployment would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{Method, Response};
use bytes::Bytes;

use super::denied;
use super::needs::{self, Need, Objects, Place};
use super::route::{Destination, Route};
use iam::{Decision, Role};
use lambda::Identity;
use s3::S3;
use template::{Stack, role_id};

const TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");
/// What is recorded of each kind; nobody's honest use is beyond this.
const MAX_RECORDED: usize = 100_000;

/// What a function asked to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The function's name.
    pub function: String,
    /// `sqs:SendMessage`.
    pub action: String,
    /// An ARN, or `*` where there is none.
    pub resource: String,
}

/// Who a function is, for its requests.
struct Principal {
    /// The ARN of its role's session.
    user: String,
    /// The role's unique id, and the session's name.
    id: String,
    role: Role,
}

/// The judge of the front.
pub struct Judge {
    place: Place,
    /// By the access key ids of their environments, which are their names.
    functions: BTreeMap<String, Principal>,
    objects: S3,
    is_recording: AtomicBool,
    allowed: Mutex<BTreeSet<Access>>,
    denied: Mutex<BTreeSet<Access>>,
}

impl Judge {
    pub fn new(stack: &Stack, place: Place, objects: S3) -> Self {
        let mut functions = BTreeMap::new();
        for function in &stack.functions {
            let role = stack.roles.iter().find(|role| role.arn == function.role);
            let (role_name, role) =
                role.map(|role| (role.name.as_str(), role.rights.clone())).unwrap_or_default();
            let account = &place.account;
            let user = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{}", function.name);
            let id = format!("{}:{}", role_id(role_name), function.name);
            functions.insert(function.name.clone(), Principal { user, id, role });
        }
        Self {
            place,
            functions,
            objects,
            is_recording: AtomicBool::new(false),
            allowed: Mutex::default(),
            denied: Mutex::default(),
        }
    }

    /// Who signs with this access key: a function, or the account's owner.
    pub(super) fn identity(&self, access_key: &str) -> Identity {
        let account = &self.place.account;
        let (caller_id, user_arn) = match self.functions.get(access_key) {
            Some(principal) => (principal.id.clone(), principal.user.clone()),
            None => (account.clone(), format!("arn:aws:iam::{account}:root")),
        };
        let access_key = access_key.to_owned();
        Identity { access_key, account: account.clone(), caller_id, user_arn }
    }

    /// Whether the caller's requests are judged, and the judge must see the body of this one.
    pub(super) fn reads_body(&self, route: &Route) -> bool {
        matches!(
            route.destination,
            Destination::Sqs | Destination::DynamoDb | Destination::SecretsManager
        ) && self.functions.contains_key(&route.caller)
    }

    /// # Errors
    /// The answer to a request that the caller has no right to.
    #[expect(clippy::result_large_err, reason = "it is answered at once")]
    pub(super) fn judge(
        &self,
        route: &Route,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<(), Response<Body>> {
        let Some(principal) = self.functions.get(&route.caller) else { return Ok(()) };
        for need in needs::of(route, parts, body, &self.place, &self.objects) {
            let decision = principal.role.decide(&need.action, &need.resource);
            if decision == Decision::Allowed {
                if self.is_recording.load(Ordering::Relaxed) {
                    record(&self.allowed, &route.caller, need);
                }
                continue;
            }
            tracing::warn!(
                function = route.caller,
                action = need.action,
                resource = need.resource,
                "its role does not allow it"
            );
            let refused =
                denied::response(&route.destination, parts, &principal.user, &need, decision);
            record(&self.denied, &route.caller, need);
            return Err(refused);
        }
        Ok(())
    }

    /// How many tags an object has is told only to who may read them:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    pub(super) fn hide_tags(&self, route: &Route, parts: &Parts, answer: &mut Response<Body>) {
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

    pub fn record(&self) {
        self.is_recording.store(true, Ordering::Relaxed);
    }

    pub fn allowed(&self) -> BTreeSet<Access> {
        self.allowed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn denied(&self) -> BTreeSet<Access> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn record(recorded: &Mutex<BTreeSet<Access>>, function: &str, need: Need) {
    let Need { action, resource } = need;
    let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
    if recorded.len() < MAX_RECORDED {
        recorded.insert(Access { function: function.to_owned(), action, resource });
    }
}

impl Objects for S3 {
    fn is_tagged(&self, bucket: &str, key: &str) -> bool {
        self.tag_count(bucket, key).is_ok_and(|count| count > 0)
    }

    fn is_missing(&self, bucket: &str, key: &str) -> bool {
        self.tag_count(bucket, key).is_err_and(|error| error.code == "NoSuchKey")
    }
}
