//! Reads the files that a message announces, one after another, and hands on what one invocation cannot read.

use event::{Code, FAILURE_ATTRIBUTE, Failure};
use runtime::{Deadline, EventCounts, MAX_STAGE_MESSAGE_BYTES, Outgoing, Queue};

use crate::adapters::{Announced, Announcement};
use crate::archive::{self, Store};
use crate::backlog::Depths;
use crate::file::{Content, File, Next, ReadFile, SliceLimits, read_file};
use crate::file_source::FileSource;
use crate::handler::{Ingest, Message};
use crate::slices::{ArchivedCopy, Marks, Progress};

/// SQS allows ten attributes, and a dead letter or a parked copy adds one:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const MOST_ATTRIBUTES: usize = 9;

/// How far an announced object was read.
enum ReadObject {
    Whole(EventCounts),
    /// Another invocation goes on with its copy.
    Part(EventCounts, ArchivedCopy),
}

impl<O: Store + FileSource, Q: Queue + Depths> Ingest<O, Q> {
    /// Reads the files of an announcement, from where an earlier invocation ended. If the time is over before all are
    /// read, the announcement is sent to the inbox again, with its progress.
    ///
    /// # Errors
    /// A failure of a file as a whole, or of the queue.
    pub(crate) async fn read_files(
        &self,
        announcement: &Announcement,
        message: &Message<'_>,
        deadline: &Deadline,
    ) -> Result<EventCounts, Failure> {
        let limits = SliceLimits::new(self.slice_bytes, deadline);
        let progress = message.progress(deadline.now());
        let is_repeated = progress.is_begun() || message.record.receive_count > 1;
        if is_repeated && self.is_slice_done(&progress, message).await? {
            return Ok(EventCounts::default());
        }
        let mut total = EventCounts::default();
        let mut copy = progress.copy.clone();
        for (place, object) in announcement.objects.iter().enumerate().skip(progress.object) {
            if place > progress.object && limits.is_time_over() {
                self.go_on_later(&progress, progress.after_slice(place, None), message).await?;
                return Ok(total);
            }
            match self.read_object(object, copy.take(), message, &progress, &limits).await {
                // Those before it are done, and need not be read again with it.
                Err(_) if place > progress.object => {
                    self.go_on_later(&progress, progress.after_slice(place, None), message).await?;
                    return Ok(total);
                }
                Err(failure) => return Err(message.refused_if_tried(failure)),
                Ok(ReadObject::Whole(counts)) => total += counts,
                Ok(ReadObject::Part(counts, copy)) => {
                    total += counts;
                    let next = progress.after_slice(place, Some(copy));
                    self.go_on_later(&progress, next, message).await?;
                    return Ok(total);
                }
            }
        }
        self.ignored.add(&announcement.ignored);
        Ok(total)
    }

    async fn read_object(
        &self,
        object: &Announced,
        copy: Option<ArchivedCopy>,
        message: &Message<'_>,
        progress: &Progress,
        limits: &SliceLimits,
    ) -> Result<ReadObject, Failure> {
        let key = &object.key;
        let dataset = key.split_once('/').map(|(dataset, _)| dataset).ok_or_else(|| {
            let reason = format!("the key `{key}` has no folder; expected <dataset>/<file>");
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let contract = self.contract(dataset)?;
        // A file that must not come is one letter, and not one for each of its events.
        contract.sources.check(&object.source())?;
        let now = limits.now();
        let has_room = self.emit.check_backlog(contract, now).await;
        has_room.map_err(|full| full.of_file(now))?;
        let (object, content) = match copy {
            None => {
                let archived =
                    archive::open_archived(&self.objects, object.clone(), &self.archive_bucket)
                        .await?;
                let archive::Archived { object, body, size } = archived;
                if limits.is_time_over() {
                    let copy = ArchivedCopy { etag: object.etag, size, from: None };
                    return Ok(ReadObject::Part(EventCounts::default(), copy));
                }
                (object, Content { body: Some(body), size, from: None })
            }
            Some(ArchivedCopy { etag, size, from }) => {
                let object = Announced { etag, ..object.clone() };
                let bucket = &self.archive_bucket;
                let body = match from.as_ref().map_or(Some(0), Next::offset) {
                    Some(offset) => {
                        Some(archive::open_copy(&self.objects, &object, bucket, offset).await?)
                    }
                    None => None,
                };
                (object, Content { body, size, from })
            }
        };
        let (redriven, taken_in) = (message.redriven(), progress.taken_in);
        let ignored = &self.ignored;
        let turn = &self.turn;
        let file = File { object: &object, contract, taken_in, redriven, ignored, turn };
        let size = content.size;
        let archive = self.letter_archive();
        match read_file(&file, content, &self.emit, &archive, limits).await? {
            ReadFile::Whole(counts) => Ok(ReadObject::Whole(counts)),
            ReadFile::Part(counts, from) => {
                let etag = object.etag;
                Ok(ReadObject::Part(counts, ArchivedCopy { etag, size, from }))
            }
        }
    }

    async fn is_slice_done(
        &self,
        progress: &Progress,
        message: &Message<'_>,
    ) -> Result<bool, Failure> {
        let run = message.redriven().map(|redriven| redriven.run);
        self.marks().has(progress, run.as_deref()).await
    }

    /// Sends the announcement to the inbox again, with what is left to do, and then marks the slice as done. If another
    /// invocation did both meanwhile, nothing is sent.
    async fn go_on_later(
        &self,
        done: &Progress,
        next: Progress,
        message: &Message<'_>,
    ) -> Result<(), Failure> {
        if self.is_slice_done(done, message).await? {
            return Ok(());
        }
        let received = message.received;
        let mut attributes = received.trusted_attributes();
        next.write(&mut attributes)?;
        let again = Outgoing {
            body: received.body.clone(),
            attributes,
            group: received.fair_group.clone(),
            ..Outgoing::default()
        };
        let own = again.attributes.keys().filter(|name| *name != FAILURE_ATTRIBUTE).count();
        if own > MOST_ATTRIBUTES || again.size() > MAX_STAGE_MESSAGE_BYTES {
            let reason = "one invocation cannot read its files, and the message has no room to say how far they are read";
            return Err(Failure::permanent(Code::SizeExceeded, reason));
        }
        self.emit.send_to_inbox(again).await?;
        let run = message.redriven().map(|redriven| redriven.run);
        if let Err(failure) = self.marks().add(done, run.as_deref()).await {
            // The rest is handed on. Without the mark, the slice is read again if its message comes again.
            tracing::warn!(stage = "ingest", failure.reason = %failure, "slice not marked");
        }
        Ok(())
    }

    fn marks(&self) -> Marks<'_, O> {
        Marks { objects: &self.objects, bucket: &self.archive_bucket }
    }
}
