//! Chains of invocations: how often a function was invoked because of what it sent itself.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>. Lambda counts in the trace
//! header: each function of a chain has an entry in `Lineage`, its hash and how often it was invoked before
//! (`Lineage=a87bd80c:1|68fd508a:5`, as X-Ray's developer guide has it). A function is given the header, its
//! SDK sends it with each call, SQS keeps it with the message, and the next invocation counts on. Messages
//! of one batch share an invocation and so the greatest of their counts, since there is one header for all
//! that the function then sends. Not counted: what goes through S3, or through a table's stream, which
//! Lambda does not see either.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// So many invocations of a function in one chain are allowed, where it does not allow more.
pub(super) const MOST: u32 = 16;

const LINEAGE: &str = "Lineage";
/// Longer than any header of AWS, in bytes.
const MAX_HEADER: usize = 1_024;
/// Functions of a chain that are counted; X-Ray's headers have no more.
const MAX_FUNCTIONS: usize = 16;

/// An invocation as its function sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The trace header that the function is given.
    pub(super) header: String,
    /// How often the function was invoked before in this chain.
    pub(super) before: u32,
}

/// The next invocation of a chain, whose trace header is `header`: one of the function of this ARN.
pub(super) fn next(header: &str, function_arn: &str) -> Link {
    let mut counts = counts(header);
    let resource = hash(function_arn);
    let before = counts.get(&resource).map_or(0, |count| count + 1);
    if before > 0 || counts.len() < MAX_FUNCTIONS {
        counts.insert(resource, before);
    }
    Link { header: with_counts(header, &counts), before }
}

/// One header for messages that share an invocation: the trace of the first, and the lineage of all. What
/// is no trace header is passed over.
pub(super) fn shared<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut headers = headers.filter(|header| is_sound(header));
    let first = headers.next()?;
    let mut all = counts(first);
    for header in headers {
        for (resource, count) in counts(header) {
            let known = all.entry(resource).or_default();
            *known = count.max(*known);
        }
    }
    Some(with_counts(first, &all))
}

/// Whether a text is a trace header that can be passed on: a message may carry any text.
pub(super) fn is_sound(header: &str) -> bool {
    header.len() <= MAX_HEADER
        && header.starts_with("Root=")
        && header.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is no entry, or no number, counts as nothing.
fn counts(header: &str) -> BTreeMap<String, u32> {
    let fields = header.split(';').filter_map(|field| field.split_once('='));
    let lineage = fields.filter(|(name, _)| *name == LINEAGE).map(|(_, lineage)| lineage);
    let entries = lineage.flat_map(|lineage| lineage.split('|'));
    let entries = entries.filter_map(|entry| entry.split_once(':'));
    let counts = entries.filter_map(|(hash, count)| Some((hash.to_owned(), count.parse().ok()?)));
    counts.take(MAX_FUNCTIONS).collect()
}

fn with_counts(header: &str, counts: &BTreeMap<String, u32>) -> String {
    let is_other = |field: &&str| field.split('=').next() != Some(LINEAGE);
    let mut text = header.split(';').filter(is_other).collect::<Vec<_>>().join(";");
    for (index, (resource, count)) in counts.iter().enumerate() {
        let before = if index == 0 { ";Lineage=" } else { "|" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{before}{resource}:{count}");
    }
    text
}

/// Eight hexadecimal digits.
fn hash(function_arn: &str) -> String {
    let digest = Sha256::digest(function_arn);
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

    #[test]
    fn each_round_of_a_function_counts_whatever_is_between() {
        let mut header = ROOT.to_owned();
        for round in 0..20 {
            let looping = next(&header, "arn:enrich");
            assert_eq!(looping.before, round);
            header = next(&looping.header, "arn:other").header;
        }
        let (enrich, other) = (hash("arn:enrich"), hash("arn:other"));
        let mut entries = [format!("{enrich}:19"), format!("{other}:19")];
        entries.sort();
        assert_eq!(header, format!("{ROOT};Lineage={}", entries.join("|")));
    }

    #[test]
    fn the_headers_own_fields_stay_and_its_lineage_is_read() {
        let enrich = hash("arn:enrich");
        let header = format!("{ROOT};Lineage=a87bd80c:1|{enrich}:5|nonsense|c512fbe3:x;Self=1-2-3");
        let link = next(&header, "arn:enrich");
        assert_eq!(link.before, 6);
        assert!(link.header.starts_with(&format!("{ROOT};Self=1-2-3;Lineage=")), "{}", link.header);
        assert_eq!(counts(&link.header), counts(&format!("Lineage=a87bd80c:1|{enrich}:6")));
    }

    #[test]
    fn messages_of_one_batch_share_the_greatest_counts() {
        let header = |lineage: &str| format!("{ROOT};Lineage={lineage}");
        let all =
            [header("a:1|b:7"), "no header".to_owned(), header("a:3|b:2"), "Root=2".to_owned()];
        let one = shared(all.iter().map(String::as_str));
        assert_eq!(one, Some(header("a:3|b:7")));
        assert_eq!(shared(["", "Root=1\n", "nothing"].into_iter()), None);
        assert_eq!(shared([].into_iter()), None);
    }

    #[test]
    fn a_lineage_does_not_grow_without_end() {
        let mut header = ROOT.to_owned();
        for function in 0..100 {
            header = next(&header, &format!("arn:{function}")).header;
        }
        assert_eq!(counts(&header).len(), MAX_FUNCTIONS);
        assert_eq!(next(&header, "arn:0").before, 1);
        assert!(!is_sound(&format!("Root={}", "1".repeat(MAX_HEADER))));
    }
}
