//! A sample is as uniform as the letters' ids are, in whatever order the letters are offered.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sluicegate_letters::{LetterId, Sample};

fn id(number: u64) -> LetterId {
    LetterId::of("sink", &format!("m-{number}"), "body")
}

fn sampled(numbers: impl IntoIterator<Item = u64>, most: usize) -> Vec<u64> {
    let mut sample = Sample::of_at_most(most);
    for number in numbers {
        sample.offer(&id(number), &number);
    }
    sample.letters().copied().collect()
}

proptest! {
    #[test]
    fn the_smallest_ids_are_kept_in_whatever_order_they_come(
        mut numbers in proptest::collection::vec(0_u64..500, 0..60),
        most in 0_usize..20,
    ) {
        let sample = sampled(numbers.clone(), most);
        numbers.reverse();
        prop_assert_eq!(&sampled(numbers.clone(), most), &sample);
        let mut expected: Vec<u64> = numbers.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        expected.sort_by_key(|number| id(*number));
        expected.truncate(most);
        prop_assert_eq!(sample, expected);
    }
}

/// One letter in five is of the kind. Among 500 of 20,000 letters, 100 are expected, and the standard deviation of this
/// hypergeometric count is 9. The limits are almost four times that away.
#[test]
fn a_sample_has_each_kind_in_proportion() {
    let sample = sampled(0..20_000, 500);
    assert_eq!(sample.len(), 500);
    let of_the_kind = sample.iter().filter(|number| *number % 5 == 0).count();
    assert!((65..=135).contains(&of_the_kind), "{of_the_kind}");
}
