//! Policies: statements that allow or deny actions on resources.

use super::pattern::{ActionPattern, ResourcePattern};

/// The statements of a policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

/// Allows or denies each of its actions on each of its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) actions: Vec<ActionPattern>,
    pub(super) resources: Vec<ResourcePattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// What IAM decides about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it, whatever others allow.
    ExplicitlyDenied,
}

/// An action and a resource of a statement that allows, as the statement writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// An action such as `sqs:SendMessage`, or a pattern of actions.
    pub action: String,
    /// An ARN, or a pattern of ARNs.
    pub resource: String,
}

impl Statement {
    pub(super) fn covers(&self, action: &str, resource: &str) -> bool {
        self.actions.iter().any(|each| each.covers(action))
            && self.resources.iter().any(|each| each.covers(resource))
    }

    /// What remains of the statement without the pair `grant`: the action on all other resources,
    /// and the other actions on all resources.
    fn without(&self, grant: &Grant) -> impl Iterator<Item = Self> {
        let (same, others): (Vec<_>, Vec<_>) =
            self.actions.iter().cloned().partition(|each| each.as_str() == grant.action);
        let other_resources =
            self.resources.iter().filter(|each| each.as_str() != grant.resource).cloned().collect();
        let of_others = Self { actions: others, ..self.clone() };
        let of_same = Self { effect: self.effect, actions: same, resources: other_resources };
        [of_others, of_same]
            .into_iter()
            .filter(|each| !each.actions.is_empty() && !each.resources.is_empty())
    }
}

impl Policy {
    /// A policy with one statement, which allows actions on resources.
    pub(super) fn allowing(actions: Vec<ActionPattern>, resources: Vec<ResourcePattern>) -> Self {
        Self { statements: vec![Statement { effect: Effect::Allow, actions, resources }] }
    }

    /// All pairs of an action and a resource of the statements that allow, in their order.
    pub(super) fn grants(&self) -> impl Iterator<Item = Grant> {
        let allowing = self.statements.iter().filter(|each| each.effect == Effect::Allow);
        allowing.flat_map(|statement| {
            statement.actions.iter().flat_map(|action| {
                statement.resources.iter().map(|resource| Grant {
                    action: action.as_str().to_owned(),
                    resource: resource.as_str().to_owned(),
                })
            })
        })
    }

    /// The policy without a grant, whichever statements contain it.
    pub(super) fn without(&self, grant: &Grant) -> Self {
        let mut statements = Vec::new();
        for statement in &self.statements {
            match statement.effect {
                Effect::Allow => statements.extend(statement.without(grant)),
                Effect::Deny => statements.push(statement.clone()),
            }
        }
        Self { statements }
    }
}
