//! The signer of a request, as the event of a function URL with `AWS_IAM` describes it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>.

use serde_json::{Value, json};

/// A principal that signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The access key id of the signature.
    pub access_key: String,
    /// The account of the principal.
    pub account: String,
    /// The unique id of the principal, followed by the session name for a role:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>
    pub caller_id: String,
    /// The ARN of the principal.
    pub user_arn: String,
}

impl Identity {
    /// The value of `requestContext.authorizer`.
    pub(super) fn authorizer(&self) -> Value {
        json!({ "iam": {
            "accessKey": self.access_key,
            "accountId": self.account,
            "callerId": self.caller_id,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": self.user_arn,
            "userId": self.caller_id,
        } })
    }
}
