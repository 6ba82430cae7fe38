//! Keeps the bodies of messages that are too large for SQS in the archive bucket, and fetches them again.
//!
//! A stage checks in what it sends, and the batch loop checks out what it received, before the stage prepares the
//! record. So no stage has to know how its event travelled.

use std::fmt;
use std::sync::Arc;

use event::{CLAIM_ATTRIBUTE, ClaimCheck, Code, Failure, REDRIVE_ATTRIBUTE, attributes_size};
use futures_util::future::BoxFuture;

use crate::{MAX_STAGE_MESSAGE_BYTES, Outgoing, Record};

/// The archive bucket, as far as the bodies of messages need it.
pub trait ClaimObjects: Send + Sync {
    /// Writes an object, whatever is there. Its key follows from its content, so that an object which is there already
    /// is the same, and is kept for longer.
    fn write<'a>(&'a self, key: &'a str, body: String) -> BoxFuture<'a, Result<(), Failure>>;

    /// The first `bytes` bytes of an object; `None` if there is no such object, or if it is shorter.
    fn read<'a>(
        &'a self,
        key: &'a str,
        bytes: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>>;
}

/// The bodies that are kept in the function's own archive bucket. Clones share it.
#[derive(Clone)]
pub struct Claims(Arc<dyn ClaimObjects>);

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").finish_non_exhaustive()
    }
}

impl Claims {
    /// The bodies in this bucket.
    #[must_use]
    pub fn new(objects: Arc<dyn ClaimObjects>) -> Self {
        Self(objects)
    }

    /// The message as it can be sent: as it is, or, if it would leave no room for a failure
    /// ([`MAX_STAGE_MESSAGE_BYTES`]), with a reference in place of its body, which is then in the bucket. The attribute
    /// that a redrive adds does not count, as in [`Outgoing::for_stage`].
    ///
    /// # Errors
    /// If the body could not be written.
    pub async fn check_in(&self, mut message: Outgoing) -> Result<Outgoing, Failure> {
        if stage_size(&message) <= MAX_STAGE_MESSAGE_BYTES {
            return Ok(message);
        }
        let claim = ClaimCheck::of(&message.body);
        let body = std::mem::replace(&mut message.body, claim.to_json());
        self.0.write(&claim.key, body).await?;
        claim.mark(&mut message.attributes);
        Ok(message)
    }

    /// The body that a reference stands for, with its length and its hash checked.
    ///
    /// # Errors
    /// [`Code::ClaimNotFound`], permanent, if the body is gone or is another one; or a failure of S3.
    pub async fn check_out(&self, claim: &ClaimCheck) -> Result<String, Failure> {
        let ClaimCheck { key, digest, .. } = claim;
        let Some(bytes) = self.0.read(key, digest.bytes).await? else {
            let reason = format!(
                "the event is {key} in the archive bucket, and is not there any more with its {} bytes",
                digest.bytes
            );
            return Err(Failure::permanent(Code::ClaimNotFound, reason));
        };
        let body = String::from_utf8(bytes).ok().filter(|body| digest.is_of(body));
        body.ok_or_else(|| {
            let reason = format!("{key} in the archive bucket is not what was put there");
            Failure::permanent(Code::ClaimNotFound, reason)
        })
    }
}

/// The size of a message, without what a redrive adds.
fn stage_size(message: &Outgoing) -> usize {
    let mut own = message.attributes.clone();
    own.remove(REDRIVE_ATTRIBUTE);
    message.body.len() + attributes_size(&own)
}

/// The record with its body in place of the reference to it.
///
/// # Errors
/// Those of [`Claims::check_out`]; [`Code::DependencyRefused`], transient, if the function has no archive bucket.
pub(crate) async fn with_body(
    record: &Record,
    claim: &ClaimCheck,
    claims: Option<&Claims>,
) -> Result<Record, Failure> {
    let claims = claims.ok_or_else(|| {
        let reason = "the event is in the archive bucket, from which this function does not read";
        Failure::transient(Code::DependencyRefused, reason)
    })?;
    let body = claims.check_out(claim).await?;
    let mut whole = Record { body, claim: None, ..record.clone() };
    whole.attributes.remove(CLAIM_ATTRIBUTE);
    Ok(whole)
}
