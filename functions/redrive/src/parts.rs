//! Splits letters into parts whose messages fit into memory together. A message may have 1 MB, and this function has
//! 512 MB.

/// The most bytes of messages in a part, as the store has them.
const MOST_HELD: u64 = 24 * 1024 * 1024;

/// Splits a list into consecutive parts of at most [`MOST_HELD`] bytes each. One that is larger is a part of its own.
pub(crate) fn parts_by_bytes<T>(all: &[T], bytes_of: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (at, each) in all.iter().enumerate() {
        let of_this = bytes_of(each);
        if at > start && bytes.saturating_add(of_this) > MOST_HELD {
            parts.push(&all[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes = bytes.saturating_add(of_this);
    }
    if start < all.len() {
        parts.push(&all[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_is_in_one_part_and_no_part_is_more_than_can_be_held(
            sizes in prop::collection::vec(0_u64..3 * MOST_HELD / 2, 0..40),
        ) {
            let parts = parts_by_bytes(&sizes, |size| *size);
            prop_assert_eq!(parts.concat(), sizes.clone());
            for part in parts {
                prop_assert!(!part.is_empty());
                prop_assert!(part.len() == 1 || part.iter().sum::<u64>() <= MOST_HELD);
            }
        }
    }
}
