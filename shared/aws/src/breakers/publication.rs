//! The fleet's counts of a breaker as an item: `generation`, and for each place `n` the slot that it holds
//! (`p<n>_slot`) with the counts `p<n>_calls`, `p<n>_failures`, `p<n>_slow` and `p<n>_absent`.

use std::collections::BTreeMap;

use breaker::{Counts, Publication, SLOTS, SharedCounts, Slot};

use super::{Item, number, whole};

/// An `UpdateItem` that adds counts to the generation that was read.
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) condition: String,
    pub(super) values: Item,
}

/// The counts, each with the end of its attribute's name.
fn named(counts: &Counts) -> [(&'static str, u32); 4] {
    let Counts { calls, failures, slow, absent } = *counts;
    [("calls", calls), ("failures", failures), ("slow", slow), ("absent", absent)]
}

impl Update {
    pub(super) fn of(publication: &Publication) -> Self {
        let mut sets = vec!["generation = :generation".to_owned()];
        let mut adds = Vec::new();
        let mut conditions =
            vec!["(attribute_not_exists(generation) OR generation = :generation)".to_owned()];
        let mut values = Item::from([(":generation".to_owned(), number(publication.generation))]);
        for (&slot, counts) in &publication.added {
            let place = slot % SLOTS;
            let seen = publication.seen.places.get(&place).map(|(slot, _)| *slot);
            match seen {
                None => conditions.push(format!("attribute_not_exists(p{place}_slot)")),
                Some(seen) => {
                    conditions.push(format!("p{place}_slot = :p{place}_seen"));
                    values.insert(format!(":p{place}_seen"), number(seen));
                }
            }
            let is_same_slot = seen == Some(slot);
            if !is_same_slot {
                sets.push(format!("p{place}_slot = :p{place}_slot"));
                values.insert(format!(":p{place}_slot"), number(slot));
            }
            for (name, count) in named(counts) {
                let name = format!("p{place}_{name}");
                if is_same_slot {
                    adds.push(format!("{name} :{name}"));
                } else {
                    sets.push(format!("{name} = :{name}"));
                }
                values.insert(format!(":{name}"), number(count));
            }
        }
        let mut expression = format!("SET {}", sets.join(", "));
        if !adds.is_empty() {
            expression.push_str(" ADD ");
            expression.push_str(&adds.join(", "));
        }
        Self { expression, condition: conditions.join(" AND "), values }
    }
}

/// The counts of a generation that begins with this publication, without the item's key.
pub(super) fn attributes(publication: &Publication) -> Item {
    let mut item = Item::from([("generation".to_owned(), number(publication.generation))]);
    for (&slot, counts) in &publication.added {
        let place = slot % SLOTS;
        item.insert(format!("p{place}_slot"), number(slot));
        for (name, count) in named(counts) {
            item.insert(format!("p{place}_{name}"), number(count));
        }
    }
    item
}

pub(super) fn read(item: &Item) -> Option<SharedCounts> {
    let generation = whole(item, "generation")?;
    let mut places = BTreeMap::new();
    for place in 0..SLOTS {
        let Some(slot): Option<Slot> = whole(item, &format!("p{place}_slot")) else { continue };
        let counts = Counts {
            calls: read_count(item, place, "calls"),
            failures: read_count(item, place, "failures"),
            slow: read_count(item, place, "slow"),
            absent: read_count(item, place, "absent"),
        };
        places.insert(place, (slot, counts));
    }
    Some(SharedCounts { generation, places })
}

fn read_count(item: &Item, place: Slot, name: &str) -> u32 {
    let count = whole(item, &format!("p{place}_{name}")).unwrap_or(0);
    u32::try_from(count).unwrap_or(u32::MAX)
}
