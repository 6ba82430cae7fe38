//! This function's ports in memory, and flights to send through them, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use contracts::{Catalog, Variables};
use event::{Code, DeadLetter, Envelope, Failure};
use flate2::Compression;
use flate2::write::GzEncoder;
use runtime::{Claims, DeadLetterQueue, Outgoing, Recorder};
use testkit::{MemoryClaims, MemoryQueue};

use crate::adapters::Announced;
use crate::archive::Store;
use crate::backlog::Depths;
use crate::emit::{Emit, QueueUrls};
use crate::file_source::{Body, FileSource, Opened};
use crate::handler::Ingest;
use crate::http::Answers;

pub(crate) const ENRICH: &str = "http://h/enrich";
pub(crate) const INBOX: &str = "http://h/inbox";
pub(crate) const LATE: &str = "http://h/late";
pub(crate) const DLQ: &str = "http://h/dlq";
pub(crate) const ARCHIVE: &str = "archive";

/// A file as its chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks(pub(crate) VecDeque<Vec<u8>>);

impl Body for Chunks {
    async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + Send>, Failure> {
        Ok(self.0.pop_front())
    }
}

/// Objects in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryObjects {
    objects: Arc<Mutex<Objects>>,
    /// The large events.
    pub(crate) claims: MemoryClaims,
}

/// What goes wrong with a write of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswersFault {
    /// Nothing is written, and the write fails.
    Away,
    /// It is written, and the caller is told that something else was there: the SDK tried twice.
    WrittenTwice,
}

/// Bucket and key.
type Place = (String, String);
/// Entity tag and bytes.
type Object = (String, Vec<u8>);

#[derive(Debug, Default)]
struct Objects {
    files: BTreeMap<Place, Object>,
    /// Versions of objects, by their ids.
    versions: BTreeMap<(Place, String), Object>,
    archived: BTreeMap<String, Vec<u8>>,
    /// What is kept of answers, each with the number of its write.
    answers: BTreeMap<String, (Vec<u8>, u64)>,
    /// How many answers were written.
    answers_written: u64,
    /// What goes wrong with each write of an answer.
    answers_fault: Option<AnswersFault>,
    /// Objects whose keys begin with this cannot be archived.
    away: Option<&'static str>,
    /// Replaces the object at this place once an object has been opened.
    overwrite: Option<(Place, Object)>,
    /// The size that is reported for every object, in place of its own.
    size: Option<u64>,
    /// The bytes of a piece in which objects arrive; all at once without it.
    piece: Option<usize>,
    opened: usize,
}

impl MemoryObjects {
    pub(crate) fn with(self, bucket: &str, key: &str, etag: &str, body: &[u8]) -> Self {
        let place = (bucket.to_owned(), key.to_owned());
        self.objects.lock().unwrap().files.insert(place, (etag.to_owned(), body.to_vec()));
        self
    }

    /// Adds a version of an object, which need not be the newest.
    pub(crate) fn with_version(
        self,
        bucket: &str,
        key: &str,
        id: &str,
        etag: &str,
        body: &[u8],
    ) -> Self {
        let version = ((bucket.to_owned(), key.to_owned()), id.to_owned());
        self.objects.lock().unwrap().versions.insert(version, (etag.to_owned(), body.to_vec()));
        self
    }

    /// Gives a file in the landing bucket another key.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let place = |key: &str| ("landing".to_owned(), key.to_owned());
        let files = &mut self.objects.lock().unwrap().files;
        let object = files.remove(&place(from)).unwrap();
        files.insert(place(to), object);
    }

    /// Overwrites this object as soon as it has been opened.
    pub(crate) fn overwrite_once_opened(&self, bucket: &str, key: &str, etag: &str, body: &[u8]) {
        let place = (bucket.to_owned(), key.to_owned());
        self.objects.lock().unwrap().overwrite = Some((place, (etag.to_owned(), body.to_vec())));
    }

    /// Objects arrive in pieces of so many bytes.
    pub(crate) fn in_pieces(self, bytes: usize) -> Self {
        self.objects.lock().unwrap().piece = Some(bytes);
        self
    }

    /// Reports this size for each object.
    pub(crate) fn with_size(self, bytes: u64) -> Self {
        self.objects.lock().unwrap().size = Some(bytes);
        self
    }

    /// From now on, this goes wrong with each write of an answer.
    pub(crate) fn set_answers_fault(&self, fault: Option<AnswersFault>) {
        self.objects.lock().unwrap().answers_fault = fault;
    }

    /// How many writes of answers there were.
    pub(crate) fn answers_written(&self) -> u64 {
        self.objects.lock().unwrap().answers_written
    }

    /// How often an object was opened.
    pub(crate) fn opened(&self) -> usize {
        self.objects.lock().unwrap().opened
    }

    /// From now on nothing can be archived.
    pub(crate) fn lose_archive(&self) {
        self.objects.lock().unwrap().away = Some("");
    }

    /// From now on no letter can be archived.
    pub(crate) fn lose_letters(&self) {
        self.objects.lock().unwrap().away = Some("letters/");
    }

    /// From now on no slice can be marked as done.
    pub(crate) fn lose_marks(&self) {
        self.objects.lock().unwrap().away = Some("slices/");
    }

    /// Replaces an archived object's bytes.
    pub(crate) fn overwrite(&self, key: &str, body: &[u8]) {
        self.objects.lock().unwrap().archived.insert(key.to_owned(), body.to_vec());
    }

    /// The archived objects, by key.
    pub(crate) fn archived(&self) -> BTreeMap<String, Vec<u8>> {
        self.objects.lock().unwrap().archived.clone()
    }

    fn archive(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        assert_eq!(bucket, ARCHIVE);
        let mut objects = self.objects.lock().unwrap();
        if objects.away.is_some_and(|keys| key.starts_with(keys)) {
            return Err(Failure::transient(Code::DependencyUnavailable, "the archive is away"));
        }
        objects.archived.insert(key.to_owned(), body);
        Ok(())
    }
}

impl Store for MemoryObjects {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), Failure> {
        self.archive(bucket, key, body)
    }

    async fn copy(
        &self,
        from: &Announced,
        _bytes: u64,
        bucket: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let body = self.objects.lock().unwrap().read(from)?.1;
        self.archive(bucket, key, body)
    }
}

impl Answers for MemoryObjects {
    async fn find(&self, bucket: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, Failure> {
        assert_eq!(bucket, ARCHIVE);
        let found = self.objects.lock().unwrap().answers.get(key).cloned();
        Ok(found.map(|(body, number)| (body, number.to_string())))
    }

    async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        replaced: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        assert_eq!(bucket, ARCHIVE);
        let mut objects = self.objects.lock().unwrap();
        if objects.answers_fault == Some(AnswersFault::Away) {
            return Err(Failure::transient(Code::DependencyUnavailable, "S3 is away"));
        }
        let there = objects.answers.get(key).map(|(_, number)| number.to_string());
        if there.as_deref() != replaced {
            return Ok(None);
        }
        objects.answers_written += 1;
        let number = objects.answers_written;
        objects.answers.insert(key.to_owned(), (body, number));
        let is_known = objects.answers_fault != Some(AnswersFault::WrittenTwice);
        Ok(is_known.then(|| number.to_string()))
    }
}

impl Objects {
    fn arriving(&self, bytes: &[u8]) -> Chunks {
        let piece = self.piece.unwrap_or(bytes.len()).max(1);
        Chunks(bytes.chunks(piece).map(<[u8]>::to_vec).collect())
    }

    /// Like S3, checks the entity tag where one is given.
    fn read(&self, object: &Announced) -> Result<Object, Failure> {
        let place = (object.bucket.clone(), object.key.clone());
        let found = match &object.version {
            Some(version) => self.versions.get(&(place, version.clone())),
            None => self.files.get(&place),
        };
        match found {
            Some(found) if object.etag.is_empty() || found.0 == object.etag => Ok(found.clone()),
            _ => Err(Failure::permanent(Code::InputNotFound, "no such object")),
        }
    }
}

impl FileSource for MemoryObjects {
    type Body = Chunks;

    async fn open(&self, object: &Announced, from: u64) -> Result<Opened<Chunks>, Failure> {
        let from = usize::try_from(from).unwrap();
        let mut objects = self.objects.lock().unwrap();
        if object.bucket == ARCHIVE {
            let Some(kept) = objects.archived.get(&object.key).cloned() else {
                return Err(Failure::permanent(Code::InputNotFound, "no such object"));
            };
            let bytes = (kept.len() - from) as u64;
            let body = objects.arriving(&kept[from..]);
            return Ok(Opened { body, etag: String::new(), bytes });
        }
        let (etag, body) = objects.read(object)?;
        if let Some((place, file)) = objects.overwrite.take() {
            objects.files.insert(place, file);
        }
        objects.opened += 1;
        let bytes = objects.size.unwrap_or(body.len() as u64);
        Ok(Opened { body: objects.arriving(&body[from..]), etag, bytes })
    }

    async fn part(&self, object: &Announced, from: u64, length: u64) -> Result<Bytes, Failure> {
        let (from, length) = (usize::try_from(from).unwrap(), usize::try_from(length).unwrap());
        Ok(self.archived()[&object.key][from..from + length].to_vec().into())
    }
}

/// Nobody receives what was sent.
impl Depths for MemoryQueue {
    async fn waiting(&self, queue_url: &str) -> Result<u64, Failure> {
        Ok(self.sent_to(queue_url).len() as u64)
    }
}

pub(crate) fn emit(queue: &MemoryQueue) -> Emit<MemoryQueue> {
    emit_with(queue, MemoryClaims::default().claims())
}

fn emit_with(queue: &MemoryQueue, claims: Claims) -> Emit<MemoryQueue> {
    let dead_letters = DeadLetterQueue::new(queue.clone(), DLQ.to_owned());
    let urls = QueueUrls {
        enrich: ENRICH.to_owned(),
        inbox: INBOX.to_owned(),
        late: Some(LATE.to_owned()),
    };
    Emit::new(queue.clone(), urls, dead_letters, claims, Recorder::new("Test"))
}

pub(crate) fn ingest(
    objects: &MemoryObjects,
    queue: &MemoryQueue,
) -> Ingest<MemoryObjects, MemoryQueue> {
    ingest_under(testkit::contracts(), objects, queue)
}

/// Ingest with these contracts in place of the template's.
pub(crate) fn ingest_under(
    contracts: Catalog,
    objects: &MemoryObjects,
    queue: &MemoryQueue,
) -> Ingest<MemoryObjects, MemoryQueue> {
    let yaml = "variables: {CHECKOUT: AROACHECKOUT123456789}";
    let variables = Variables::parse("variables/test.yaml", yaml).unwrap();
    let emit = emit_with(queue, objects.claims.claims());
    let (objects, bucket) = (objects.clone(), ARCHIVE.to_owned());
    Ingest::new(contracts, variables, objects, bucket, emit, 1024 * 1024 * 1024)
}

/// A catalog with the contract of flights alone, with these fields more.
pub(crate) fn flights_with(fields: &str) -> Catalog {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contracts");
    let read = |name: &str| std::fs::read_to_string(folder.join("flights").join(name)).unwrap();
    let files = [("v1.schema.json".to_owned(), read("v1.schema.json"))].into();
    let mut contracts = Catalog::default();
    let contract = format!("{}\n{fields}\n", read("contract.yaml"));
    contracts.add("flights", &contract, &files).unwrap();
    contracts
}

/// The contracts of two datasets that have the changes of a table: `orders`, of the DynamoDB table of this name, and
/// `customers`, of `shop.inventory.customers` as Debezium names it.
pub(crate) fn tables_contracts() -> Catalog {
    let mut catalog = Catalog::default();
    let schema = ("a.json".to_owned(), r#"{"type":"object"}"#.to_owned());
    for (dataset, changes) in [
        ("orders", "{kind: dynamodb, table: orders, into: change}"),
        ("customers", "{kind: debezium, table: shop.inventory.customers, into: change}"),
    ] {
        let yaml = format!(
            "
dataset: {dataset}
description: Rows
owner: shop
changes: {changes}
schema: {{version: 1, file: a.json}}
keys: {{idempotency: [/id, /change/sequence], business: [/id], event_time: /change/time}}
sinks: [{{name: rows, kind: table}}]
"
        );
        catalog.add(dataset, &yaml, &[schema.clone()].into()).unwrap();
    }
    catalog
}

/// The events that were passed on.
pub(crate) fn events(queue: &MemoryQueue) -> Vec<Envelope> {
    events_in(queue, ENRICH)
}

/// The events that were diverted.
pub(crate) fn late_events(queue: &MemoryQueue) -> Vec<Envelope> {
    events_in(queue, LATE)
}

fn events_in(queue: &MemoryQueue, url: &str) -> Vec<Envelope> {
    let sent = queue.sent_to(url);
    sent.iter().map(|message| Envelope::from_json(&message.body).unwrap()).collect()
}

/// The dead letters that were sent, each with its message.
pub(crate) fn letters(queue: &MemoryQueue) -> Vec<(DeadLetter, Outgoing)> {
    let mut letters = Vec::new();
    for message in queue.sent_to(DLQ) {
        letters.push((DeadLetter::read(&message.attributes).unwrap(), message));
    }
    letters
}

/// A flight of this number as JSON: what the contract requires, and no more.
pub(crate) fn flight(number: u32) -> String {
    format!(
        r#"{{"year":2013,"month":1,"day":1,"sched_dep_time":515,"carrier":"UA","flight":{number},"origin":"EWR","dest":"IAH","time_hour":"2013-01-01T10:00:00Z"}}"#
    )
}

/// The columns of [`row`].
pub(crate) const HEADER: &str =
    "year,month,day,sched_dep_time,carrier,flight,origin,dest,time_hour";

/// The flight of [`flight`] as CSV.
pub(crate) fn row(number: u32) -> String {
    format!("2013,1,1,515,UA,{number},EWR,IAH,2013-01-01T10:00:00Z")
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}
