//! Checks the promises of functions against the writes that the emulation saw.

use std::collections::BTreeMap;

use crate::{Change, ChangeEvent};

/// The keys that were inserted or modified more than once, with the number of writes. A removal
/// in between does not reset the number.
///
/// Keys are texts of DynamoDB JSON, such as `{"pk":{"S":"a"}}`.
#[must_use]
pub fn written_twice(changes: &[Change]) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::<String, usize>::new();
    for change in changes.iter().filter(|change| change.event != ChangeEvent::Remove) {
        *writes.entry(change.key.to_string()).or_default() += 1;
    }
    writes.retain(|_, count| *count > 1);
    writes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(changes: &[(&str, ChangeEvent)], expected: &[(&str, usize)]) {
        let changes = changes.iter().map(|&(id, event)| Change { key: json!({"pk": id}), event });
        let changes: Vec<Change> = changes.collect();
        let found = written_twice(&changes);
        let expected: BTreeMap<String, usize> =
            expected.iter().map(|(id, count)| (json!({"pk": id}).to_string(), *count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_second_write_of_any_kind_counts_and_a_removal_does_not() {
        use ChangeEvent::{Insert, Modify, Remove};
        check(&[], &[]);
        check(&[("a", Insert), ("b", Insert)], &[]);
        check(&[("a", Insert), ("b", Insert), ("a", Modify)], &[("a", 2)]);
        check(&[("a", Insert), ("a", Remove)], &[]);
        check(&[("a", Insert), ("a", Remove), ("a", Insert)], &[("a", 2)]);
    }
}
