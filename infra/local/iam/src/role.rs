//! Roles, and what their policies together decide.

use super::policy::{Decision, Effect, Grant, Policy};

/// All policies of a role, inline and attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    policies: Vec<Policy>,
}

impl Role {
    /// A role with these policies.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self { policies }
    }

    /// Adds a policy.
    pub fn attach(&mut self, policy: Policy) {
        self.policies.push(policy);
    }

    /// Whether the role may use `action` (`sqs:SendMessage`) on `resource`. The resource is an
    /// ARN, or `*` if the action has no resource or it is not known. An action that no statement
    /// allows is not allowed, and one that a statement denies is denied.
    #[must_use]
    pub fn decide(&self, action: &str, resource: &str) -> Decision {
        let mut decision = Decision::NotAllowed;
        for statement in self.policies.iter().flat_map(|policy| &policy.statements) {
            // A resource that is not known may be one that the statement denies.
            let applies = match statement.effect == Effect::Deny && resource == "*" {
                true => statement.actions.iter().any(|each| each.covers(action)),
                false => statement.covers(action, resource),
            };
            match statement.effect {
                Effect::Deny if applies => return Decision::ExplicitlyDenied,
                Effect::Allow if applies => decision = Decision::Allowed,
                Effect::Allow | Effect::Deny => {}
            }
        }
        decision
    }

    /// All pairs of an action and a resource of the statements that allow, as the policies write
    /// them.
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
