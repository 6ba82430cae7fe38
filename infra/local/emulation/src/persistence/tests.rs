//! Snapshots that are taken while requests change the services.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread;

use bytes::Bytes;

use super::*;
use dynamodb::Position;
use lambda::mapping::stream::Checkpoint;
use sqs::NewMessage;

const WRITES: u64 = 3_000;

/// The number of messages in a snapshot.
fn messages(snapshot: &sqs::snapshot::Snapshot) -> u64 {
    let mut lines = Vec::new();
    snapshot.write(&mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    lines.lines().filter(|line| line.starts_with("{\"message\":")).count().try_into().unwrap()
}

fn objects(snapshot: &s3::snapshot::Snapshot) -> u64 {
    let mut lines = Vec::new();
    snapshot.write(&mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    lines.matches("{\"object\":").count().try_into().unwrap()
}

fn services() -> (Sqs, S3) {
    let clock = Clock::manual(1_700_000_000_000);
    let sqs = Sqs::new(clock.clone(), "eu-west-1", "000000000000", "http://localhost");
    let nothing = Default::default();
    sqs.create_queue("q", &nothing, &nothing).unwrap();
    let s3 = S3::new(clock);
    s3.create_bucket("bucket").unwrap();
    (sqs, s3)
}

fn send(sqs: &Sqs) {
    sqs.send("q", NewMessage { body: "m".to_owned(), ..NewMessage::default() }).unwrap();
}

#[test]
fn an_object_is_kept_with_its_announcement_or_not_at_all() {
    let (sqs, s3) = services();
    let to = sqs.clone();
    s3.on_created(Box::new(move |_| send(&to)));
    let writer = thread::spawn({
        let s3 = s3.clone();
        move || {
            for number in 0..WRITES {
                s3.put("bucket", &number.to_string(), Bytes::new(), "text/plain").unwrap();
            }
        }
    });
    let mut seen = 0;
    while seen < WRITES {
        let (s3, (sqs, ())) = s3.capture(|| sqs.capture(|| ()));
        seen = objects(&s3);
        assert_eq!(messages(&sqs), seen);
    }
    writer.join().unwrap();
}

#[test]
fn what_is_done_after_a_send_is_not_kept_without_it() {
    let (sqs, s3) = services();
    // A function sends a message, and then records in a table that it did.
    let noted = Arc::new(AtomicU64::new(0));
    let writer = thread::spawn({
        let (sqs, noted) = (sqs.clone(), Arc::clone(&noted));
        move || {
            for _ in 0..WRITES {
                send(&sqs);
                noted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut seen = 0;
    while seen < WRITES {
        let (_, (sqs, noted)) = s3.capture(|| {
            sqs.capture(|| {
                // This is enough time for a request that does not have to wait.
                for _ in 0..200 {
                    thread::yield_now();
                }
                noted.load(Ordering::SeqCst)
            })
        });
        assert!(noted <= messages(&sqs));
        seen = noted;
    }
    writer.join().unwrap();
}

#[tokio::test]
async fn what_has_not_changed_is_not_written_again() {
    let (sqs, s3) = services();
    let clock = Clock::manual(1_700_000_000_000);
    let dynamodb = DynamoDb::start(clock.clone()).await.unwrap();
    let path = std::env::temp_dir().join(format!("keeping-{}", uuid::Uuid::new_v4()));
    let saved = SavedState::read(&path).unwrap();
    let secrets = SecretsManager::new(clock.clone(), "eu-west-1", "000000000000");
    let stores = Stores { sqs: &sqs, s3: &s3, dynamodb: &dynamodb, secrets: &secrets };
    let state_writer = saved.start_writing(&Stack::default(), &clock, &stores).unwrap().unwrap();
    let requests = Arc::new(AtomicU64::new(0));
    let checkpoint = Checkpoint::new(Position("1".to_owned()));
    let mappings = StreamCheckpoints::with("Changes", "table", checkpoint.clone());
    let state_writer = StateWriter { requests: Arc::clone(&requests), mappings, ..state_writer };
    // Files that are shared with the generation before have the same inode.
    let inode = |generation: u64, name: &str| {
        let file = path.join(generation.to_string()).join(name);
        fs::metadata(file).map(|metadata| metadata.ino()).ok()
    };
    let mut before = [None; 4];
    let mut write = |which| {
        state_writer.write(which).unwrap();
        let manifest = fs::read(path.join("state.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let generation = manifest["generation"].as_u64().unwrap();
        let now = [SQS, OBJECTS, TABLES, SECRETS].map(|name| inode(generation, name));
        assert!(now.iter().all(Option::is_some));
        let changed = [0, 1, 2, 3].map(|at| before[at] != now[at]);
        before = now;
        (generation, changed)
    };
    assert_eq!(write(WriteKind::IfChanged), (1, [true; 4]));
    assert_eq!(write(WriteKind::IfChanged), (1, [false; 4]));
    send(&sqs);
    assert_eq!(write(WriteKind::IfChanged), (2, [true, false, false, false]));
    s3.put("bucket", "key", Bytes::new(), "text/plain").unwrap();
    assert_eq!(write(WriteKind::IfChanged), (3, [false, true, false, false]));
    secrets.put("s", "text").unwrap();
    assert_eq!(write(WriteKind::IfChanged), (4, [false, false, false, true]));
    requests.fetch_add(1, Ordering::Relaxed);
    assert_eq!(write(WriteKind::IfChanged), (5, [false, false, true, false]));
    assert_eq!(write(WriteKind::IfChanged).0, 5);
    // The tables contain the delivered record, even if the request that wrote it was not counted.
    checkpoint.set_position(Position("2".to_owned()));
    assert_eq!(write(WriteKind::IfChanged), (6, [false, false, true, false]));
    assert_eq!(write(WriteKind::IfChanged).0, 6);
    assert_eq!(write(WriteKind::Last), (7, [false, false, true, false]));
    fs::remove_dir_all(&path).unwrap();
}
