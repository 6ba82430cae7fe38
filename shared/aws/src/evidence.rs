//! What sinks have left of events, behind the port [`Evidence`]: dedupe records, and rows that are their own.

mod keys;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use dedupe::{RecordId, backoff};
use event::{Code, Failure, Fingerprint};
use letters::{Evidence, FoundProof, Proof, Seen, SentEvent};

use crate::failure_of;

/// Of one `BatchGetItem`, whatever their tables:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MAX_READS: usize = 100;
/// How often keys are asked for that DynamoDB left for later.
const TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type Item = HashMap<String, AttributeValue>;

/// The dedupe table, and the tables of sinks.
#[derive(Clone, Debug)]
pub struct EvidenceTables {
    client: Client,
    dedupe_table: String,
    /// By the names of the sinks that write to them.
    tables: BTreeMap<String, String>,
}

/// A table and a partition key.
type Place = (String, String);

impl EvidenceTables {
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String, tables: BTreeMap<String, String>) -> Self {
        Self { client: Client::new(config), dedupe_table, tables }
    }

    /// `None`: the sink has no table that is known here.
    fn place(&self, proof: &Proof) -> Option<Place> {
        match proof {
            Proof::Record { sink, key } => {
                let id = RecordId { sink: sink.clone(), key: key.clone() };
                Some((self.dedupe_table.clone(), id.to_string()))
            }
            Proof::Row { sink, pk } => Some((self.tables.get(sink)?.clone(), pk.clone())),
        }
    }

    /// What is at these places, at most [`MAX_READS`] of them.
    async fn read(&self, places: &[Place]) -> Result<Vec<(Place, FoundProof)>, Failure> {
        let mut asked = questions(places).map_err(|error| {
            let reason = format!("looking for events in sinks: {error}");
            Failure::transient(Code::DependencyRefused, reason)
        })?;
        let mut found = Vec::new();
        for tried in 0..TRIES {
            if tried > 0 {
                let pause = backoff(tried, LONGEST_PAUSE, &asked.len());
                TokioSleep::new().sleep(pause).await;
            }
            let call = self.client.batch_get_item().set_request_items(Some(asked));
            let answer = call.send().await;
            let answer =
                answer.map_err(|error| failure_of("looking for events in sinks", &error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                let is_dedupe = table == self.dedupe_table;
                found.extend(items.iter().filter_map(|item| read_item(&table, item, is_dedupe)));
            }
            asked = answer.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                return Ok(found);
            }
        }
        let reason = "looking for events in sinks: some were left for later each time";
        Err(Failure::throttled(None, reason))
    }
}

impl Evidence for EvidenceTables {
    async fn look(&self, events: &[SentEvent]) -> Result<Vec<Seen>, Failure> {
        let proofs = events.iter().flat_map(|event| &event.proofs);
        let places: BTreeSet<Place> = proofs.filter_map(|proof| self.place(proof)).collect();
        let places: Vec<Place> = places.into_iter().collect();
        let mut found: BTreeMap<Place, FoundProof> = BTreeMap::new();
        for places in places.chunks(MAX_READS) {
            found.extend(self.read(places).await?);
        }
        let judge = |event: &SentEvent| {
            let known = |proof: &&Proof| self.place(proof).is_some();
            let proofs: Vec<Proof> = event.proofs.iter().filter(known).cloned().collect();
            let has_unseen = event.has_unseen || proofs.len() < event.proofs.len();
            let seen = SentEvent { proofs, has_unseen, ..event.clone() };
            seen.judge(|proof| found.get(&self.place(proof)?))
        };
        Ok(events.iter().map(judge).collect())
    }
}

/// What is asked of each table. Of the items only what tells whose they are: not their payloads, though DynamoDB
/// counts these as read.
fn questions(places: &[Place]) -> Result<HashMap<String, KeysAndAttributes>, BuildError> {
    let mut keys: HashMap<String, Vec<Item>> = HashMap::new();
    for (table, pk) in places {
        let key = Item::from([("pk".to_owned(), AttributeValue::S(pk.clone()))]);
        keys.entry(table.clone()).or_default().push(key);
    }
    let mut questions = HashMap::new();
    for (table, keys) in keys {
        let question = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .projection_expression("pk, fingerprint, #owner")
            // A reserved word:
            // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
            .expression_attribute_names("#owner", "owner")
            .build()?;
        questions.insert(table, question);
    }
    Ok(questions)
}

/// A record in progress has an `owner`. In a sink's row that is an attribute like any other: a contract may name one so.
fn read_item(table: &str, item: &Item, is_dedupe: bool) -> Option<(Place, FoundProof)> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let fingerprint = Fingerprint::from(text("fingerprint")?);
    let is_in_progress = is_dedupe && item.contains_key("owner");
    Some(((table.to_owned(), text("pk")?), FoundProof { fingerprint, is_in_progress }))
}
