use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use proptest::prelude::*;
use s3s::dto::Checksum;

use super::listing::{Page, Query};
use super::object::{Object, e_tag_of};
use super::*;

fn object() -> Arc<Object> {
    Arc::new(Object {
        body: Bytes::new(),
        e_tag: e_tag_of(b""),
        modified_ms: 0,
        attributes: Attributes::default(),
        checksum: Checksum::default(),
        part_sizes: Vec::new(),
    })
}

/// All pages of a listing, joined. Every page except the last is full.
fn all_pages(
    objects: &BTreeMap<String, Arc<Object>>,
    mut query: Query,
) -> (Vec<String>, Vec<String>) {
    let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
    loop {
        let Page { objects: found, common_prefixes, next } = listing::page(objects, &query);
        let count = found.len() + common_prefixes.len();
        keys.extend(found.into_iter().map(|(key, _)| key));
        prefixes.extend(common_prefixes);
        let Some(next) = next else { return (keys, prefixes) };
        assert_eq!(count, query.max_keys);
        query.after = Some(next);
    }
}

proptest! {
    #[test]
    fn pages_of_any_size_make_up_the_whole_listing(
        keys in prop::collection::btree_set("[ab/]{1,6}", 0..40),
        prefix in "[ab/]{0,2}",
        delimiter in prop::option::of("[a/]{1,2}"),
        max_keys in 1_usize..6,
    ) {
        let mut expected_keys = Vec::new();
        let mut expected_prefixes = BTreeSet::new();
        for key in &keys {
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            match delimiter.as_ref().and_then(|text| Some(rest.find(text.as_str())? + text.len())) {
                Some(end) => drop(expected_prefixes.insert(key[..prefix.len() + end].to_owned())),
                None => expected_keys.push(key.clone()),
            }
        }
        let objects = keys.into_iter().map(|key| (key, object())).collect();
        let query = Query { prefix, delimiter, after: None, max_keys };
        let (found, prefixes) = all_pages(&objects, query);
        prop_assert_eq!(found, expected_keys);
        prop_assert_eq!(prefixes, expected_prefixes.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_body_breaks_the_chunk_decoder(body in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(chunked::decode(&Bytes::from(body)));
    }

    #[test]
    fn no_header_breaks_the_tag_parser(header in ".{0,40}") {
        drop(tags::parse(Some(&header)));
    }
}

#[test]
fn a_token_leads_back_to_its_key() {
    for key in ["k", "ü/日本", "a b+c"] {
        assert_eq!(listing::from_token(&listing::token(key)).unwrap(), key);
    }
}

#[test]
fn tools_write_and_read_in_process() {
    let s3 = S3::new(Clock::manual(1_000));
    s3.create_bucket("landing").unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    s3.on_created(Box::new(move |event| sink.lock().unwrap().push(event)));
    let e_tag = s3.put("landing", "in/a", Bytes::from_static(b"hello"), "text/plain").unwrap();
    let read = s3.get("landing", "in/a").unwrap();
    assert_eq!((read.body.as_ref(), &read.e_tag, read.modified_ms), (&b"hello"[..], &e_tag, 1_000));
    assert_eq!(s3.list("landing", "in/").unwrap(), [read]);
    assert_eq!(s3.list("landing", "out/").unwrap(), []);
    assert_eq!(heard.lock().unwrap().len(), 1);
    let refused = |result: Result<String, S3Error>| result.unwrap_err().code;
    let body = Bytes::new();
    assert_eq!(refused(s3.put("nowhere", "k", body.clone(), "text/plain")), "NoSuchBucket");
    assert_eq!(refused(s3.put("landing", "", body, "text/plain")), "KeyTooLongError");
}

#[test]
fn an_observer_may_use_the_service() {
    let s3 = S3::new(Clock::manual(0));
    s3.create_bucket("landing").unwrap();
    let inner = s3.clone();
    s3.on_created(Box::new(move |event| {
        assert_eq!(inner.get(&event.bucket, &event.key).unwrap().e_tag, event.e_tag);
    }));
    s3.put("landing", "k", Bytes::from_static(b"v"), "text/plain").unwrap();
}
