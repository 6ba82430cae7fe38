//! Resource types without effect here: resource policies, log groups and what is passed over. Their
//! properties are only checked for unknown ones.

use super::super::fields::Fields;
use super::super::names::Kind;
use super::Context;

pub(super) fn read(context: &Context<'_>, mut fields: Fields<'_>) {
    let (what, properties): (_, &[&str]) = match context.declared.kind {
        Kind::QueuePolicy => ("access control", &["PolicyDocument", "Queues"]),
        Kind::BucketPolicy => ("access control", &["Bucket", "PolicyDocument"]),
        Kind::PassedOver(known) => {
            fields.ignore(known.name.as_slice());
            (known.what, known.properties)
        }
        _ => (
            "a log group's retention",
            &["KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"],
        ),
    };
    context
        .report
        .harmless(format!("{what} ({})", context.declared.kind.type_name()), context.id());
    fields.ignore(properties);
    fields.finish();
}
