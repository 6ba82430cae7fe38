//! Buckets, and what they list and lose at once.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{BUCKET, World, check_refused, refused};

#[tokio::test]
async fn buckets_come_and_go() {
    let world = World::start().await;
    let client = &world.client;
    client.create_bucket().bucket("second").send().await.unwrap();
    let again = client.create_bucket().bucket("second").send().await;
    check_refused(again, 409, "BucketAlreadyOwnedByYou");
    check_refused(client.create_bucket().bucket("No").send().await, 400, "InvalidBucketName");
    client.head_bucket().bucket("second").send().await.unwrap();
    let location = client.get_bucket_location().bucket("second").send().await.unwrap();
    assert_eq!(location.location_constraint.as_ref().map_or("", |each| each.as_str()), "");
    let listed = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().filter_map(|each| each.name()).collect();
    assert_eq!(names, ["lake", "second"]);
    world.put("k", "v").await;
    check_refused(client.delete_bucket().bucket(BUCKET).send().await, 409, "BucketNotEmpty");
    client.delete_bucket().bucket("second").send().await.unwrap();
    assert_eq!(refused(client.head_bucket().bucket("second").send().await).0, 404);
    let nowhere = client.put_object().bucket("second").key("k").send().await;
    check_refused(nowhere, 404, "NoSuchBucket");
}

#[tokio::test]
async fn listings_page_through_keys_and_common_prefixes() {
    let world = World::start().await;
    for key in ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"] {
        world.put(key, "").await;
    }
    let pages = async |prefix: &str, delimiter: Option<&str>, size: i32, start: Option<&str>| {
        let mut stream = world
            .client
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix(prefix)
            .set_delimiter(delimiter.map(str::to_owned))
            .set_start_after(start.map(str::to_owned))
            .max_keys(size)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = stream.next().await {
            let page = page.unwrap();
            let count = page.contents().len() + page.common_prefixes().len();
            assert_eq!(page.key_count(), Some(i32::try_from(count).unwrap()));
            assert!(count <= usize::try_from(size).unwrap());
            found.extend(page.contents().iter().filter_map(|each| each.key.clone()));
            found.extend(page.common_prefixes().iter().filter_map(|each| each.prefix.clone()));
        }
        found.sort();
        found
    };
    for size in 1..=8 {
        let all = pages("", None, size, None).await;
        assert_eq!(all, ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"], "{size}");
        assert_eq!(pages("", Some("/"), size, None).await, ["a", "b/", "c", "d/", "e"], "{size}");
        assert_eq!(pages("b/", Some("/"), size, None).await, ["b/1", "b/2", "b/2/"], "{size}");
        assert_eq!(pages("", None, size, Some("b/2")).await, ["b/2/x", "c", "d/1", "e"], "{size}");
        assert_eq!(pages("b", None, size, Some("a")).await, ["b/1", "b/2", "b/2/x"], "{size}");
        assert_eq!(pages("x", None, size, None).await, [""; 0], "{size}");
    }
    let none = world.client.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
    let bad = world.client.list_objects_v2().bucket(BUCKET).continuation_token("!").send().await;
    check_refused(bad, 400, "InvalidArgument");
    let first = world.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(2).send().await;
    let first = first.unwrap();
    assert_eq!(first.next_marker(), Some("b/"));
    let rest = world.client.list_objects().bucket(BUCKET).delimiter("/").marker("b/").send().await;
    let rest = rest.unwrap();
    let found: Vec<_> = rest.contents().iter().filter_map(|each| each.key()).collect();
    assert_eq!((found, rest.is_truncated()), (vec!["c", "e"], Some(false)));
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let world = World::start().await;
    for key in ["a", "b", "c"] {
        world.put(key, key).await;
    }
    let id = |key: &str, e_tag: Option<&str>| {
        let id = ObjectIdentifier::builder().key(key);
        id.set_e_tag(e_tag.map(str::to_owned)).build().unwrap()
    };
    let delete = Delete::builder().objects(id("a", None)).objects(id("b", Some("\"x\"")));
    let delete = delete.objects(id("nothing", None)).build().unwrap();
    let done = world.client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    let deleted: Vec<_> = done.deleted().iter().filter_map(|each| each.key()).collect();
    assert_eq!(deleted, ["a", "nothing"]);
    let [error] = done.errors() else { panic!("{done:?}") };
    assert_eq!((error.key(), error.code()), (Some("b"), Some("PreconditionFailed")));
    let left: Vec<_> = world.s3.list(BUCKET, "").unwrap();
    assert_eq!(left.iter().map(|each| each.key.as_str()).collect::<Vec<_>>(), ["b", "c"]);
}
