//! The values of a distribution, each with how often it came.

use std::collections::BTreeMap;

/// How many different values one line can have: the format allows arrays of at most 100 numbers.
pub(crate) const VALUES_OF_LINE: usize = 100;

/// Values with their counts. As long as they fit into one line, they are exact. Beyond that, each is rounded to two
/// significant digits, so that a batch of any size has few different ones. A percentile is then off by 5 % at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    counts: BTreeMap<u64, u64>,
    is_rounded: bool,
}

impl Values {
    pub(crate) fn add(&mut self, value: u64) {
        let value = if self.is_rounded { rounded(value) } else { value };
        *self.counts.entry(value).or_default() += 1;
        if !self.is_rounded && self.counts.len() > VALUES_OF_LINE {
            self.round();
        }
    }

    fn round(&mut self) {
        self.is_rounded = true;
        for (value, count) in std::mem::take(&mut self.counts) {
            *self.counts.entry(rounded(value)).or_default() += count;
        }
    }

    /// The values with their counts, in parts that fit into a line each.
    pub(crate) fn into_parts(self) -> Vec<Vec<(u64, u64)>> {
        let all: Vec<(u64, u64)> = self.counts.into_iter().collect();
        all.chunks(VALUES_OF_LINE).map(<[(u64, u64)]>::to_vec).collect()
    }
}

/// The nearest number with two significant digits.
fn rounded(value: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= 100 {
        unit *= 10;
    }
    value.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Values {
        let mut all = Values::default();
        for value in values {
            all.add(value);
        }
        all
    }

    #[test]
    fn what_fits_into_a_line_is_exact() {
        let values = of((0..100).chain([7, 7, 123_456]).filter(|value| *value != 50));
        let parts = values.into_parts();
        assert_eq!(parts.len(), 1);
        assert!(parts[0].contains(&(7, 3)) && parts[0].contains(&(123_456, 1)), "{parts:?}");
    }

    #[test]
    fn two_digits_are_kept() {
        for (value, expected) in
            [(0, 0), (99, 99), (100, 100), (104, 100), (105, 110), (996, 1_000), (12_499, 12_000)]
        {
            assert_eq!(rounded(value), expected);
        }
        assert!(rounded(u64::MAX) > u64::MAX / 2);
    }

    proptest! {
        #[test]
        fn a_percentile_is_that_of_the_values(values in prop::collection::vec(0_u64..10_000_000, 1..600), at in 0_usize..100) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let exact = sorted[at * sorted.len() / 100];
            let parts = of(values).into_parts();
            let mut written: Vec<u64> = Vec::new();
            for (value, count) in parts.iter().flatten() {
                written.extend(std::iter::repeat_n(*value, usize::try_from(*count).unwrap()));
            }
            prop_assert_eq!(written.len(), sorted.len());
            prop_assert!(parts.iter().all(|part| part.len() <= VALUES_OF_LINE));
            let told = written[at * written.len() / 100];
            prop_assert!(told.abs_diff(exact) * 20 <= exact, "{told} instead of {exact}");
        }
    }
}
