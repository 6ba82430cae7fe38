//! Divides a batch into waves, which are prepared and committed one after the other.
//!
//! The order of a FIFO group asks for it, and so does the memory: a batch of references may stand for gigabytes of
//! events. Lambda hands over at most 6 MB of messages, and a reference has less than one kilobyte.

use crate::Record;

/// The most bytes of events from the archive bucket in one wave, as text. What a stage prepares of them is in memory
/// until the wave is committed.
const MOST_CLAIMED_BYTES: usize = 16 * 1024 * 1024;

/// The records of a wave, and how many bytes are fetched for them.
#[derive(Default)]
struct Wave {
    records: Vec<Record>,
    claimed_bytes: usize,
}

/// Splits a batch so that a wave holds at most one record of each FIFO group, in their order, and no more events from
/// the archive bucket than [`MOST_CLAIMED_BYTES`]. An event that is larger than that would be a wave of its own.
pub(super) fn waves(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut waves: Vec<Wave> = Vec::new();
    // All waves before this one have no room for another event from the bucket.
    let mut first_with_room = 0;
    for record in records {
        let claimed_bytes = record.claim.as_ref().map_or(0, |claim| claim.digest.bytes);
        let mut place = place_in_group(&waves, &record);
        if claimed_bytes > 0 {
            place = place.max(first_with_room);
            while waves.get(place).is_some_and(|wave| !wave.has_room_for(claimed_bytes)) {
                place += 1;
            }
            if record.group.is_none() {
                first_with_room = place;
            }
        }
        if waves.len() <= place {
            waves.resize_with(place + 1, Wave::default);
        }
        waves[place].claimed_bytes += claimed_bytes;
        waves[place].records.push(record);
    }
    let mut all = Vec::with_capacity(waves.len());
    for wave in waves {
        all.push(wave.records);
    }
    all
}

/// The first wave that may have a record: that after the last one with a record of its group.
fn place_in_group(waves: &[Wave], record: &Record) -> usize {
    let Some(group) = &record.group else { return 0 };
    let has_group =
        |wave: &Wave| wave.records.iter().any(|other| other.group.as_ref() == Some(group));
    waves.iter().rposition(has_group).map_or(0, |last| last + 1)
}

impl Wave {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.claimed_bytes == 0 || self.claimed_bytes.saturating_add(bytes) <= MOST_CLAIMED_BYTES
    }
}

#[cfg(test)]
mod tests {
    use event::ClaimCheck;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn record(place: usize, claimed_bytes: usize, group: Option<u8>) -> Record {
        let mut claim = ClaimCheck::of("");
        claim.digest.bytes = claimed_bytes;
        Record {
            message_id: place.to_string(),
            claim: (claimed_bytes > 0).then_some(claim),
            group: group.map(|group| group.to_string()),
            ..Record::default()
        }
    }

    fn claimed_bytes(wave: &[Record]) -> usize {
        wave.iter().filter_map(|record| record.claim.as_ref()).map(|it| it.digest.bytes).sum()
    }

    #[test]
    fn a_batch_without_large_events_is_one_wave() {
        let records = (0..10_000).map(|place| record(place, 0, None)).collect();
        assert_eq!(waves(records).len(), 1);
    }

    #[test]
    fn ten_large_events_are_several_waves_and_the_small_ones_are_in_the_first() {
        let sizes = [4 * MIB, 0, 5 * MIB, 4 * MIB, 4 * MIB, 0, 4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB];
        let records = sizes.iter().enumerate().map(|(place, bytes)| record(place, *bytes, None));
        let waves = waves(records.collect());
        let sizes: Vec<usize> = waves.iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 4, 1]);
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_wave_that_memory_can_hold_and_groups_keep_their_order(
            records in vec((prop_oneof![Just(0), 1..6 * MIB], prop::option::of(0_u8..3)), 0..60),
        ) {
            let mut batch = Vec::new();
            for (place, (bytes, group)) in records.iter().enumerate() {
                batch.push(record(place, *bytes, *group));
            }
            let waves = waves(batch);
            let all: usize = waves.iter().map(Vec::len).sum();
            prop_assert_eq!(all, records.len());
            let mut last = std::collections::BTreeMap::new();
            for wave in &waves {
                prop_assert!(claimed_bytes(wave) <= MOST_CLAIMED_BYTES);
                let mut groups = std::collections::BTreeSet::new();
                for record in wave {
                    let Some(group) = &record.group else { continue };
                    let place: usize = record.message_id.parse().unwrap();
                    prop_assert!(groups.insert(group.clone()));
                    prop_assert!(last.insert(group.clone(), place).is_none_or(|earlier| earlier < place));
                }
            }
        }
    }
}
