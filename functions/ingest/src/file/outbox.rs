//! Sends the events and the dead letters of a file to their queues, many at a time.

use event::{Code, Failure, Timestamp};
use runtime::{EventCounts, Queue};

use super::entry::Entry;
use super::intake::Intake;
use crate::archive::Store;
use crate::emit::Emit;
use crate::letters::{Archive, move_to_archive};

/// Once this many messages are waiting, they are sent. It is a multiple of what one call takes, so that several full
/// calls run at the same time.
pub(super) const FLUSH: usize = 100;

/// Once the waiting messages have this many bytes, they are sent even if they are few. A batch may announce ten files,
/// which are read at the same time.
const FLUSH_BYTES: usize = 2 * 1024 * 1024;

pub(super) struct Outbox<'a, O> {
    pub(super) intake: Intake<'a>,
    archive: &'a Archive<'a, O>,
    now: Timestamp,
    done: EventCounts,
}

impl<'a, O: Store> Outbox<'a, O> {
    pub(super) fn new(intake: Intake<'a>, archive: &'a Archive<'a, O>, now: Timestamp) -> Self {
        Self { intake, archive, now, done: EventCounts::default() }
    }

    /// Takes one entry, and sends messages if many are waiting.
    ///
    /// # Errors
    /// A failure of the file as a whole, or of a queue.
    pub(super) async fn take<Q: Queue>(
        &mut self,
        entry: &Entry<'_>,
        emit: &Emit<Q>,
    ) -> Result<(), Failure> {
        self.intake.take(entry)?;
        let Intake { passing, passing_bytes, refusing, refusing_bytes, .. } = &self.intake;
        let are_many_passing = passing.len() >= FLUSH || *passing_bytes >= FLUSH_BYTES;
        let are_many_refused = refusing.len() >= FLUSH || *refusing_bytes >= FLUSH_BYTES;
        if are_many_passing {
            self.pass_on(emit).await?;
        }
        if self.intake.is_proven && are_many_refused {
            self.refuse_waiting(emit).await?;
        }
        Ok(())
    }

    /// Sends what is waiting.
    pub(super) async fn flush<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        self.pass_on(emit).await?;
        self.refuse_waiting(emit).await
    }

    async fn pass_on<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let passing = std::mem::take(&mut self.intake.passing);
        self.intake.passing_bytes = 0;
        let sent: Result<Vec<_>, Failure> = emit.pass_on(passing).await.into_iter().collect();
        for counts in sent? {
            self.done += counts;
        }
        Ok(())
    }

    async fn refuse_waiting<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let mut refusing = std::mem::take(&mut self.intake.refusing);
        self.intake.refusing_bytes = 0;
        for refused in refusing.iter_mut().filter(|refused| !refused.fits()) {
            move_to_archive(self.archive, refused, self.now).await?;
        }
        let count = refusing.len() as u64;
        emit.refuse(refusing).await?;
        self.done.dead_lettered += count;
        Ok(())
    }

    /// Checks that all that was read, of which there are `read` bytes (of Parquet, rows), belongs to the header, an
    /// event, a dead letter or a blank entry. Then all of it is sent, and this is how it counts.
    ///
    /// # Errors
    /// A transient failure otherwise, which is a fault of this code. It keeps the file in its queue and finally makes
    /// it a dead letter, so that no row is lost silently.
    pub(super) fn check_account(&mut self, read: u64) -> Result<EventCounts, Failure> {
        self.done.taken = self.intake.taken;
        let account = self.intake.account;
        let EventCounts { taken, passed, diverted, dead_lettered, .. } = self.done;
        if account.bytes() == read && passed + diverted + dead_lettered == taken {
            return Ok(self.done);
        }
        let reason = format!(
            "a fault of Sluicegate: of {read} bytes or rows and {taken} events, {account:?}, \
             {passed} passed on, {diverted} diverted, {dead_lettered} dead-lettered"
        );
        Err(Failure::transient(Code::RecordPanicked, reason))
    }

    /// Logs how much was read.
    pub(super) fn log(&self, bytes: u64, message: &'static str) {
        let EventCounts { taken, passed, diverted, dead_lettered, .. } = self.done;
        tracing::info!(
            stage = "ingest",
            file.source = self.intake.source,
            file.bytes = bytes,
            file.events = taken,
            file.passed = passed,
            file.diverted = diverted,
            file.dead_lettered = dead_lettered,
            "{message}"
        );
    }
}
