//! Puts the keys that several events ask for at the same time into one call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

/// Collects the keys that the events of an invocation ask for, and asks for those of one batch in one call.
pub(crate) struct Batcher<K, T> {
    max_keys: usize,
    /// The batch that still takes keys.
    open: Mutex<Arc<Batch<K, T>>>,
}

struct Batch<K, T> {
    keys: Mutex<BTreeSet<K>>,
    /// Whoever holds the lock makes the call; the answers stay here for the others of the batch.
    answers: AsyncMutex<Option<BTreeMap<K, T>>>,
}

impl<K, T> Default for Batch<K, T> {
    fn default() -> Self {
        Self { keys: Mutex::default(), answers: AsyncMutex::default() }
    }
}

impl<K: Ord + Clone, T: Clone> Batcher<K, T> {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self { max_keys: max_keys.max(1), open: Mutex::default() }
    }

    /// The answer for one key; `None` if `call` had no answer for it.
    ///
    /// The first event of a batch lets the others of its invocation join, and then makes `call` with all keys. If
    /// that event is cancelled during the call, the next one of the batch makes the call again.
    pub(crate) async fn ask<F>(&self, key: K, call: impl FnOnce(Vec<K>) -> F) -> Option<T>
    where
        F: Future<Output = BTreeMap<K, T>>,
    {
        let batch = self.join(&key);
        // All other events of the invocation that can run come this far before this one goes on.
        tokio::task::yield_now().await;
        let mut answers = batch.answers.lock().await;
        if answers.is_none() {
            let keys = self.close(&batch);
            *answers = Some(call(keys).await);
        }
        answers.as_ref().and_then(|answers| answers.get(&key).cloned())
    }

    fn join(&self, key: &K) -> Arc<Batch<K, T>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = {
            let keys = open.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.len() >= self.max_keys && !keys.contains(key)
        };
        if is_full {
            *open = Arc::default();
        }
        open.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        Arc::clone(&open)
    }

    /// Closes the batch, which takes no more keys from here on; the keys that it has.
    fn close(&self, batch: &Arc<Batch<K, T>>) -> Vec<K> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&open, batch) {
            *open = Arc::default();
        }
        let keys = batch.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    /// The keys of each call.
    #[derive(Default)]
    struct Calls(RefCell<Vec<Vec<u32>>>);

    impl Calls {
        async fn answer(&self, keys: Vec<u32>) -> BTreeMap<u32, u32> {
            self.0.borrow_mut().push(keys.clone());
            tokio::task::yield_now().await;
            keys.into_iter().map(|key| (key, key * 10)).collect()
        }
    }

    async fn ask_all(batcher: &Batcher<u32, u32>, calls: &Calls, keys: &[u32]) -> Vec<u32> {
        let mut asking = Vec::new();
        for &key in keys {
            asking.push(batcher.ask(key, |keys| calls.answer(keys)));
        }
        join_all(asking).await.into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn what_is_asked_at_the_same_time_is_one_call_and_each_key_is_in_it_once() {
        let (batcher, calls) = (Batcher::new(100), Calls::default());
        assert_eq!(ask_all(&batcher, &calls, &[3, 1, 3, 2]).await, [30, 10, 30, 20]);
        assert_eq!(calls.0.take(), [[1, 2, 3]]);
        assert_eq!(ask_all(&batcher, &calls, &[3]).await, [30], "nothing is remembered");
        assert_eq!(calls.0.take(), [[3]]);
    }

    #[tokio::test]
    async fn a_call_has_no_more_keys_than_it_may() {
        let (batcher, calls) = (Batcher::new(2), Calls::default());
        let keys = [1, 2, 1, 3, 4, 5];
        assert_eq!(ask_all(&batcher, &calls, &keys).await, [10, 20, 10, 30, 40, 50]);
        assert_eq!(calls.0.take(), [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[tokio::test]
    async fn where_the_one_who_asks_is_ended_the_next_one_asks_again() {
        let (batcher, calls) = (Batcher::new(100), Calls::default());
        let mut asked = false;
        let mut ended = Box::pin(batcher.ask(1, |_| {
            asked = true;
            std::future::pending()
        }));
        assert!(poll_immediate(&mut ended).await.is_none());
        let mut waiting = Box::pin(batcher.ask(2, |keys| calls.answer(keys)));
        assert!(poll_immediate(&mut waiting).await.is_none());
        assert!(poll_immediate(&mut ended).await.is_none());
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(ended);
        assert!(asked);
        assert_eq!(waiting.await, Some(20));
        assert_eq!(calls.0.take(), [[1, 2]]);
    }

    #[tokio::test]
    async fn a_key_without_an_answer_has_none() {
        let batcher: Batcher<u32, u32> = Batcher::new(1);
        assert_eq!(batcher.ask(1, async |_| BTreeMap::new()).await, None);
    }
}
