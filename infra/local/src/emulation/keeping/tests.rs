//! Snapshots while the services are at work.

use std::thread;

use bytes::Bytes;

use super::*;
use crate::sqs::NewMessage;

const WRITES: u64 = 3_000;

/// How many messages a snapshot holds.
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
    // As a function sends a message, and then notes in a table that it has.
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
                // Time enough for whoever is not held up.
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
