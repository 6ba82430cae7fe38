//! Checks a new version against earlier ones, as a mode demands.

use crate::{Comparison, Direction, Limits, Mode, SchemaDocument, Verdict, compare};

/// What came of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What was demanded.
    pub mode: Mode,
    /// The worst verdict of all comparisons; compatible where there was none.
    pub verdict: Verdict,
    /// All comparisons, those with the newest version first.
    pub findings: Vec<Finding>,
}

/// A comparison with one earlier version.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The index of the earlier version in the history.
    pub version: usize,
    /// Who reads whose documents.
    pub direction: Direction,
    /// What came of it.
    pub comparison: Comparison,
}

/// Whether a new version may follow the earlier ones, which are given with the oldest first.
#[must_use]
pub fn check(
    mode: Mode,
    history: &[SchemaDocument],
    candidate: &SchemaDocument,
    limits: &Limits,
) -> Report {
    let mut findings = Vec::new();
    for version in mode.compared(history.len()) {
        for &direction in mode.directions() {
            let comparison = compare(&history[version], candidate, direction, limits);
            findings.push(Finding { version, direction, comparison });
        }
    }
    let verdicts = findings.iter().map(|finding| finding.comparison.verdict);
    let verdict = verdicts.max().unwrap_or(Verdict::Compatible);
    Report { mode, verdict, findings }
}
