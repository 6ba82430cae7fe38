//! The result of a compaction, as text within 80 columns and as JSON.

use std::time::Duration;

use lake_storage::compact::Tally;
use serde_json::{Value, json};

use crate::output::text::{format_bytes, group_digits, pluralize};

#[derive(Default)]
pub(super) struct Done {
    pub(super) is_dry_run: bool,
    pub(super) keep_replaced: Duration,
    /// The partitions by their names.
    pub(super) partitions: Vec<(String, Tally)>,
    pub(super) failed: usize,
}

impl Done {
    fn total(&self) -> Tally {
        let mut total = Tally::default();
        for (_, tally) in &self.partitions {
            total += *tally;
        }
        total
    }

    pub(super) fn json(&self) -> Value {
        let partitions: Vec<Value> = self
            .partitions
            .iter()
            .map(|(name, tally)| json!({ "partition": name, "done": tally }))
            .collect();
        json!({
            "dry_run": self.is_dry_run,
            "partitions": partitions,
            "total": self.total(),
            "failed": self.failed,
        })
    }

    /// One line for each partition in which something was done, and the sums.
    pub(super) fn text(&self) -> String {
        let total = self.total();
        let changed: Vec<&(String, Tally)> =
            self.partitions.iter().filter(|(_, tally)| !tally.is_idle()).collect();
        let mut lines = Vec::new();
        if !changed.is_empty() {
            let names = changed.iter().map(|(name, _)| name.chars().count());
            let width = names.max().unwrap_or(0).max("partition".len());
            lines.push(format!("{:<width$}  {:>17}  {:>19}", "partition", "objects", "bytes"));
            for (name, Tally { before, after, .. }) in changed {
                let objects = format!("{} to {}", count(before.objects), count(after.objects));
                // The compressed size is not known in advance.
                let size = match self.is_dry_run {
                    true => format_bytes(before.bytes as u64),
                    false => {
                        format!(
                            "{} to {}",
                            format_bytes(before.bytes as u64),
                            format_bytes(after.bytes as u64)
                        )
                    }
                };
                lines.push(format!("{name:<width$}  {objects:>17}  {size:>19}"));
            }
            lines.push(String::new());
        }
        lines.push(format!(
            "{}: {} put together as {}",
            pluralize(self.partitions.len(), "partition"),
            pluralize(total.merged, "object"),
            count(total.made),
        ));
        lines.push(format!(
            "{} swept, {} listed, {} completed",
            pluralize(total.tombstones, "tombstone"),
            pluralize(total.orphans, "orphan"),
            pluralize(total.completed, "claim"),
        ));
        lines.push(format!(
            "{} deleted{}",
            pluralize(total.deleted, "replaced object"),
            self.kept(total)
        ));
        if self.is_dry_run {
            lines.push("that is what would be done; nothing was".to_owned());
        }
        lines.join("\n")
    }

    fn kept(&self, total: Tally) -> String {
        if total.kept == 0 {
            return String::new();
        }
        let minutes = self.keep_replaced.as_secs().div_ceil(60);
        format!(", {} more by a run after {}", count(total.kept), pluralize(minutes, "minute"))
    }
}

fn count(number: usize) -> String {
    group_digits(u64::try_from(number).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use lake_storage::compact::Size;

    use super::*;

    fn done() -> Done {
        let before = Size { objects: 1_312, rows: 9_000, bytes: 4_150_000 };
        let after = Size { objects: 1, rows: 9_000, bytes: 1_249_999 };
        let tally = Tally {
            before,
            after,
            merged: 1_312,
            made: 1,
            tombstones: 1,
            kept: 1_312,
            ..Tally::default()
        };
        let idle = Tally { before: after, after, ..Tally::default() };
        let names = ["lake/flights/date=2013-01-01", "lake/flights/date=2013-01-02"];
        let partitions = names.map(str::to_owned).into_iter().zip([tally, idle]).collect();
        Done { partitions, keep_replaced: Duration::from_secs(3_600), ..Done::default() }
    }

    #[test]
    fn what_was_done_is_told_within_80_columns() {
        let expected = "\
partition                               objects                bytes
lake/flights/date=2013-01-01         1,312 to 1     4.1 MB to 1.2 MB

2 partitions: 1,312 objects put together as 1
1 tombstone swept, 0 orphans listed, 0 claims completed
0 replaced objects deleted, 1,312 more by a run after 60 minutes";
        assert_eq!(done().text(), expected);
        let report = Done { is_dry_run: true, ..done() }.text();
        assert!(report.ends_with("nothing was") && !report.contains("1.2 MB"), "{report}");
        assert!(report.lines().all(|line| line.len() <= 80), "{report}");
    }

    #[test]
    fn machines_are_told_each_partition_and_the_sum() {
        let report = done().json();
        assert_eq!(report["partitions"][0]["partition"], "lake/flights/date=2013-01-01");
        assert_eq!(report["partitions"][0]["done"]["before"]["objects"], 1_312);
        assert_eq!(report["total"]["after"]["bytes"], 2 * 1_249_999);
        assert_eq!((&report["failed"], &report["dry_run"]), (&json!(0), &json!(false)));
    }
}
