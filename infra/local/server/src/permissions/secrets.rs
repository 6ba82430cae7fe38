//! Secrets Manager:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html>.
//!
//! The ARN of a secret ends in six random characters. A policy matches them with `-??????`, or with `*` after
//! the start of the name.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::{Location, Permission};
use secrets::suffix;

/// The members of a request that name its secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named<'a> {
    #[serde(borrow)]
    secret_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

pub(super) fn permissions(operation: &str, body: &Bytes, location: &Location) -> Vec<Permission> {
    let named: Named<'_> = serde_json::from_slice(body).unwrap_or_default();
    let resource = match named.secret_id.or(named.name) {
        Some(arn) if arn.starts_with("arn:") => arn.into_owned(),
        Some(name) => location.arn("secretsmanager", &format!("secret:{name}-{}", suffix(&name))),
        None => "*".to_owned(),
    };
    vec![Permission::new(format!("secretsmanager:{operation}"), resource)]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{place, texts};
    use super::*;

    #[track_caller]
    fn check(operation: &str, body: &Value, expected: &str) {
        let body = Bytes::from(body.to_string());
        assert_eq!(texts(&permissions(operation, &body, &place())), [expected], "{operation}");
    }

    #[test]
    fn a_secret_is_named_by_its_name_or_arn_and_else_it_is_any() {
        let arn = format!("arn:aws:secretsmanager:r:1:secret:s/a-{}", suffix("s/a"));
        let expected = format!("secretsmanager:GetSecretValue {arn}");
        check("GetSecretValue", &json!({ "SecretId": "s/a" }), &expected);
        check("GetSecretValue", &json!({ "SecretId": arn }), &expected);
        let made = format!("secretsmanager:CreateSecret {arn}");
        check("CreateSecret", &json!({ "Name": "s/a" }), &made);
        check("ListSecrets", &json!({}), "secretsmanager:ListSecrets *");
        check("GetSecretValue", &json!([1]), "secretsmanager:GetSecretValue *");
    }
}
