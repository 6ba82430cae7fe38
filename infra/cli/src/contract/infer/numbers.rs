//! What the numbers of a place have in common.

use event::Decimal;
use serde_json::Number;

#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) count: u64,
    /// How many are written with a fraction or an exponent.
    pub(super) fractions: u64,
    /// How many look like the number of a payment card.
    pub(super) cards: u64,
    /// The least and the greatest. `None` before the first number, or if one has more digits than can be compared.
    range: Option<Range>,
    is_beyond: bool,
}

#[derive(Clone, Debug)]
struct Range {
    least: Bound,
    greatest: Bound,
}

#[derive(Clone, Debug)]
struct Bound {
    text: String,
    value: Decimal,
}

impl Numbers {
    pub(super) fn add(&mut self, number: &Number) {
        let text = number.as_str();
        self.count += 1;
        self.fractions += u64::from(text.contains(['.', 'e', 'E']));
        self.cards += u64::from(super::hints::is_card(text));
        match text.parse() {
            Ok(value) => self.widen(&Bound { text: text.to_owned(), value }),
            Err(_) => self.is_beyond = true,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.fractions += other.fractions;
        self.cards += other.cards;
        self.is_beyond |= other.is_beyond;
        if let Some(Range { least, greatest }) = other.range {
            self.widen(&least);
            self.widen(&greatest);
        }
    }

    fn widen(&mut self, bound: &Bound) {
        let Some(range) = &mut self.range else {
            self.range = Some(Range { least: bound.clone(), greatest: bound.clone() });
            return;
        };
        match (is_less(bound, &range.least), is_less(&range.greatest, bound)) {
            (Some(true), _) => range.least = bound.clone(),
            (_, Some(true)) => range.greatest = bound.clone(),
            (None, _) | (_, None) => self.is_beyond = true,
            _ => {}
        }
    }

    /// The least and the greatest number, as they were written.
    pub(super) fn range(&self) -> Option<(&str, &str)> {
        let range = self.range.as_ref().filter(|_| !self.is_beyond)?;
        Some((&range.least.text, &range.greatest.text))
    }
}

/// `None` if their difference has more digits than are kept.
fn is_less(one: &Bound, other: &Bound) -> Option<bool> {
    if let (Ok(one), Ok(other)) = (one.text.parse::<i64>(), other.text.parse::<i64>()) {
        return Some(one < other);
    }
    let negative = match other.text.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{}", other.text),
    };
    let difference = one.value.plus(negative.parse().ok()?)?;
    Some(difference.to_string().starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[&str], expected: Option<(&str, &str)>) {
        let mut all = Numbers::default();
        for number in numbers {
            all.add(&serde_json::from_str(number).unwrap());
        }
        assert_eq!(all.range(), expected, "{numbers:?}");
    }

    #[test]
    fn the_range_is_that_of_the_exact_numbers() {
        check(&["3", "-7", "12"], Some(("-7", "12")));
        check(&["0.1", "0.10000000000000000001", "1e-3"], Some(("1e-3", "0.10000000000000000001")));
        check(
            &["9007199254740993", "9007199254740992.5"],
            Some(("9007199254740992.5", "9007199254740993")),
        );
        check(&["1e400", "2"], None);
        check(&["1e100", "1"], None);
        check(&[], None);
    }
}
