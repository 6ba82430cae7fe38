//! Reads an `AssumeRolePolicyDocument`, which says who may assume a role.

use serde_json::Value;

use super::document::{Place, Reader, Refusal};
use super::policy::Effect;

const ASSUME: &str = "sts:AssumeRole";

/// Whether a service, such as `lambda.amazonaws.com`, may assume the role.
///
/// # Errors
/// Everything in the document that is wrong or not emulated.
pub fn check_trust(document: &Value, service: &str) -> Result<bool, Vec<Refusal>> {
    let mut reader = Reader::default();
    let mut is_trusted = false;
    for statement in reader.statements(&Place::top(document)) {
        if reader.mapping(&statement, &["Action", "Effect", "Principal", "Sid"]).is_none() {
            continue;
        }
        let effect = reader.effect(&statement);
        if effect == Some(Effect::Deny) {
            reader.refuse(&statement, "denies, which is not emulated in who may take a role");
        }
        let actions = reader.texts(&statement, "Action");
        let Some(principal) = statement.member("Principal") else {
            reader.refuse(&statement, "has no Principal");
            continue;
        };
        if reader.mapping(&principal, &["Service", "AWS"]).is_none() {
            continue;
        }
        let services = match principal.member("Service") {
            Some(_) => reader.texts(&principal, "Service"),
            None => Vec::new(),
        };
        is_trusted |= actions.iter().any(|(_, action)| *action == ASSUME)
            && services.iter().any(|(_, name)| *name == service);
    }
    reader.finish(is_trusted)
}
