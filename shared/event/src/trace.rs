//! W3C trace context, which is passed on from the producer to the sink.

use std::fmt;

use crate::canonical::hex_sha256;

/// A `traceparent` header of version 00: <https://www.w3.org/TR/trace-context/#traceparent-header>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Reads a header; `None` if it is not valid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts.as_slice() else { return None };
        let is_valid = *version == "00"
            && is_hex(trace, 32)
            && is_nonzero(trace)
            && is_hex(span, 16)
            && is_nonzero(span)
            && is_hex(flags, 2);
        is_valid.then(|| Self(text.to_owned()))
    }

    /// A trace for an event that came without one. It is derived from the event's source and id, so that a second
    /// delivery of the event belongs to the same trace. It is not sampled.
    #[must_use]
    pub fn of_event(source: &str, id: &str) -> Self {
        let hash = hex_sha256(format!("{source}\n{id}").as_bytes());
        // Both parts are nonzero but for two in 2^64 events; the leading 1 makes that none.
        Self(format!("00-1{}-1{}-00", &hash[..31], &hash[32..47]))
    }

    /// The header's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

/// Whether the text is `length` lower-case hexadecimal digits.
fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_nonzero(digits: &str) -> bool {
    digits.bytes().any(|byte| byte != b'0')
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_parents_are_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(
            TraceParent::parse(good).unwrap().trace_id(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-€af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_event_without_a_trace_gets_the_same_one_each_time() {
        let made = TraceParent::of_event("arn:aws:s3:::landing/a", "1");
        assert_eq!(TraceParent::parse(made.as_str()), Some(made.clone()));
        assert_eq!(made.to_string(), made.as_str());
        assert_eq!(made, TraceParent::of_event("arn:aws:s3:::landing/a", "1"));
        assert_ne!(made, TraceParent::of_event("arn:aws:s3:::landing/a", "2"));
    }
}
