//! How fast a run goes: a few letters first, and on only if they did well; then more and more a second; and no
//! further where too many come back.
//!
//! ```text
//!   canary ──sent──> judging ──well──> ramp: 1, 5, 20, 100 a second … each for a while, then as fast as may be
//!                       └──came back──> paused, with its reason
//! ```

use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Run;

/// How fast a run may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// So many letters go first; with 0 there is no canary.
    pub canary: u64,
    /// For how long it is waited for what becomes of the canary, in seconds. What nobody knows of then pauses the run.
    pub canary_patience_s: u64,
    /// Letters a second, step after step.
    pub rates: Vec<u64>,
    /// How long each of them lasts, in seconds.
    pub step_s: u64,
    /// Letters a second after the last step; 0 is as fast as can be.
    pub most_per_second: u64,
    /// The run stops itself once more than so many percent of what it sent have come back, and at least
    /// `stop_at_least`.
    pub stop_percent: u64,
    pub stop_at_least: u64,
    /// No more is sent while so many messages wait in the queue that letters go to; 0 is any number.
    pub most_waiting: u64,
}

/// As an operator gets it who says nothing: a hundred thousand letters take 20 minutes.
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
    /// Letters a second at a step; 0 is as fast as can be.
    pub(crate) fn rate(&self, step: usize) -> u64 {
        match (self.rates.get(step), self.most_per_second) {
            (Some(rate), 0) => *rate,
            (Some(rate), most) => (*rate).min(most),
            (None, most) => most,
        }
    }

    /// Everything at once: what a script asks for that knows what it does.
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
    Canary,
    /// The canary is sent, and it is not known what became of it.
    Judging {
        since: Timestamp,
    },
    /// At a step of the rates, from when on, and how many had been gone through then.
    Ramp {
        step: usize,
        since: Timestamp,
        position: u64,
    },
}

/// What a run can know before it sends more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How many letters were sent, and how many failed again, since an operator let the run go on last.
    pub sent: u64,
    pub came_back: u64,
    /// What became of the canary, while it is judged.
    pub canary: CanarySeen,
    /// How many messages wait in the queue that letters go to.
    pub waiting: u64,
    /// The dependency whose breaker is open, and until when: what is sent would wait.
    pub open_breaker: Option<(String, Option<Timestamp>)>,
}

/// What is known of the canary's letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CanarySeen {
    /// All that they were to lead to is done.
    pub done: u64,
    /// Neither is known of them: still on their way.
    pub on_their_way: u64,
}

/// What a run does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// So many letters at most.
    Send(u64),
    /// Nothing for so long, and why.
    Wait { time: Duration, note: String },
    /// Nothing until an operator says so, and why.
    Pause { note: String },
}

/// The most that a part of the plan has: what is claimed and not counted, if a worker crashes, is no more.
pub const MOST_LETTERS_IN_PART: u64 = 500;

/// How often is looked again where something has to become known.
const GLANCE: Duration = Duration::from_millis(500);

impl Progress {
    #[must_use]
    pub fn begin(pace: &Pace, now: Timestamp) -> Self {
        match pace.canary {
            0 => Self::Ramp { step: 0, since: now, position: 0 },
            _ => Self::Canary,
        }
    }

    /// Where it is once an operator lets it go on: what the canary told is known to him, and the rates begin at their
    /// first step.
    #[must_use]
    pub fn resumed(self, run: &Run, now: Timestamp) -> Self {
        match self {
            Self::Canary => self,
            Self::Judging { .. } | Self::Ramp { .. } => {
                Self::Ramp { step: 0, since: now, position: run.position }
            }
        }
    }

    /// What comes next, and where the run is then.
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

/// Why the run stops itself, if it does.
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
        // What was not sent meanwhile is not made up for.
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
        // What an environment that was frozen could have sent is not sent at once.
        letters => Next::Send(letters.min(rate).min(MOST_LETTERS_IN_PART)),
    };
    (here, next)
}

/// How long it is waited, once all that is due is sent, until more is.
pub(crate) fn pause_between(rate: u64) -> Duration {
    Duration::from_millis(1_000 / rate.max(1)).max(GLANCE / 10)
}

/// Why nothing is sent now, if nothing is.
fn blocked(pace: &Pace, signals: &Signals, now: Timestamp) -> Option<Next> {
    if let Some((dependency, until)) = &signals.open_breaker {
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
