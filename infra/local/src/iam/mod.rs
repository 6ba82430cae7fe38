//! Identity and access management: what a role may do, by the policies that a template gives it.
//!
//! Pure: policy documents in, decisions out. Which action on which resource a request needs is for the
//! services' front to say. Only what a role of this kind of template needs is understood: `Allow` and
//! `Deny`, actions and resources with wildcards. Everything else (conditions, `NotAction`,
//! `NotResource`, policy variables) is refused when a document is read, since a part of a policy that
//! is skipped grants what nobody granted.
//!
//! How a request is judged:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>. A role
//! has identity-based policies only: no boundaries, sessions or organisations.

mod document;
mod managed;
mod pattern;
mod policy;
mod role;
#[cfg(test)]
mod tests;
mod trust;

pub use self::document::Refusal;
pub use self::managed::managed;
pub use self::policy::{Decision, Grant, Policy};
pub use self::role::Role;
pub use self::trust::check_trust;
