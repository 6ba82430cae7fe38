//! Tests of the whole, with generated and with hostile schemas.

mod differences;
mod documents;
mod drafts;
mod hostile;
mod schemas;
mod soundness;
