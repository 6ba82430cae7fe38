//! The emulation: the AWS services that Sluicegate uses, in one process, without Docker or network.
//!
//! `template.yaml` says what exists. What the emulation does not implement is named in an error,
//! never silently ignored.

pub mod clock;
pub mod dynamodb;
pub mod lambda;
pub mod s3;
pub mod sqs;
pub mod template;
pub mod weather;
