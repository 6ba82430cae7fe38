//! How fast a run goes. A few letters go first, and the others only if those did well. Then the rate rises step by
//! step. The run stops if too many letters come back.
//!
//! ```text
//!   canary ──sent──> judging ──well──> ramp: 1, 5, 20, 100 a second … each for a while, then as fast as may be
//!                       └──came back──> paused, with its reason
//! ```

use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Run;

/// How fast a run may go. Operators may give any of its fields; the others have their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// How many letters are sent first and watched; 0 means that there is no canary.
    pub canary: u64,
    /// How many seconds the run waits to learn what became of the canary. If it is still not known then, the run
    /// pauses.
    pub canary_patience_s: u64,
    /// The rates of the ramp's steps, in letters a second.
    pub rates: Vec<u64>,
    /// How long each step lasts, in seconds.
    pub step_s: u64,
    /// The rate after the last step, in letters a second; 0 means as fast as possible.
    pub most_per_second: u64,
    /// The run pauses itself once more than this percentage of the letters that it sent have come back, and
    /// `stop_at_least` letters have.
    pub stop_percent: u64,
    /// How many letters must have come back, at least, before the run pauses itself by `stop_percent`.
    pub stop_at_least: u64,
    /// Nothing is sent while this many messages wait in the queue that letters go to; 0 means no limit.
    pub most_waiting: u64,
}

/// The pace of a run whose operator gave none: a hundred thousand letters take 20 minutes.
impl Default for Pace {
    fn default() -> Self {
        Self {
            canary: 10,
            canary_patience_s: 300,
            rates: vec![1, 5, 20, 100],
            step_s: 15,
            most_per_second: 100,
            stop_percent: 10,
            stop_at_least: 5,
            most_waiting: 1_000,
        }
    }
}

impl Pace {
    /// The rate at a step, in letters a second; 0 means as fast as possible.
    pub(crate) fn rate(&self, step: usize) -> u64 {
        match (self.rates.get(step), self.most_per_second) {
            (Some(rate), 0) => *rate,
            (Some(rate), most) => (*rate).min(most),
            (None, most) => most,
        }
    }

    /// Everything at once, for scripts that know what they do.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            canary: 0,
            rates: Vec::new(),
            most_per_second: 0,
            stop_percent: 100,
            most_waiting: 0,
            ..Self::default()
        }
    }
}

/// Where a run is in its pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// The canary is being sent.
    Canary,
    /// The canary was sent, and it is not known yet what became of it.
    Judging {
        /// When all of the canary was sent.
        since: Timestamp,
    },
    /// At a step of the rates.
    Ramp {
        /// The index into [`Pace::rates`]; an index past their end stands for the time after the last step.
        step: usize,
        /// When the step began, or when sending last went on after a wait.
        since: Timestamp,
        /// The run's position at that time.
        position: u64,
    },
}

/// What a run can know before it sends more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How many letters were sent since an operator last resumed the run.
    pub sent: u64,
    /// How many letters failed again since then.
    pub came_back: u64,
    /// What became of the canary, while it is judged.
    pub canary: CanarySeen,
    /// How many messages wait in the queue that letters go to.
    pub waiting: u64,
    /// An open breaker. Letters that are sent now would wait for its dependency.
    pub open_breaker: Option<OpenBreaker>,
}

/// A breaker that lets no call through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    /// The name of its dependency.
    pub dependency: String,
    /// When the next call is let through. `None` if an operator has to release the breaker.
    pub until: Option<Timestamp>,
}

/// What is known of the canary's letters that have not come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CanarySeen {
    /// Letters whose events have reached all of their sinks.
    pub done: u64,
    /// Letters that are neither done nor back.
    pub on_their_way: u64,
}

/// What a run does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send at most this many letters.
    Send(u64),
    /// Send nothing for a time.
    Wait {
        /// How long to wait before asking again.
        time: Duration,
        /// Why the run waits, in words for operators.
        note: String,
    },
    /// Send nothing until an operator resumes the run.
    Pause {
        /// Why the run pauses itself, in words for operators.
        note: String,
    },
}

/// The most letters in one part of a plan. If a worker crashes, at most this many letters are claimed and not counted.
pub(crate) const MOST_LETTERS_IN_PART: u64 = 500;

/// How long to wait before a signal is read again.
const GLANCE: Duration = Duration::from_millis(500);

impl Progress {
    /// Where a run begins: with its canary, or without one at the first step of the ramp.
    #[must_use]
    pub fn begin(pace: &Pace, now: Timestamp) -> Self {
        match pace.canary {
            0 => Self::Ramp { step: 0, since: now, position: 0 },
            _ => Self::Canary,
        }
    }

    /// Where the run is after an operator has resumed it. The operator knows what became of the canary, so the canary
    /// is not judged again, and the ramp begins at its first step.
    #[must_use]
    pub fn resumed(self, run: &Run, now: Timestamp) -> Self {
        match self {
            Self::Canary => self,
            Self::Judging { .. } | Self::Ramp { .. } => {
                Self::Ramp { step: 0, since: now, position: run.position }
            }
        }
    }

    /// What the run does next, and where it is then.
    #[must_use]
    pub fn next(self, pace: &Pace, run: &Run, signals: &Signals, now: Timestamp) -> (Self, Next) {
        if let Some(note) = too_many_back(pace, run, signals, self) {
            return (self, Next::Pause { note });
        }
        match self {
            Self::Canary if run.position >= pace.canary => {
                Self::Judging { since: now }.next(pace, run, signals, now)
            }
            Self::Canary => (
                self,
                blocked(pace, signals, now).unwrap_or_else(|| {
                    Next::Send((pace.canary - run.position).min(MOST_LETTERS_IN_PART))
                }),
            ),
            Self::Judging { since } => judge(since, pace, run, signals, now),
            Self::Ramp { step, since, position } => {
                ramp(step, since, position, pace, run, signals, now)
            }
        }
    }
}

/// Why the run pauses itself, if too many letters came back.
fn too_many_back(pace: &Pace, run: &Run, signals: &Signals, progress: Progress) -> Option<String> {
    let back = signals.came_back;
    if back > 0 && !matches!(progress, Progress::Ramp { .. }) {
        return Some(format!(
            "{back} of the first {} came back; nothing else was sent",
            run.position.max(back)
        ));
    }
    let is_many =
        back >= pace.stop_at_least.max(1) && back * 100 > signals.sent * pace.stop_percent;
    is_many
        .then(|| format!("{back} of {} came back, more than {} %", signals.sent, pace.stop_percent))
}

fn judge(
    since: Timestamp,
    pace: &Pace,
    run: &Run,
    signals: &Signals,
    now: Timestamp,
) -> (Progress, Next) {
    let CanarySeen { done, on_their_way } = signals.canary;
    if on_their_way == 0 {
        let ramp = Progress::Ramp { step: 0, since: now, position: run.position };
        return ramp.next(pace, run, signals, now);
    }
    let next = if now.since(since) < Duration::from_secs(pace.canary_patience_s) {
        let note =
            format!("the first {} are watched: {done} done, {on_their_way} on their way", run.sent);
        Next::Wait { time: GLANCE, note }
    } else {
        let note = format!(
            "of the first {} letters {on_their_way} are neither done nor back after {} s",
            run.sent, pace.canary_patience_s
        );
        Next::Pause { note }
    };
    (Progress::Judging { since }, next)
}

fn ramp(
    step: usize,
    since: Timestamp,
    position: u64,
    pace: &Pace,
    run: &Run,
    signals: &Signals,
    now: Timestamp,
) -> (Progress, Next) {
    let is_over = now.since(since) >= Duration::from_secs(pace.step_s);
    if step < pace.rates.len() && is_over {
        let next = Progress::Ramp { step: step + 1, since: now, position: run.position };
        return next.next(pace, run, signals, now);
    }
    let here = Progress::Ramp { step, since, position };
    if let Some(next) = blocked(pace, signals, now) {
        // The step begins anew here, so that the letters that were not sent meanwhile are not sent at once later.
        return (Progress::Ramp { step, since: now, position: run.position }, next);
    }
    let rate = pace.rate(step);
    if rate == 0 {
        return (here, Next::Send(MOST_LETTERS_IN_PART));
    }
    let elapsed_ms = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
    let due = rate.saturating_mul(elapsed_ms.saturating_add(1_000)) / 1_000;
    let sent = run.position.saturating_sub(position);
    let next = match due.saturating_sub(sent) {
        0 => Next::Wait { time: pause_between(rate), note: format!("{rate} a second") },
        // A frozen environment falls far behind. The letters that are due by then are not sent at once.
        letters => Next::Send(letters.min(rate).min(MOST_LETTERS_IN_PART)),
    };
    (here, next)
}

/// How long the run waits until more letters are due at this rate.
pub(crate) fn pause_between(rate: u64) -> Duration {
    Duration::from_millis(1_000 / rate.max(1)).max(GLANCE / 10)
}

/// The wait, if nothing may be sent now.
fn blocked(pace: &Pace, signals: &Signals, now: Timestamp) -> Option<Next> {
    if let Some(OpenBreaker { dependency, until }) = &signals.open_breaker {
        let left = until.map_or(Duration::MAX, |until| until.since(now));
        let note = format!("the breaker of `{dependency}` is open: what is sent would wait");
        return Some(Next::Wait {
            time: left.clamp(Duration::from_secs(1), Duration::from_secs(15)),
            note,
        });
    }
    if pace.most_waiting > 0 && signals.waiting >= pace.most_waiting {
        let note =
            format!("{} messages wait in the queue, {} may", signals.waiting, pace.most_waiting);
        return Some(Next::Wait { time: Duration::from_secs(2), note });
    }
    None
}
