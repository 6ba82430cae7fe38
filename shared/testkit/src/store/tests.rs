use crate::{StoreUnderTest, dedupe_conformance};

use super::*;

impl StoreUnderTest for MemoryStore<String> {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    fn effect(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn is_applied(&self, name: &str) -> bool {
        self.effects().iter().any(|effect| effect == name)
    }
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    dedupe_conformance(async || MemoryStore::default()).await;
}
