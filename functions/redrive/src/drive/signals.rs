//! What a run looks at before it sends more letters: its canary, queues and breakers.

use event::Timestamp;
use letters::{
    CanarySeen, Entry, Indexed, LetterIndex as _, LetterState, OpenBreaker, Progress, Runs as _,
    Seen, SentEvent, Signals,
};

use super::Driver;
use crate::parts::parts_by_bytes;
use crate::ports::Ports;
use crate::problem::Problem;

/// How long the state of queues and breakers counts as current, in milliseconds.
const CURRENT_MS: i64 = 2_000;

/// The state of queues and breakers when it was read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    at: Option<Timestamp>,
    waiting: u64,
    open_breaker: Option<OpenBreaker>,
}

impl<P: Ports> Driver<'_, P> {
    pub(super) async fn signals(&mut self) -> Result<Signals, Problem> {
        self.update_watch().await;
        let is_judged = match self.ledger.progress {
            Progress::Judging { .. } => true,
            Progress::Canary => self.ledger.run.position >= self.ledger.pace.canary,
            Progress::Ramp { .. } => false,
        };
        let canary = match is_judged {
            true => self.canary().await?,
            false => CanarySeen::default(),
        };
        // This is read last, so that it counts each letter that the canary has seen come back.
        if let Some(found) = self.redrive.ports.index().read_run(&self.ledger.id).await? {
            self.ledger.came_back = found.came_back;
        }
        let forgiven = self.ledger.forgiven;
        Ok(Signals {
            sent: self.ledger.run.sent.saturating_sub(forgiven.sent),
            came_back: self.ledger.came_back.saturating_sub(forgiven.came_back),
            canary,
            waiting: self.watch.waiting,
            open_breaker: self.watch.open_breaker.clone(),
        })
    }

    /// Reads the state of queues and breakers, unless it is current or the run's pace does not depend on it.
    async fn update_watch(&mut self) {
        let now = self.now();
        let is_fresh = self.watch.at.is_some_and(|at| now.unix_ms() - at.unix_ms() < CURRENT_MS);
        if is_fresh || self.ledger.pace.most_waiting == 0 {
            return;
        }
        self.watch.at = Some(now);
        self.watch.waiting = 0;
        let stages = self
            .header
            .to
            .iter()
            .chain(self.header.stages.keys().filter(|_| self.header.to.is_none()));
        for stage in stages {
            let Some(route) = self.redrive.routes.get(stage) else { continue };
            match self.redrive.ports.depth(&route.queue).await {
                Ok(depth) => self.watch.waiting = self.watch.waiting.max(depth.waiting),
                Err(failure) => {
                    tracing::warn!(stage, failure.reason = %failure.reason, "not known what waits in its queue");
                }
            }
        }
        self.watch.open_breaker = self.redrive.ports.open_breaker(&self.header.depends_on).await;
    }

    /// What became of the letters that were sent first.
    async fn canary(&self) -> Result<CanarySeen, Problem> {
        // If an event cannot be looked for, its letter counts as done once all queues are empty. The queues are read
        // before the letters, since a letter that comes back in between leaves its queues empty, too.
        let is_quiet = self.is_everything_at_rest().await;
        let planned = self.redrive.read_page(&self.ledger.plan, &self.header, 0).await?;
        let first = usize::try_from(self.ledger.pace.canary).unwrap_or(usize::MAX);
        let ids: Vec<_> = planned.into_iter().take(first).map(|planned| planned.id).collect();
        let mut seen = CanarySeen::default();
        let mut sent = Vec::new();
        for found in self.redrive.ports.index().read(&ids).await?.into_iter().flatten() {
            let is_out = matches!(&found.letter.state, LetterState::Redriven { run } if *run == self.ledger.id);
            if is_out {
                sent.push(found);
            }
        }
        if sent.is_empty() {
            return Ok(seen);
        }
        let events = self.events_of(&sent).await?;
        for found in self.redrive.look_for(&events).await? {
            let is_done = found == Some(Seen::Everywhere) || is_quiet;
            seen.done += u64::from(is_done);
            seen.on_their_way += u64::from(!is_done);
        }
        Ok(seen)
    }

    /// The events as which letters were sent, in the letters' order.
    async fn events_of(&self, sent: &[Indexed]) -> Result<Vec<Option<SentEvent>>, Problem> {
        let contracts = &self.redrive.contracts;
        let mut events = Vec::with_capacity(sent.len());
        for part in parts_by_bytes(sent, |found| found.entry.held_bytes()) {
            let entries: Vec<&Entry> = part.iter().map(|found| &found.entry).collect();
            for message in self.redrive.messages(&entries).await? {
                events.push(self.treatment.event(message, contracts));
            }
        }
        Ok(events)
    }

    /// Whether all queues and dead-letter queues of stages are empty. Then everything that was sent is done.
    async fn is_everything_at_rest(&self) -> bool {
        for route in self.redrive.routes.values() {
            for queue in [&route.queue, &route.dlq] {
                let depth = self.redrive.ports.depth(queue).await;
                if !depth.is_ok_and(|depth| depth.waiting + depth.hidden + depth.delayed == 0) {
                    return false;
                }
            }
        }
        true
    }
}
