//! Objects, one by one: conditions, ranges, keys, copies, tags.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{MetadataDirective, Tag, Tagging};
use bytes::Bytes;

use super::{BUCKET, START_MS, World, check_refused, refused};

#[tokio::test]
async fn an_object_is_told_as_it_was_written() {
    let world = World::start().await;
    let put = world
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a/b.json")
        .body(ByteStream::from_static(b"hello"))
        .content_type("application/json")
        .content_encoding("gzip")
        .cache_control("no-store")
        .metadata("keys", "[\"a\"]")
        .tagging("stage=raw&note=a%20b")
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got = world.client.get_object().bucket(BUCKET).key("a/b.json").send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/json"));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.cache_control(), Some("no-store"));
    assert_eq!(got.metadata().unwrap()["keys"], "[\"a\"]");
    assert_eq!(got.content_length(), Some(5));
    assert_eq!(got.tag_count(), Some(2));
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.last_modified(), Some(&DateTime::from_secs(1_357_034_400)));
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello");
    let head = world.client.head_object().bucket(BUCKET).key("a/b.json").send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.metadata().unwrap()["keys"], "[\"a\"]");
    let tags = world.client.get_object_tagging().bucket(BUCKET).key("a/b.json").send().await;
    let tags = tags.unwrap().tag_set;
    assert_eq!((tags[1].key(), tags[1].value()), ("note", "a b"));
    let missing = world.client.get_object().bucket(BUCKET).key("a/b").send().await;
    check_refused(missing, 404, "NoSuchKey");
    assert_eq!(world.s3.get(BUCKET, "a/b.json").unwrap().body, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_32_racing_writers_wins() {
    let world = World::start().await;
    for round in 0..10 {
        let key = format!("batch/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..32 {
            let put = world.client.put_object().bucket(BUCKET).key(&key).if_none_match("*");
            let put = put.body(ByteStream::from(format!("writer {writer}").into_bytes()));
            writers.spawn(async move { (writer, put.send().await) });
        }
        let mut winners = Vec::new();
        while let Some(done) = writers.join_next().await {
            match done.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, lost) => check_refused(lost, 412, "PreconditionFailed"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("winners: {winners:?}") };
        assert_eq!(world.text(&key).await, format!("writer {winner}"));
    }
    assert_eq!(world.created.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn writes_hold_to_their_conditions() {
    let world = World::start().await;
    let put = || world.client.put_object().bucket(BUCKET).key("k");
    check_refused(put().if_match("\"x\"").send().await, 404, "NoSuchKey");
    let first = world.put("k", "one").await;
    check_refused(put().if_none_match("*").send().await, 412, "PreconditionFailed");
    check_refused(put().if_none_match(&first).send().await, 501, "NotImplemented");
    let two = || ByteStream::from_static(b"two");
    let second = put().if_match(&first).body(two()).send().await.unwrap().e_tag.unwrap();
    check_refused(put().if_match(&first).send().await, 412, "PreconditionFailed");
    let delete = || world.client.delete_object().bucket(BUCKET).key("k");
    check_refused(delete().if_match(&first).send().await, 412, "PreconditionFailed");
    assert_eq!(world.text("k").await, "two");
    delete().if_match(&second).send().await.unwrap();
    assert!(!world.exists("k").await);
    delete().send().await.unwrap();
    check_refused(delete().if_match("*").send().await, 404, "NoSuchKey");
}

#[tokio::test]
async fn reads_hold_to_their_conditions() {
    let world = World::start().await;
    let e_tag = world.put("k", "v").await;
    let get = || world.client.get_object().bucket(BUCKET).key("k");
    let (before, now) = (DateTime::from_secs(1_357_034_399), DateTime::from_secs(1_357_034_400));
    get().if_match(&e_tag).if_unmodified_since(before).send().await.unwrap();
    get().if_none_match("\"other\"").if_modified_since(now).send().await.unwrap();
    get().if_modified_since(before).send().await.unwrap();
    check_refused(get().if_match("\"other\"").send().await, 412, "PreconditionFailed");
    check_refused(get().if_unmodified_since(before).send().await, 412, "PreconditionFailed");
    assert_eq!(refused(get().if_none_match(&e_tag).send().await).0, 304);
    assert_eq!(refused(get().if_modified_since(now).send().await).0, 304);
    let head = world.client.head_object().bucket(BUCKET).key("k");
    assert_eq!(refused(head.if_none_match(&e_tag).send().await).0, 304);
}

#[tokio::test]
async fn ranges_are_cut_and_bounded() {
    let world = World::start().await;
    world.put("digits", "0123456789").await;
    world.put("empty", "").await;
    let get = |key: &'static str, range: &'static str| {
        world.client.get_object().bucket(BUCKET).key(key).range(range).send()
    };
    for (range, expected, told) in [
        ("bytes=0-3", "0123", Some("bytes 0-3/10")),
        ("bytes=8-", "89", Some("bytes 8-9/10")),
        ("bytes=8-99", "89", Some("bytes 8-9/10")),
        ("bytes=-3", "789", Some("bytes 7-9/10")),
        ("bytes=-99", "0123456789", Some("bytes 0-9/10")),
        ("bytes=5-2", "0123456789", None),
        ("lines=1-2", "0123456789", None),
    ] {
        let got = get("digits", range).await.unwrap();
        assert_eq!(got.content_range(), told, "{range}");
        assert_eq!(got.content_length(), Some(i64::try_from(expected.len()).unwrap()), "{range}");
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), expected, "{range}");
    }
    check_refused(get("digits", "bytes=10-").await, 416, "InvalidRange");
    check_refused(get("digits", "bytes=-0").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=0-").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=-1").await, 416, "InvalidRange");
}

#[tokio::test]
async fn any_legal_key_is_kept_as_it_is() {
    let world = World::start().await;
    let long = "k".repeat(1_024);
    let mut keys = [
        "//x",
        "x/",
        "x//",
        "a/../b",
        "./c",
        "..",
        "/",
        "ü/日本",
        "a b+c",
        "day=1/%2F",
        "q?r#s",
        "it's \"&<>",
        "*",
        "~",
        "🛫",
        &long,
    ];
    for key in keys {
        world.put(key, key).await;
    }
    keys.sort_unstable();
    for key in keys {
        assert_eq!(world.text(key).await, key);
    }
    let listed = world.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let found: Vec<_> = listed.contents().iter().filter_map(|each| each.key()).collect();
    assert_eq!(found, keys);
    for key in keys {
        world.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(world.s3.list(BUCKET, "").unwrap(), []);
    let too_long = "k".repeat(1_025);
    let put = world.client.put_object().bucket(BUCKET).key(too_long).send().await;
    check_refused(put, 400, "KeyTooLongError");
}

#[tokio::test]
async fn copies_keep_or_replace_what_the_source_declares() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("from x").metadata("a", "1");
    let put = put.content_type("text/csv").tagging("t=1").body(ByteStream::from_static(b"v"));
    let source = put.send().await.unwrap().e_tag.unwrap();
    let copy = |key: &str| {
        world.client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/from%20x"))
    };
    let head =
        async |key: &str| world.client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
    let copied = copy("kept").send().await.unwrap().copy_object_result.unwrap();
    assert_eq!(copied.e_tag(), Some(source.as_str()));
    let kept = head("kept").await;
    assert_eq!(
        (kept.content_type(), kept.metadata().unwrap()["a"].as_str()),
        (Some("text/csv"), "1")
    );
    let replace = copy("replaced").metadata_directive(MetadataDirective::Replace);
    replace.metadata("b", "2").send().await.unwrap();
    let replaced = head("replaced").await;
    assert_eq!(replaced.content_type(), Some("binary/octet-stream"));
    assert_eq!(replaced.metadata().unwrap().keys().collect::<Vec<_>>(), ["b"]);
    let tags = world.client.get_object_tagging().bucket(BUCKET).key("replaced").send().await;
    assert_eq!(tags.unwrap().tag_set.len(), 1);
    check_refused(copy("from x").send().await, 400, "InvalidRequest");
    let unmet = copy("other").copy_source_if_match("\"x\"").send().await;
    check_refused(unmet, 412, "PreconditionFailed");
    let missing = world.client.copy_object().bucket(BUCKET).key("k").copy_source("lake/nothing");
    check_refused(missing.send().await, 404, "NoSuchKey");
    let taken = "PUT /lake/kept HTTP/1.1\nx-amz-copy-source: lake/replaced\nif-none-match: *";
    assert_eq!(world.raw(taken, "").await.0, 412);
}

#[tokio::test]
async fn tags_are_replaced_without_a_new_object() {
    let world = World::start().await;
    let e_tag = world.put("k", "v").await;
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    let put = |tags: Vec<Tag>| {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
        world.client.put_object_tagging().bucket(BUCKET).key("k").tagging(tagging).send()
    };
    put(vec![tag("a"), tag("b")]).await.unwrap();
    check_refused(put(vec![tag("a"), tag("a")]).await, 400, "InvalidTag");
    check_refused(put((0..11).map(|n| tag(&n.to_string())).collect()).await, 400, "InvalidTag");
    let get = || world.client.get_object_tagging().bucket(BUCKET).key("k").send();
    assert_eq!(get().await.unwrap().tag_set.len(), 2);
    world.client.delete_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(get().await.unwrap().tag_set.len(), 0);
    let head = world.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.e_tag(), Some(e_tag.as_str()));
    assert_eq!(world.created.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn observers_hear_of_every_write_in_order() {
    let world = World::start().await;
    world.put("k", "one").await;
    world.s3.put(BUCKET, "k", Bytes::from_static(b"two"), "text/plain").unwrap();
    let copy = world.client.copy_object().bucket(BUCKET).key("c").copy_source("lake/k");
    copy.send().await.unwrap();
    world.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let events = world.created.lock().unwrap().clone();
    let told: Vec<_> = events.iter().map(|each| (each.key.as_str(), each.event_name)).collect();
    let put = "ObjectCreated:Put";
    assert_eq!(told, [("k", put), ("k", put), ("c", "ObjectCreated:Copy")]);
    assert!(events.windows(2).all(|pair| pair[0].sequencer < pair[1].sequencer), "{events:?}");
    assert_eq!(events[0].e_tag, "f97c5d29941bfb1b2fdab0874906ab82");
    assert_eq!((events[0].size, events[0].time_ms), (3, START_MS));
}
