//! Multipart uploads.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};

use super::{PART, World, check_refused};
use crate::answers::{Answer as _, same};
use crate::rig::cases;

cases!(World: an_upload_in_parts_is_seen_once_it_is_complete, an_upload_that_does_not_hold_together_is_refused_and_stays, parts_have_checksums_that_make_the_whole_s, parts_may_be_ranges_of_objects_that_are_as_they_were);

struct Parts<'a> {
    world: &'a World,
    upload: String,
    algorithm: Option<ChecksumAlgorithm>,
    done: Vec<CompletedPart>,
}

impl<'a> Parts<'a> {
    async fn start(world: &'a World, algorithm: Option<ChecksumAlgorithm>) -> Self {
        let create = world.client.create_multipart_upload().bucket(&world.bucket).key("big");
        let create = create.metadata("m", "1").set_checksum_algorithm(algorithm.clone());
        let upload = create.send().await.answered().upload_id.unwrap();
        Self { world, upload, algorithm, done: Vec::new() }
    }

    async fn add(&mut self, number: i32, body: Vec<u8>) {
        let part = self.world.client.upload_part().bucket(&self.world.bucket).key("big");
        let part = part.upload_id(&self.upload).part_number(number).body(ByteStream::from(body));
        let part = part.set_checksum_algorithm(self.algorithm.clone()).send().await.answered();
        let done = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag);
        let done = done.set_checksum_crc32(part.checksum_crc32);
        self.done.push(done.set_checksum_crc64_nvme(part.checksum_crc64_nvme).build());
    }

    fn complete(
        &self,
        parts: Vec<CompletedPart>,
    ) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder
    {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete =
            self.world.client.complete_multipart_upload().bucket(&self.world.bucket).key("big");
        complete.upload_id(&self.upload).multipart_upload(parts)
    }
}

async fn an_upload_in_parts_is_seen_once_it_is_complete(world: &World) {
    let mut parts = Parts::start(world, None).await;
    parts.add(1, vec![b'a'; PART]).await;
    parts.add(7, b"end".to_vec()).await;
    assert!(!world.exists("big").await);
    let listed =
        world.client.list_parts().bucket(&world.bucket).key("big").upload_id(&parts.upload);
    let listed = listed.max_parts(1).into_paginator().items().send();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let sizes: Vec<_> = listed.iter().map(|part| (part.part_number(), part.size())).collect();
    same!(sizes, [(Some(1), Some(5 << 20)), (Some(7), Some(3))]);
    let uploads =
        world.client.list_multipart_uploads().bucket(&world.bucket).send().await.answered();
    same!(uploads.uploads()[0].upload_id(), Some(parts.upload.as_str()));
    let done = parts.complete(parts.done.clone()).if_none_match("*").send().await.answered();
    assert!(done.e_tag().unwrap().ends_with("-2\""), "{done:?}");
    let got = world.client.get_object().bucket(&world.bucket).key("big").send().await.answered();
    same!(got.metadata().unwrap()["m"], "1");
    same!(got.body.collect().await.unwrap().into_bytes().len(), PART + 3);
    let second =
        world.client.get_object().bucket(&world.bucket).key("big").part_number(2).send().await;
    let second = second.unwrap();
    same!((second.parts_count(), second.content_length()), (Some(2), Some(3)));
    same!(second.body.collect().await.unwrap().into_bytes(), "end");
    let again = parts.complete(parts.done.clone()).send().await;
    check_refused(again, 404, "NoSuchUpload");
    let uploads =
        world.client.list_multipart_uploads().bucket(&world.bucket).send().await.answered();
    same!(uploads.uploads().len(), 0);
}

async fn an_upload_that_does_not_hold_together_is_refused_and_stays(world: &World) {
    let mut parts = Parts::start(world, None).await;
    parts.add(1, b"small".to_vec()).await;
    parts.add(2, b"end".to_vec()).await;
    let [one, two] = [parts.done[0].clone(), parts.done[1].clone()];
    let wrong = CompletedPart::builder().part_number(1).e_tag("\"x\"").build();
    let absent = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    for (listed, code) in [
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), one.clone()], "InvalidPartOrder"),
        (vec![wrong], "InvalidPart"),
        (vec![one.clone(), absent], "InvalidPart"),
        (vec![one.clone(), two], "EntityTooSmall"),
        (vec![], "MalformedXML"),
    ] {
        check_refused(parts.complete(listed).send().await, 400, code);
    }
    world.put("big", "first").await;
    let late = parts.complete(vec![one.clone()]).if_none_match("*").send().await;
    check_refused(late, 412, "PreconditionFailed");
    same!(world.text("big").await, "first");
    let bad = world.client.upload_part().bucket(&world.bucket).key("big").upload_id(&parts.upload);
    check_refused(bad.part_number(10_001).send().await, 400, "InvalidArgument");
    parts.complete(vec![one]).send().await.answered();
    same!(world.text("big").await, "small");
    let parts = Parts::start(world, None).await;
    let abort = world.client.abort_multipart_upload().bucket(&world.bucket).key("big");
    abort.upload_id(&parts.upload).send().await.answered();
    let late = world.client.upload_part().bucket(&world.bucket).key("big").upload_id(&parts.upload);
    check_refused(late.part_number(1).send().await, 404, "NoSuchUpload");
}

async fn parts_have_checksums_that_make_the_whole_s(world: &World) {
    let mut parts = Parts::start(world, Some(ChecksumAlgorithm::Crc32)).await;
    parts.add(1, vec![b'a'; PART]).await;
    parts.add(2, b"end".to_vec()).await;
    let done = parts.complete(parts.done.clone()).send().await.answered();
    assert!(done.checksum_crc32().unwrap().ends_with("-2"), "{done:?}");
    same!(done.checksum_type(), Some(&ChecksumType::Composite));
    let mut parts = Parts::start(world, Some(ChecksumAlgorithm::Crc32)).await;
    parts.add(1, b"hello world".to_vec()).await;
    let e_tag = parts.done[0].e_tag.clone();
    let bare = CompletedPart::builder().part_number(1).set_e_tag(e_tag).build();
    check_refused(parts.complete(vec![bare]).send().await, 400, "InvalidRequest");
    let other =
        world.client.upload_part().bucket(&world.bucket).key("big").upload_id(&parts.upload);
    let other = other.part_number(2).checksum_algorithm(ChecksumAlgorithm::Sha256);
    check_refused(other.send().await, 400, "InvalidRequest");
    let mut parts = Parts::start(world, Some(ChecksumAlgorithm::Crc64Nvme)).await;
    parts.add(1, b"hello world".to_vec()).await;
    let done = parts.complete(parts.done.clone()).send().await.answered();
    same!(done.checksum_type(), Some(&ChecksumType::FullObject));
    world.put("whole", "hello world").await;
    let copy = world
        .client
        .copy_object()
        .bucket(&world.bucket)
        .key("copy")
        .copy_source(format!("{}/whole", world.bucket));
    let copy = copy.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.answered();
    same!(copy.copy_object_result().unwrap().checksum_crc64_nvme(), done.checksum_crc64_nvme());
}

async fn parts_may_be_ranges_of_objects_that_are_as_they_were(world: &World) {
    let body = ["a".repeat(PART), "b".repeat(PART), "end".to_owned()].concat();
    let e_tag = world.put("from x", &body).await;
    let mut parts = Parts::start(world, None).await;
    let copy = |number: i32, range: &str| {
        let copy = world.client.upload_part_copy().bucket(&world.bucket).key("big");
        copy.upload_id(&parts.upload)
            .part_number(number)
            .copy_source(format!("{}/from%20x", world.bucket))
            .copy_source_range(range)
    };
    let mut done = Vec::new();
    let ranges = [(0, PART - 1), (PART, 2 * PART - 1), (2 * PART, 2 * PART + 2)];
    for (number, (first, last)) in (1..).zip(ranges) {
        let copy = copy(number, &format!("bytes={first}-{last}")).copy_source_if_match(&e_tag);
        let copied = copy.send().await.answered().copy_part_result.unwrap();
        let part = CompletedPart::builder().part_number(number).set_e_tag(copied.e_tag);
        let part = part.set_checksum_crc32(copied.checksum_crc32);
        done.push(part.set_checksum_crc64_nvme(copied.checksum_crc64_nvme).build());
    }
    let unmet = copy(4, "bytes=0-1").copy_source_if_match("\"x\"").send().await;
    check_refused(unmet, 412, "PreconditionFailed");
    for range in ["bytes=0-", "bytes=2-1", "0-1", &format!("bytes=0-{}", body.len())] {
        check_refused(copy(4, range).send().await, 400, "InvalidArgument");
    }
    parts.done = done;
    parts.complete(parts.done.clone()).send().await.answered();
    assert!(world.text("big").await == body, "not the bytes that were copied");
    let gone = world.client.upload_part_copy().bucket(&world.bucket).key("big");
    let gone = gone.upload_id(&parts.upload).part_number(1);
    let gone = gone.copy_source(format!("{}/from%20x", world.bucket));
    check_refused(gone.send().await, 404, "NoSuchUpload");
}
