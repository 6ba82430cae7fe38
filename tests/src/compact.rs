//! The lake, compacted as an operator's program does it.

use std::time::Duration;

use aws::{ClaimStore, Objects};
use lake::S3Bucket;
use lake::compact::{Compaction, Selection, Settings, Tally, partitions};
use runtime::{Clock, SystemClock};
use testkit::ManualClock;

use crate::World;

const HOUR: Duration = Duration::from_secs(3_600);

impl World {
    /// All partitions, so long after now, over HTTP.
    ///
    /// # Panics
    /// When it fails.
    pub async fn compact(&self, later: Duration) -> Tally {
        let sdk = self.sdk();
        let bucket = S3Bucket::new(Objects::new(&sdk), self.output("LakeBucketName").to_owned());
        let records = ClaimStore::new(&sdk, self.name("DedupeTable").to_owned());
        // The emulation's clock is ahead of the system's by what it has skipped: less than a day.
        let clock = ManualClock::at(SystemClock.now().plus(24 * HOUR).plus(later));
        let compaction = Compaction {
            bucket: &bucket,
            records: &records,
            clock: &clock,
            name: &runtime::unique_name,
            settings: Settings::new(HOUR, HOUR, 128_000_000).unwrap(),
            watch: &|_| {},
        };
        let mut total = Tally::default();
        for partition in partitions(&bucket, &Selection::default()).await.unwrap() {
            total += compaction.partition(&partition).await.unwrap();
        }
        total
    }
}
