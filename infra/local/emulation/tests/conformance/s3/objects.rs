//! Single objects: conditions, ranges, keys, copies, tags.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{MetadataDirective, Tag, Tagging};

use super::{World, check_refused, refused};
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: an_object_is_told_as_it_was_written, one_of_32_racing_writers_wins, writes_hold_to_their_conditions, reads_hold_to_their_conditions, ranges_are_cut_and_bounded, any_legal_key_is_kept_as_it_is, copies_keep_or_replace_what_the_source_declares, tags_are_replaced_without_a_new_object);

async fn an_object_is_told_as_it_was_written(world: &World) {
    let put = world
        .client
        .put_object()
        .bucket(&world.bucket)
        .key("a/b.json")
        .body(ByteStream::from_static(b"hello"))
        .content_type("application/json")
        .content_encoding("gzip")
        .cache_control("no-store")
        .metadata("keys", "[\"a\"]")
        .tagging("stage=raw&note=a%20b")
        .send()
        .await
        .answered();
    same!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got =
        world.client.get_object().bucket(&world.bucket).key("a/b.json").send().await.answered();
    same!(got.content_type(), Some("application/json"));
    same!(got.content_encoding(), Some("gzip"));
    same!(got.cache_control(), Some("no-store"));
    same!(got.metadata().unwrap()["keys"], "[\"a\"]");
    same!(got.content_length(), Some(5));
    same!(got.tag_count(), Some(2));
    same!(got.e_tag(), put.e_tag());
    same!(got.body.collect().await.unwrap().into_bytes(), "hello");
    let head =
        world.client.head_object().bucket(&world.bucket).key("a/b.json").send().await.answered();
    same!(head.content_length(), Some(5));
    same!(head.metadata().unwrap()["keys"], "[\"a\"]");
    let tags = world.client.get_object_tagging().bucket(&world.bucket).key("a/b.json").send().await;
    let tags = tags.unwrap().tag_set;
    same!((tags[1].key(), tags[1].value()), ("note", "a b"));
    let missing = world.client.get_object().bucket(&world.bucket).key("a/b").send().await;
    check_refused(missing, 404, "NoSuchKey");
}

async fn one_of_32_racing_writers_wins(world: &World) {
    for round in 0..10 {
        let key = format!("batch/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..32 {
            let put = world.client.put_object().bucket(&world.bucket).key(&key).if_none_match("*");
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
        same!(world.text(&key).await, format!("writer {winner}"));
    }
}

async fn writes_hold_to_their_conditions(world: &World) {
    let put = || world.client.put_object().bucket(&world.bucket).key("k");
    check_refused(put().if_match("\"x\"").send().await, 404, "NoSuchKey");
    let first = world.put("k", "one").await;
    check_refused(put().if_none_match("*").send().await, 412, "PreconditionFailed");
    check_refused(put().if_none_match(&first).send().await, 501, "NotImplemented");
    let two = || ByteStream::from_static(b"two");
    let second = put().if_match(&first).body(two()).send().await.answered().e_tag.unwrap();
    check_refused(put().if_match(&first).send().await, 412, "PreconditionFailed");
    let delete = || world.client.delete_object().bucket(&world.bucket).key("k");
    check_refused(delete().if_match(&first).send().await, 412, "PreconditionFailed");
    same!(world.text("k").await, "two");
    delete().if_match(&second).send().await.answered();
    assert!(!world.exists("k").await);
    delete().send().await.answered();
    check_refused(delete().if_match("*").send().await, 404, "NoSuchKey");
}

async fn reads_hold_to_their_conditions(world: &World) {
    let e_tag = world.put("k", "v").await;
    let get = || world.client.get_object().bucket(&world.bucket).key("k");
    let now = i64::try_from(world.time.now_ms() / 1_000).unwrap();
    let (before, now) = (DateTime::from_secs(now - 3_600), DateTime::from_secs(now));
    get().if_match(&e_tag).if_unmodified_since(before).send().await.answered();
    get().if_none_match("\"other\"").if_modified_since(now).send().await.answered();
    get().if_modified_since(before).send().await.answered();
    check_refused(get().if_match("\"other\"").send().await, 412, "PreconditionFailed");
    check_refused(get().if_unmodified_since(before).send().await, 412, "PreconditionFailed");
    same!(refused(get().if_none_match(&e_tag).send().await).0, 304);
    same!(refused(get().if_modified_since(now).send().await).0, 304);
    let head = world.client.head_object().bucket(&world.bucket).key("k");
    same!(refused(head.if_none_match(&e_tag).send().await).0, 304);
}

async fn ranges_are_cut_and_bounded(world: &World) {
    world.put("digits", "0123456789").await;
    world.put("empty", "").await;
    let get = |key: &'static str, range: &'static str| {
        world.client.get_object().bucket(&world.bucket).key(key).range(range).send()
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
        let got = get("digits", range).await.answered();
        same!(got.content_range(), told, "{range}");
        same!(got.content_length(), Some(i64::try_from(expected.len()).unwrap()), "{range}");
        same!(got.body.collect().await.unwrap().into_bytes(), expected, "{range}");
    }
    check_refused(get("digits", "bytes=10-").await, 416, "InvalidRange");
    check_refused(get("digits", "bytes=-0").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=0-").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=-1").await, 416, "InvalidRange");
}

async fn any_legal_key_is_kept_as_it_is(world: &World) {
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
        same!(world.text(key).await, key);
    }
    let listed = world.client.list_objects_v2().bucket(&world.bucket).send().await.answered();
    let found: Vec<_> = listed.contents().iter().filter_map(|each| each.key()).collect();
    same!(found, keys);
    for key in keys {
        world.client.delete_object().bucket(&world.bucket).key(key).send().await.answered();
    }
    let too_long = "k".repeat(1_025);
    let put = world.client.put_object().bucket(&world.bucket).key(too_long).send().await;
    check_refused(put, 400, "KeyTooLongError");
}

async fn copies_keep_or_replace_what_the_source_declares(world: &World) {
    let put = world.client.put_object().bucket(&world.bucket).key("from x").metadata("a", "1");
    let put = put.content_type("text/csv").tagging("t=1").body(ByteStream::from_static(b"v"));
    let source = put.send().await.answered().e_tag.unwrap();
    let copy = |key: &str| {
        world
            .client
            .copy_object()
            .bucket(&world.bucket)
            .key(key)
            .copy_source(format!("{}/from%20x", world.bucket))
    };
    let head = async |key: &str| {
        world.client.head_object().bucket(&world.bucket).key(key).send().await.answered()
    };
    let copied = copy("kept").send().await.answered().copy_object_result.unwrap();
    same!(copied.e_tag(), Some(source.as_str()));
    let kept = head("kept").await;
    same!((kept.content_type(), kept.metadata().unwrap()["a"].as_str()), (Some("text/csv"), "1"));
    let replace = copy("replaced").metadata_directive(MetadataDirective::Replace);
    replace.metadata("b", "2").send().await.answered();
    let replaced = head("replaced").await;
    same!(replaced.content_type(), Some("binary/octet-stream"));
    same!(replaced.metadata().unwrap().keys().collect::<Vec<_>>(), ["b"]);
    let tags = world.client.get_object_tagging().bucket(&world.bucket).key("replaced").send().await;
    same!(tags.unwrap().tag_set.len(), 1);
    check_refused(copy("from x").send().await, 400, "InvalidRequest");
    let unmet = copy("other").copy_source_if_match("\"x\"").send().await;
    check_refused(unmet, 412, "PreconditionFailed");
    let missing = world
        .client
        .copy_object()
        .bucket(&world.bucket)
        .key("k")
        .copy_source(format!("{}/nothing", world.bucket));
    check_refused(missing.send().await, 404, "NoSuchKey");
}

async fn tags_are_replaced_without_a_new_object(world: &World) {
    let e_tag = world.put("k", "v").await;
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    let put = |tags: Vec<Tag>| {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
        world.client.put_object_tagging().bucket(&world.bucket).key("k").tagging(tagging).send()
    };
    put(vec![tag("a"), tag("b")]).await.answered();
    check_refused(put(vec![tag("a"), tag("a")]).await, 400, "InvalidTag");
    check_refused(put((0..11).map(|n| tag(&n.to_string())).collect()).await, 400, "InvalidTag");
    let get = || world.client.get_object_tagging().bucket(&world.bucket).key("k").send();
    same!(get().await.answered().tag_set.len(), 2);
    world.client.delete_object_tagging().bucket(&world.bucket).key("k").send().await.answered();
    same!(get().await.answered().tag_set.len(), 0);
    let head = world.client.head_object().bucket(&world.bucket).key("k").send().await.answered();
    same!(head.e_tag(), Some(e_tag.as_str()));
}
