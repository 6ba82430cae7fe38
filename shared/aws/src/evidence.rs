//! The port [`Evidence`], implemented with DynamoDB: it looks for what sinks have of events in dedupe records, and in
//! rows that are their own dedupe records.

mod keys;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use aws_types::SdkConfig;
use dedupe::RecordId;
use event::{Backoff, Code, Failure, Fingerprint, Timestamp};
use letters::{Evidence, Found, FoundProof, FoundRow, Proof, VersionedRow};

use crate::failure_of;
use crate::table::{Item, KEY, ORDER, read_version, version_of};

/// The most items of one `BatchGetItem`, in all tables together:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MAX_READS: usize = 100;
/// How often keys are requested that DynamoDB leaves unprocessed.
const TRIES: u32 = 8;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(2));

/// The attributes that say which event an item is of. The payload is not among them, although DynamoDB charges for
/// reading it.
const OF_PROOFS: &[&str] = &["pk", "fingerprint", "owner", "expires_at"];
const OF_ROWS: &[&str] = &["pk", ORDER, KEY];

/// The dedupe table, and the tables of sinks.
#[derive(Clone, Debug)]
pub struct EvidenceTables {
    client: Client,
    dedupe_table: String,
    /// The names of tables, by the names of the sinks that write to them.
    tables: BTreeMap<String, String>,
}

/// A table and a partition key.
type Place = (String, String);

impl EvidenceTables {
    /// `tables` holds the name of each sink's table, by the sink's name. What a sink has that is not among them is
    /// [`Found::Unseen`].
    #[must_use]
    pub fn new(config: &SdkConfig, dedupe_table: String, tables: BTreeMap<String, String>) -> Self {
        Self { client: Client::new(config), dedupe_table, tables }
    }

    /// Where a proof would be; `None` if the sink's table is not known here.
    fn place(&self, proof: &Proof) -> Option<Place> {
        match proof {
            Proof::Record { sink, key } => {
                let id = RecordId { sink: sink.clone(), key: key.clone() };
                Some((self.dedupe_table.clone(), id.to_string()))
            }
            Proof::Row { sink, pk } => Some((self.tables.get(sink)?.clone(), pk.clone())),
        }
    }

    fn place_of_row(&self, row: &VersionedRow) -> Option<Place> {
        Some((self.tables.get(&row.sink)?.clone(), row.pk.clone()))
    }

    /// Reads the given attributes of the items at the given places.
    async fn read_all(
        &self,
        places: BTreeSet<Place>,
        attributes: &BTreeSet<String>,
    ) -> Result<BTreeMap<Place, Item>, Failure> {
        let places: Vec<Place> = places.into_iter().collect();
        let mut found = BTreeMap::new();
        for places in places.chunks(MAX_READS) {
            self.read(places, attributes, &mut found).await?;
        }
        Ok(found)
    }

    /// Reads as [`Self::read_all`] does, from at most [`MAX_READS`] places.
    async fn read(
        &self,
        places: &[Place],
        attributes: &BTreeSet<String>,
        found: &mut BTreeMap<Place, Item>,
    ) -> Result<(), Failure> {
        let mut asked = questions(places, attributes).map_err(|error| {
            let reason = format!("looking for events in sinks: {error}");
            Failure::transient(Code::DependencyRefused, reason)
        })?;
        for tried in 0..TRIES {
            if tried > 0 {
                let pause = BACKOFF.wait(tried, &asked.len().to_string());
                TokioSleep::new().sleep(pause).await;
            }
            let call = self.client.batch_get_item().set_request_items(Some(asked));
            let answer = call
                .send()
                .await
                .map_err(|error| failure_of("looking for events in sinks", &error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                for item in items {
                    let Some(pk) = text(&item, "pk") else { continue };
                    found.insert((table.clone(), pk), item);
                }
            }
            asked = answer.unprocessed_keys.unwrap_or_default();
            if asked.is_empty() {
                return Ok(());
            }
        }
        let reason = "looking for events in sinks: some were left for later each time";
        Err(Failure::throttled(None, reason))
    }
}

impl Evidence for EvidenceTables {
    async fn find(&self, proofs: &[Proof]) -> Result<Vec<Found<FoundProof>>, Failure> {
        let places = proofs.iter().filter_map(|proof| self.place(proof)).collect();
        let items = self.read_all(places, &owned(OF_PROOFS)).await?;
        let mut found = Vec::with_capacity(proofs.len());
        for proof in proofs {
            found.push(match self.place(proof) {
                None => Found::Unseen,
                Some(place) => match items.get(&place).and_then(|item| read_proof(proof, item)) {
                    Some(proof) => Found::There(proof),
                    None => Found::Nothing,
                },
            });
        }
        Ok(found)
    }

    async fn find_rows(&self, rows: &[VersionedRow]) -> Result<Vec<Found<FoundRow>>, Failure> {
        let places = rows.iter().filter_map(|row| self.place_of_row(row)).collect();
        let mut attributes = owned(OF_ROWS);
        for row in rows {
            attributes.extend(row.attributes.iter().map(|name| version_of(name)));
        }
        let items = self.read_all(places, &attributes).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(match self.place_of_row(row) {
                None => Found::Unseen,
                Some(place) => match items.get(&place) {
                    Some(item) => Found::There(read_row(row, item)),
                    None => Found::Nothing,
                },
            });
        }
        Ok(found)
    }
}

fn owned(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The keys and the projection for each table. Each attribute has a placeholder, since a contract may use a reserved
/// word as a name: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
fn questions(
    places: &[Place],
    attributes: &BTreeSet<String>,
) -> Result<HashMap<String, KeysAndAttributes>, BuildError> {
    let mut keys: HashMap<String, Vec<Item>> = HashMap::new();
    for (table, pk) in places {
        let key = Item::from([("pk".to_owned(), AttributeValue::S(pk.clone()))]);
        keys.entry(table.clone()).or_default().push(key);
    }
    let mut names = HashMap::new();
    for (number, name) in attributes.iter().enumerate() {
        names.insert(format!("#{number}"), name.clone());
    }
    let projection: Vec<String> =
        (0..attributes.len()).map(|number| format!("#{number}")).collect();
    let mut questions = HashMap::new();
    for (table, keys) in keys {
        let question = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .projection_expression(projection.join(","))
            .set_expression_attribute_names(Some(names.clone()))
            .build()?;
        questions.insert(table, question);
    }
    Ok(questions)
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

/// The proof that an item holds. A dedupe record in progress has an `owner`. In a sink's row, `owner` may be an
/// attribute that the contract names, and says nothing.
fn read_proof(proof: &Proof, item: &Item) -> Option<FoundProof> {
    let fingerprint = Fingerprint::from(text(item, "fingerprint")?);
    let is_in_progress = matches!(proof, Proof::Record { .. }) && item.contains_key("owner");
    let expires_s = item.get("expires_at").and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
    let expires_at = expires_s.map(|at| Timestamp::from_unix_ms(at.saturating_mul(1_000)));
    Some(FoundProof { fingerprint, is_in_progress, expires_at })
}

fn read_row(row: &VersionedRow, item: &Item) -> FoundRow {
    let mut attributes = BTreeMap::new();
    for name in &row.attributes {
        attributes.extend(text(item, &version_of(name)).map(|version| (name.clone(), version)));
    }
    FoundRow { version: read_version(item), attributes }
}
