//! Whoever observes S3 hears of what was written, once and in order; times are the clock's.

use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::{BUCKET, START_MS, World, check_refused};

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

#[tokio::test]
async fn an_upload_in_parts_is_heard_of_once_when_it_is_complete() {
    let world = World::start().await;
    let create = world.client.create_multipart_upload().bucket(BUCKET).key("big").send().await;
    let upload = create.unwrap().upload_id.unwrap();
    let part = world.client.upload_part().bucket(BUCKET).key("big").upload_id(&upload);
    let part = part.part_number(1).body(ByteStream::from_static(b"end")).send().await.unwrap();
    assert_eq!(world.created.lock().unwrap().len(), 0);
    world.clock.advance(Duration::from_secs(60));
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = world.client.complete_multipart_upload().bucket(BUCKET).key("big");
    complete.upload_id(&upload).multipart_upload(parts).send().await.unwrap();
    let got = world.client.get_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(got.last_modified(), Some(&DateTime::from_secs(1_357_034_460)));
    let events = world.created.lock().unwrap().clone();
    let told: Vec<_> =
        events.iter().map(|each| (each.event_name, each.size, each.time_ms)).collect();
    assert_eq!(told, [("ObjectCreated:CompleteMultipartUpload", 3, START_MS + 60_000)]);
}

#[tokio::test]
async fn a_copy_that_is_refused_is_not_heard_of() {
    let world = World::start().await;
    for key in ["k", "kept"] {
        world.put(key, "v").await;
    }
    let copy = world.client.copy_object().bucket(BUCKET).key("c").copy_source("lake/nothing");
    check_refused(copy.send().await, 404, "NoSuchKey");
    let taken = "PUT /lake/kept HTTP/1.1\nx-amz-copy-source: lake/k\nif-none-match: *";
    assert_eq!(world.raw(taken, "").await.0, 412);
    assert_eq!(world.created.lock().unwrap().len(), 2);
}
