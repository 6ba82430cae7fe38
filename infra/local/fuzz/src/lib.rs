//! The parts of `local` that read what strangers write, without the rest: with DynamoDB and S3 a fuzz
//! build would take minutes. These are the same files, not copies.

#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/sqs/mod.rs"]
pub mod sqs;
#[path = "../../src/template/mod.rs"]
pub mod template;
