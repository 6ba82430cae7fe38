//! Who signed a request, as the authorizer of `AWS_IAM` tells a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>.

use serde_json::{Value, json};

/// A principal of the account, by its access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub access_key: String,
    pub account: String,
    /// The principal's unique id; of a role's session, with the session's name.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>
    pub caller_id: String,
    pub user_arn: String,
}

impl Identity {
    /// `requestContext.authorizer`.
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
