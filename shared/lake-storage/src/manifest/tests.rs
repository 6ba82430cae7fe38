//! The list while several writers change it.

use super::*;
use crate::testing::{Answer, MemoryBucket};

const KEY: &str = "lake/flights/date=2013-01-01/_manifest.json";

fn entry(name: &str) -> Entry {
    Entry::new(name.to_owned(), 2, 100)
}

fn listed(bucket: &MemoryBucket) -> Vec<String> {
    let entries = read(&bucket.body(KEY)).unwrap();
    entries.into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn an_entry_is_listed_once_however_often_it_is_added() {
    let bucket = MemoryBucket::default();
    for name in ["a", "b", "a"] {
        add(&bucket, KEY, &entry(name)).await.unwrap();
    }
    assert_eq!(listed(&bucket), ["a", "b"]);
    let expected = r#"[{"key":"a","rows":2,"bytes":100},{"key":"b","rows":2,"bytes":100}]"#;
    assert_eq!(bucket.body(KEY), expected);
    assert_eq!(bucket.puts().len(), 2, "what is listed is not written again");
}

#[tokio::test]
async fn a_lost_answer_leaves_an_entry_that_is_found() {
    let bucket = MemoryBucket::default();
    bucket.answer([Answer::Honest, Answer::Lost]);
    assert!(add(&bucket, KEY, &entry("a")).await.is_err());
    add(&bucket, KEY, &entry("a")).await.unwrap();
    assert_eq!(listed(&bucket), ["a"]);
}

/// A compaction was faster, and the rows are in another object.
#[tokio::test]
async fn what_is_replaced_is_not_listed_again() {
    let bucket = MemoryBucket::default();
    let at = Timestamp::from_unix_ms(1_767_225_600_000);
    let replaces = vec![Replaced { key: "a".to_owned(), at }];
    let merged = Entry { replaces, revision: 1, ..entry("c") };
    bucket.set(KEY, serde_json::to_vec(std::slice::from_ref(&merged)).unwrap());
    add(&bucket, KEY, &entry("a")).await.unwrap();
    assert_eq!(listed(&bucket), ["c"]);
    add(&bucket, KEY, &entry("b")).await.unwrap();
    assert_eq!(read(&bucket.body(KEY)).unwrap(), [merged, entry("b")]);
    let told = r#""revision":1,"replaces":[{"key":"a","at":"2026-01-01T00:00:00.000Z"}]"#;
    assert!(bucket.body(KEY).windows(told.len()).any(|part| part == told.as_bytes()));
}

/// Another writer adds an entry before each of the first three writes.
#[tokio::test]
async fn writers_in_each_others_way_lose_no_entry() {
    let bucket = MemoryBucket::default();
    let mut others = vec!["z", "y", "x"];
    bucket.before_put(move |bucket, _| {
        if let Some(other) = others.pop() {
            let mut entries =
                bucket.keys().first().map_or_else(Vec::new, |key| read(&bucket.body(key)).unwrap());
            entries.push(entry(other));
            bucket.set(KEY, serde_json::to_vec(&entries).unwrap());
        }
    });
    add(&bucket, KEY, &entry("a")).await.unwrap();
    assert_eq!(listed(&bucket), ["x", "y", "z", "a"]);
    assert_eq!(bucket.pauses(), 3);
}

#[tokio::test]
async fn who_loses_each_time_gives_up_and_says_so() {
    let bucket = MemoryBucket::default();
    bucket.before_put(|bucket, _| bucket.set(KEY, "[]"));
    let failure = add(&bucket, KEY, &entry("a")).await.unwrap_err();
    assert!(failure.reason.contains("10 times in a row"), "{failure}");
    assert_eq!(failure.code, Code::DependencyThrottled);
}

#[tokio::test]
async fn what_is_no_list_is_not_overwritten() {
    let bucket = MemoryBucket::default();
    bucket.set(KEY, "{}");
    assert_eq!(add(&bucket, KEY, &entry("a")).await.unwrap_err().code, Code::DecodeFormat);
    assert_eq!(bucket.body(KEY), "{}");
}
