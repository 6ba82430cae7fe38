//! A role: all the policies that it has, inline and attached.

use super::policy::{Decision, Effect, Grant, Policy};

/// Who may do what its policies allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    policies: Vec<Policy>,
}

impl Role {
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self { policies }
    }

    pub fn attach(&mut self, policy: Policy) {
        self.policies.push(policy);
    }

    /// Whether the role may use `action` (`sqs:SendMessage`) on `resource` (an ARN; `*` where there is
    /// none, or none can be told). What no statement allows is not allowed, and what one denies is
    /// denied.
    #[must_use]
    pub fn decide(&self, action: &str, resource: &str) -> Decision {
        let mut decision = Decision::NotAllowed;
        for statement in self.policies.iter().flat_map(|policy| &policy.statements) {
            // A resource that cannot be told may be one that is denied.
            let may_be_meant = statement.effect == Effect::Deny && resource == "*";
            let is_meant = match may_be_meant {
                true => statement.actions.iter().any(|each| each.covers(action)),
                false => statement.covers(action, resource),
            };
            match statement.effect {
                Effect::Deny if is_meant => return Decision::ExplicitlyDenied,
                Effect::Allow if is_meant => decision = Decision::Allowed,
                Effect::Allow | Effect::Deny => {}
            }
        }
        decision
    }

    /// Each action that a statement allows with each of its resources, as they are written.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        self.policies.iter().flat_map(Policy::grants).collect()
    }

    /// The same role without one of its grants.
    #[must_use]
    pub fn without(&self, grant: &Grant) -> Self {
        Self { policies: self.policies.iter().map(|policy| policy.without(grant)).collect() }
    }
}
