//! The lake, compacted as an operator's program does it.

use std::time::Duration;

use aws::{ClaimStore, Objects};
use lake_storage::S3Bucket;
use lake_storage::compact::{Compaction, Selection, Settings, Tally, partitions};
use runtime::Clock;

use crate::World;

const HOUR: Duration = Duration::from_secs(3_600);

impl World {
    /// All partitions, by this clock, over HTTP.
    ///
    /// # Panics
    /// When it fails.
    pub async fn compact(&self, clock: &dyn Clock) -> Tally {
        let sdk = self.sdk();
        let bucket = S3Bucket::new(Objects::new(&sdk), self.output("LakeBucketName").to_owned());
        let records = ClaimStore::new(&sdk, self.name("DedupeTable").to_owned());
        let compaction = Compaction {
            bucket: &bucket,
            records: &records,
            clock,
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
