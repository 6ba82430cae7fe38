//! A policy: statements, and what they say of an action on a resource.

use super::pattern::{ActionPattern, ResourcePattern};

/// The statements of a policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

/// Says something of each of its actions on each of its resources.
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

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it, whatever others allow.
    ExplicitlyDenied,
}

/// One action on one resource, as one statement that allows writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `sqs:SendMessage`, or a pattern.
    pub action: String,
    /// An ARN, or a pattern.
    pub resource: String,
}

impl Statement {
    pub(super) fn covers(&self, action: &str, resource: &str) -> bool {
        self.actions.iter().any(|each| each.covers(action))
            && self.resources.iter().any(|each| each.covers(resource))
    }

    /// What is left of it without the pair that `grant` names: every other resource for the action, and
    /// every resource for the other actions.
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
    /// One statement that allows actions on resources.
    pub(super) fn allowing(actions: Vec<ActionPattern>, resources: Vec<ResourcePattern>) -> Self {
        Self { statements: vec![Statement { effect: Effect::Allow, actions, resources }] }
    }

    /// Each action with each resource of the statements that allow, in their order.
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

    /// The policy without a grant, in whichever of its statements it is.
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
