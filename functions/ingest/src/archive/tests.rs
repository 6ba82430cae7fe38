//! The keys of archived files, and that the archived bytes are those that are read.

use proptest::prelude::*;

use super::*;
use crate::memory::MemoryObjects;

#[test]
fn an_objects_copy_is_found_by_its_key() {
    assert_eq!(
        object_key("landing", "flights/a b.csv", "e1"),
        "objects/landing/flights/a b.csv/e1"
    );
    let long = format!("flights/{}.csv", "é".repeat(506));
    assert_eq!(long.len(), 1_024);
    let key = object_key("landing", &long, "e1");
    assert!(key.starts_with("objects/landing/flights/ééé") && key.ends_with("/e1"), "{key}");
    let same_beginning = format!("flights/{}.csw", "é".repeat(506));
    assert_ne!(object_key("landing", &same_beginning, "e1"), key);
    for length in 900..=1_024 {
        let key = object_key("landing", &"k".repeat(length), "e1");
        assert!(key.len() <= 1_024, "{length} bytes become {}", key.len());
        assert_eq!(key.contains('~'), length + "objects/landing//e1".len() > 1_024, "{length}");
    }
}

proptest! {
    #[test]
    fn each_content_of_an_object_has_a_key_of_its_own_that_s3_takes(
        keys in prop::collection::vec("[a-zé\u{1f600}/]{200,300}", 2),
        etags in prop::collection::vec("[0-9a-f]{32}(-[0-9]{1,5})?", 2),
    ) {
        let long = |key: &str| key.chars().cycle().take(1_024).scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= 1_024).then_some(c)
        }).collect::<String>();
        let bucket = "b".repeat(63);
        let all: Vec<String> = keys.iter().flat_map(|key| [key.clone(), long(key)]).flat_map(|key| {
            etags.iter().map(|etag| object_key(&bucket, &key, etag)).collect::<Vec<_>>()
        }).collect();
        prop_assert!(all.iter().all(|key| key.len() <= 1_024));
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        let expected = if keys[0] == keys[1] || etags[0] == etags[1] { 0 } else { all.len() };
        prop_assert!(distinct.len() >= expected);
    }
}

fn announced(etag: &str) -> Announced {
    Announced {
        partition: "aws".to_owned(),
        bucket: "landing".to_owned(),
        key: "flights/a.ndjson".to_owned(),
        etag: etag.to_owned(),
        version: None,
    }
}

#[tokio::test]
async fn an_announcement_without_an_etag_is_of_what_is_read() {
    let objects = MemoryObjects::default().with("landing", "flights/a.ndjson", "e7", b"{}");
    let Archived { object, .. } = open_archived(&objects, announced(""), "archive").await.unwrap();
    assert_eq!(object.etag, "e7");
    assert_eq!(objects.archived()["objects/landing/flights/a.ndjson/e7"], b"{}");
}

#[tokio::test]
async fn what_is_overwritten_between_reading_and_copying_is_not_archived_as_what_was_read() {
    let objects = MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", b"old");
    objects.overwrite_once_opened("landing", "flights/a.ndjson", "e2", b"new");
    let failure = open_archived(&objects, announced("e1"), "archive").await.err().unwrap();
    assert_eq!(failure.code, event::Code::InputNotFound);
    assert!(objects.archived().is_empty());
}

/// While a large copy is made, nobody reads from the first connection, and S3 would close it.
#[tokio::test]
async fn a_file_whose_copy_takes_long_is_opened_again_after_it() {
    for (bytes, opened) in [(LONG_COPY_BYTES - 1, 1), (LONG_COPY_BYTES, 2)] {
        let objects = MemoryObjects::default().with_size(bytes);
        let objects = objects.with("landing", "flights/a.ndjson", "e1", b"{}");
        let Archived { mut body, .. } =
            open_archived(&objects, announced("e1"), "archive").await.unwrap();
        assert_eq!(objects.opened(), opened, "{bytes} bytes");
        let first =
            crate::file_source::Body::next(&mut body).await.unwrap().unwrap().as_ref().to_vec();
        assert_eq!(first, b"{}");
    }
}
