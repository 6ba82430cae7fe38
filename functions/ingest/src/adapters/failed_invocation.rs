//! Records of asynchronous invocations that failed, which Lambda sends to the function's on-failure destination:
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
//!
//! They have what the function was invoked with. The inbox may therefore be the destination of ingest itself: what it
//! could not take when it was invoked directly is then tried as a message, and ends as a dead letter if it fails.

use event::Failure;

use super::{Layer, Members, Wrapped, incomplete};

pub(super) fn read(members: &Members<'_>) -> Result<Option<Layer>, Failure> {
    let Some(context) = members.object("requestContext") else { return Ok(None) };
    if context.raw("approximateInvokeCount").is_none() {
        return Ok(None);
    }
    let payload = members.raw("requestPayload").filter(|payload| *payload != "null");
    let payload = payload.ok_or_else(|| incomplete("a failed invocation without its payload"))?;
    Ok(Some(Layer::Wrapped(Wrapped { body: payload.to_owned(), dataset: None, trace: None })))
}
