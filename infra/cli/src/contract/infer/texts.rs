//! What the texts of a place have in common.

use std::collections::BTreeMap;

use super::formats::Shape;
use super::hints::{TextHint, hint_of};

/// The most values that are remembered, which is the most that an enumeration has.
pub(super) const MOST_VALUES: usize = 12;

/// The longest value that is remembered, in bytes.
const LONGEST_VALUE: usize = 40;

#[derive(Clone, Debug)]
pub(super) struct Texts {
    pub(super) count: u64,
    /// The shapes that all texts have.
    shapes: Vec<Shape>,
    /// How often each value is there. `None` if there are too many, or one is too long.
    values: Option<BTreeMap<String, u64>>,
    /// The most digits after the point of a decimal number.
    pub(super) places: usize,
    /// How many texts look like something personal.
    hints: BTreeMap<TextHint, u64>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            count: 0,
            shapes: Shape::ALL.to_vec(),
            values: Some(BTreeMap::new()),
            places: 0,
            hints: BTreeMap::new(),
        }
    }
}

impl Texts {
    pub(super) fn add(&mut self, text: &str) {
        self.count += 1;
        self.shapes.retain(|shape| shape.matches(text));
        if let Some((_, fraction)) = text.split_once('.') {
            self.places = self.places.max(fraction.len());
        }
        if let Some(hint) = hint_of(text) {
            *self.hints.entry(hint).or_default() += 1;
        }
        self.add_value(text, 1);
    }

    fn add_value(&mut self, text: &str, count: u64) {
        let Some(values) = &mut self.values else { return };
        let is_known = values.contains_key(text);
        if text.len() > LONGEST_VALUE || (!is_known && values.len() == MOST_VALUES) {
            self.values = None;
        } else if is_known {
            *values.entry(text.to_owned()).or_default() += count;
        } else {
            values.insert(text.to_owned(), count);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.shapes.retain(|shape| other.shapes.contains(shape));
        self.places = self.places.max(other.places);
        for (hint, count) in other.hints {
            *self.hints.entry(hint).or_default() += count;
        }
        match other.values {
            Some(values) => {
                for (text, count) in values {
                    self.add_value(&text, count);
                }
            }
            None => self.values = None,
        }
    }

    /// The shape that all texts have, if there are texts.
    pub(super) fn shape(&self) -> Option<Shape> {
        if self.count == 0 { None } else { self.shapes.first().copied() }
    }

    /// The values with their counts, if all of them are remembered.
    pub(super) fn values(&self) -> Option<&BTreeMap<String, u64>> {
        self.values.as_ref()
    }

    /// How many texts look like this.
    pub(super) fn hinted(&self, hint: TextHint) -> u64 {
        self.hints.get(&hint).copied().unwrap_or(0)
    }
}
