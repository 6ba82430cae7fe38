//! Detects recursive loops by counting the invocations of a function in one chain.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>. Lambda keeps the counts in the
//! trace header. Each function of a chain has an entry in `Lineage` with its hash and the number of its
//! earlier invocations (`Lineage=a87bd80c:1|68fd508a:5`, as in X-Ray's developer guide). A function receives
//! the header, its SDK sends it with each call, SQS stores it with the message, and the next invocation
//! continues the count. The messages of a batch share one invocation and one header, so the largest of
//! their counts applies. Chains through S3 or a table's stream are not counted, as on Lambda.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The maximum number of invocations of a function in one chain, unless the function allows loops.
pub(super) const MAX_INVOCATIONS: u32 = 16;

const LINEAGE: &str = "Lineage";
/// The maximum length of a header, in bytes. Headers of AWS are shorter.
const MAX_HEADER: usize = 1_024;
/// The maximum number of functions that are counted in a chain, as in X-Ray's headers.
const MAX_FUNCTIONS: usize = 16;

/// An invocation in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChainedInvocation {
    /// The trace header that the function receives.
    pub(super) header: String,
    /// How often the function was already invoked in this chain.
    pub(super) before: u32,
}

/// Extends a chain, whose trace header is `header`, by an invocation of the function with this ARN.
pub(super) fn extend(header: &str, function_arn: &str) -> ChainedInvocation {
    let mut counts = counts(header);
    let resource = hash(function_arn);
    let before = counts.get(&resource).map_or(0, |count| count + 1);
    if before > 0 || counts.len() < MAX_FUNCTIONS {
        counts.insert(resource, before);
    }
    ChainedInvocation { header: with_counts(header, &counts), before }
}

/// Merges the headers of messages that share an invocation: the result has the trace of the first message
/// and the lineage of all. Invalid headers are skipped.
pub(super) fn merge<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut headers = headers.filter(|header| is_valid_header(header));
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

/// Whether a text is a trace header that can be passed on. A message may contain any text instead.
pub(super) fn is_valid_header(header: &str) -> bool {
    header.len() <= MAX_HEADER
        && header.starts_with("Root=")
        && header.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads the counts of a header. Malformed entries are skipped.
fn counts(header: &str) -> BTreeMap<String, u32> {
    header
        .split(';')
        .filter_map(|field| field.split_once('='))
        .filter(|(name, _)| *name == LINEAGE)
        .flat_map(|(_, lineage)| lineage.split('|'))
        .filter_map(|entry| entry.split_once(':'))
        .filter_map(|(hash, count)| Some((hash.to_owned(), count.parse().ok()?)))
        .take(MAX_FUNCTIONS)
        .collect()
}

fn with_counts(header: &str, counts: &BTreeMap<String, u32>) -> String {
    let other_fields: Vec<&str> =
        header.split(';').filter(|field| field.split('=').next() != Some(LINEAGE)).collect();
    let mut text = other_fields.join(";");
    for (index, (resource, count)) in counts.iter().enumerate() {
        let separator = if index == 0 { ";Lineage=" } else { "|" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{resource}:{count}");
    }
    text
}

/// The hash of a function in a header: eight hexadecimal digits.
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
            let looping = extend(&header, "arn:enrich");
            assert_eq!(looping.before, round);
            header = extend(&looping.header, "arn:other").header;
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
        let link = extend(&header, "arn:enrich");
        assert_eq!(link.before, 6);
        assert!(link.header.starts_with(&format!("{ROOT};Self=1-2-3;Lineage=")), "{}", link.header);
        assert_eq!(counts(&link.header), counts(&format!("Lineage=a87bd80c:1|{enrich}:6")));
    }

    #[test]
    fn messages_of_one_batch_share_the_greatest_counts() {
        let (one, other) = (format!("{ROOT};Lineage=a:1|b:7"), format!("{ROOT};Lineage=a:3|b:2"));
        let merged = merge([one.as_str(), "no header", &other, "Root=2"].into_iter());
        assert_eq!(merged, Some(format!("{ROOT};Lineage=a:3|b:7")));
        assert_eq!(merge(["", "Root=1\n", "nothing"].into_iter()), None);
        assert_eq!(merge([].into_iter()), None);
    }

    #[test]
    fn a_lineage_does_not_grow_without_end() {
        let mut header = ROOT.to_owned();
        for function in 0..100 {
            header = extend(&header, &format!("arn:{function}")).header;
        }
        assert_eq!(counts(&header).len(), MAX_FUNCTIONS);
        assert_eq!(extend(&header, "arn:0").before, 1);
        assert!(!is_valid_header(&format!("Root={}", "1".repeat(MAX_HEADER))));
    }
}
