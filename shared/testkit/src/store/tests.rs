use dedupe::{OwnRecord, RecordId};

use crate::{StoreUnderTest, TestEffect, dedupe_conformance};

use super::*;

impl StoreUnderTest for MemoryStore<TestEffect> {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    fn effect(&self, own: OwnRecord<'_>) -> TestEffect {
        TestEffect::new(0).own_record(own)
    }

    async fn is_applied(&self, id: &RecordId) -> bool {
        self.effects().iter().filter_map(Effect::own_record).any(|own| own.id == id)
    }
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    dedupe_conformance(async || MemoryStore::default()).await;
}
