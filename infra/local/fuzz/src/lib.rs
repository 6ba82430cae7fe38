//! The parts of `local` that read what strangers write, without the rest: with DynamoDB and S3 a fuzz
//! build would take minutes. These are the same files, not copies.

#[path = "../../src/adversary/mod.rs"]
pub mod adversary;
#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/schedule/expression.rs"]
mod expression;
#[path = "../../src/filter.rs"]
mod filter;
#[path = "../../src/iam/mod.rs"]
pub mod iam;
#[path = "../../src/sqs/mod.rs"]
pub mod sqs;
#[path = "../../src/template/mod.rs"]
pub mod template;

/// How a schedule is written, without what it does.
mod schedule {
    pub(crate) use crate::expression::Expression;
}
