//! Buckets: creating, listing, and deleting many objects at once.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{World, check_refused, refused};
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: buckets_come_and_go, listings_page_through_keys_and_common_prefixes, many_objects_are_deleted_at_once);

async fn buckets_come_and_go(world: &World) {
    let client = &world.client;
    let second = format!("{}second", world.prefix);
    world.create(&second).await.answered();
    check_refused(client.create_bucket().bucket("No").send().await, 400, "InvalidBucketName");
    client.head_bucket().bucket(&second).send().await.answered();
    let listed = client.list_buckets().send().await.answered();
    let names: Vec<_> = listed.buckets().iter().filter_map(|each| each.name()).collect();
    for name in [second.as_str(), &world.bucket] {
        assert!(names.contains(&name), "expected {name} to be listed, came {names:?}");
    }
    world.put("k", "v").await;
    check_refused(client.delete_bucket().bucket(&world.bucket).send().await, 409, "BucketNotEmpty");
    client.delete_bucket().bucket(&second).send().await.answered();
    same!(refused(client.head_bucket().bucket(&second).send().await).0, 404);
    let nowhere = client.put_object().bucket(&second).key("k").send().await;
    check_refused(nowhere, 404, "NoSuchBucket");
}

async fn listings_page_through_keys_and_common_prefixes(world: &World) {
    for key in ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"] {
        world.put(key, "").await;
    }
    let pages = async |prefix: &str, delimiter: Option<&str>, size: i32, start: Option<&str>| {
        let mut stream = world
            .client
            .list_objects_v2()
            .bucket(&world.bucket)
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
            same!(page.key_count(), Some(i32::try_from(count).unwrap()));
            assert!(count <= usize::try_from(size).unwrap());
            found.extend(page.contents().iter().filter_map(|each| each.key.clone()));
            found.extend(page.common_prefixes().iter().filter_map(|each| each.prefix.clone()));
        }
        found.sort();
        found
    };
    for size in 1..=8 {
        let all = pages("", None, size, None).await;
        same!(all, ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"], "{size}");
        same!(pages("", Some("/"), size, None).await, ["a", "b/", "c", "d/", "e"], "{size}");
        same!(pages("b/", Some("/"), size, None).await, ["b/1", "b/2", "b/2/"], "{size}");
        same!(pages("", None, size, Some("b/2")).await, ["b/2/x", "c", "d/1", "e"], "{size}");
        same!(pages("b", None, size, Some("a")).await, ["b/1", "b/2", "b/2/x"], "{size}");
        same!(pages("x", None, size, None).await, [""; 0], "{size}");
    }
    let none =
        world.client.list_objects_v2().bucket(&world.bucket).max_keys(0).send().await.answered();
    same!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
    let bad =
        world.client.list_objects_v2().bucket(&world.bucket).continuation_token("!").send().await;
    check_refused(bad, 400, "InvalidArgument");
    let first =
        world.client.list_objects().bucket(&world.bucket).delimiter("/").max_keys(2).send().await;
    let first = first.unwrap();
    same!(first.next_marker(), Some("b/"));
    let rest =
        world.client.list_objects().bucket(&world.bucket).delimiter("/").marker("b/").send().await;
    let rest = rest.unwrap();
    let found: Vec<_> = rest.contents().iter().filter_map(|each| each.key()).collect();
    same!((found, rest.is_truncated()), (vec!["c", "e"], Some(false)));
}

async fn many_objects_are_deleted_at_once(world: &World) {
    for key in ["a", "b", "c"] {
        world.put(key, key).await;
    }
    let id = |key: &str, e_tag: Option<&str>| {
        let id = ObjectIdentifier::builder().key(key);
        id.set_e_tag(e_tag.map(str::to_owned)).build().unwrap()
    };
    let delete = Delete::builder().objects(id("a", None)).objects(id("b", Some("\"x\"")));
    let delete = delete.objects(id("nothing", None)).build().unwrap();
    let done =
        world.client.delete_objects().bucket(&world.bucket).delete(delete).send().await.answered();
    let deleted: Vec<_> = done.deleted().iter().filter_map(|each| each.key()).collect();
    same!(deleted, ["a", "nothing"]);
    let [error] = done.errors() else { panic!("{done:?}") };
    same!((error.key(), error.code()), (Some("b"), Some("PreconditionFailed")));
    same!(world.exists("a").await, false);
    same!((world.exists("b").await, world.exists("c").await), (true, true));
}
