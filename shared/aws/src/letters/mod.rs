//! The ports of the letter store, implemented with DynamoDB and S3. One table holds the index of letters, the ledger of
//! runs, the notes of groups and the state of triage; a bucket holds the letters' messages.

mod bucket;
mod item;
mod notes;
mod runs;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use event::{Code, Failure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use letters::{
    IndexWrite, IndexWritten, Indexed, LetterId, LetterIndex, LetterPage, LetterStateName,
    PagePosition, RunId,
};
use runtime::{Clock, SystemClock};

pub use self::bucket::LetterBucket;
use self::item::{
    Item, is_of_key, letter_key, read_letter, read_position, shelf_of, start_key, string, text,
};
use crate::failure_of;

/// The most keys of a BatchGetItem:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MOST_KEYS: usize = 100;

/// The most calls at the same time.
const AT_ONCE: usize = 4;

/// How often a call is made whose outcome is unknown, or that left keys out. With the pauses between them the attempts
/// take three seconds.
const TRIES: u32 = 8;

/// The name of the secondary index.
const SHELVES: &str = "shelves";

/// The table of the letter store: the index of letters, the ledger of runs, the notes of groups and the state of
/// triage.
#[derive(Clone)]
pub struct LetterTable {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl LetterTable {
    /// The letter store in `table`, which has the key `pk` and `sk` and the index `shelves`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table, clock: Arc::new(SystemClock) }
    }

    /// Replaces the clock from which the expiry of letters is computed.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Reads the items of the keys, in any order. The keys must all be different. A key without an item is left out.
    async fn get(&self, keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let chunks: Vec<Vec<Item>> = keys.chunks(MOST_KEYS).map(<[Item]>::to_vec).collect();
        let gets = stream::iter(chunks).map(|keys| self.get_chunk(keys)).buffered(AT_ONCE);
        let items: Vec<Vec<Item>> = gets.try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn get_chunk(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        for attempt in 0..TRIES {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| refused(format!("no keys: {error}")))?;
            let call = self.client.batch_get_item().request_items(&self.table, wanted);
            let answer =
                call.send().await.map_err(|error| failure_of("reading letters", &error))?;
            let mut responses = answer.responses.unwrap_or_default();
            items.extend(responses.remove(&self.table).unwrap_or_default());
            let unread = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            keys = unread.map(|unread| unread.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
            pause(attempt, 0).await;
        }
        Err(Failure::throttled(None, "reading letters: some were left out each time"))
    }
}

/// Waits before the next attempt: 25 ms at first and twice as long each time, up to 1.6 s. `spread` lengthens the wait
/// by up to its own length, and should differ between callers that collide.
async fn pause(attempt: u32, spread: u8) {
    let whole = Duration::from_millis(25) * 2_u32.pow(attempt.min(6));
    let more = whole * u32::from(spread % 16) / 16;
    TokioSleep::new().sleep(whole + more).await;
}

fn refused(reason: String) -> Failure {
    Failure::permanent(Code::DependencyRefused, reason)
}

fn not_understood(what: &str, name: &str) -> Failure {
    refused(format!("the {what} `{name}` is not understood: a later version wrote it"))
}

impl LetterIndex for LetterTable {
    async fn read(&self, letters: &[LetterId]) -> Result<Vec<Option<Indexed>>, Failure> {
        let distinct: BTreeSet<&LetterId> = letters.iter().collect();
        let items = self.get(distinct.into_iter().map(letter_key).collect()).await?;
        let mut found = Vec::with_capacity(letters.len());
        let by_key: std::collections::HashMap<&str, &Item> =
            items.iter().filter_map(|item| Some((string(item, "pk")?, item))).collect();
        for id in letters {
            let key = letter_key(id);
            let item = string(&key, "pk").and_then(|pk| by_key.get(pk));
            found.push(match item.filter(|item| is_of_key(item, &key)) {
                Some(item) => {
                    Some(read_letter(item).ok_or_else(|| not_understood("letter", &id.0))?)
                }
                None => None,
            });
        }
        Ok(found)
    }

    async fn write(
        &self,
        writes: &[IndexWrite],
        came_back_to: Option<&RunId>,
    ) -> Vec<IndexWritten> {
        self.write_all(writes, came_back_to).await
    }

    async fn page(
        &self,
        shelf: LetterStateName,
        shard: u8,
        after: Option<&PagePosition>,
    ) -> Result<LetterPage, Failure> {
        let query = self.client.query().table_name(&self.table).index_name(SHELVES);
        let query = query
            .key_condition_expression("shelf = :shelf")
            .expression_attribute_values(":shelf", text(shelf_of(shelf, shard)))
            .set_exclusive_start_key(after.map(|after| start_key(shelf, shard, after)));
        let page = query.send().await.map_err(|error| failure_of("listing letters", &error))?;
        let mut letters = Vec::new();
        for item in page.items.unwrap_or_default() {
            match read_letter(&item) {
                Some(letter) => letters.push(letter),
                None => tracing::warn!(
                    letter.key = string(&item, "pk").unwrap_or_default(),
                    "a letter is not understood, and is left out"
                ),
            }
        }
        let next = page.last_evaluated_key.map(|key| {
            read_position(&key).ok_or_else(|| refused("a page ends at no letter".to_owned()))
        });
        Ok(LetterPage { letters, next: next.transpose()? })
    }
}
