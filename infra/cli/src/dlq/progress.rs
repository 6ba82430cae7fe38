//! The progress of a run in one line, and an estimate of the time left.

use std::collections::VecDeque;
use std::time::Duration;

use event::Timestamp;
use serde_json::Value;

use super::report::run::{percent, phase, rate_of_step};
use crate::output::members::{members, number, text};
use crate::output::text::group_digits;
use crate::output::times::format_duration;

/// The period over which the speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// What was seen of a run that is followed.
#[derive(Debug, Default)]
pub(super) struct RunProgress {
    /// The times of earlier answers, and how many letters had been processed at each.
    seen: VecDeque<(Timestamp, u64)>,
}

impl RunProgress {
    /// `[####------]  480 of 1,204 (39 %)  20/s  44 s left  3 came back  ramp: 20 a second, step 3 of 4`.
    pub(super) fn line(&mut self, answer: &Value, width: usize) -> String {
        let run = &answer["run"];
        let (position, size) = (number(&run["position"]), number(&run["letters"]));
        let now = answer["at"].as_str().and_then(|at| at.parse().ok());
        let mut parts = vec![
            bar(position, size, if width < 100 { 10 } else { 24 }),
            format!(
                "{} of {} ({} %)",
                group_digits(position),
                group_digits(size),
                percent(position, size).unwrap_or(100)
            ),
        ];
        if let Some(now) = now {
            parts.extend(
                self.speed(now, position).map(|speed| format!("{}/s", group_digits(speed))),
            );
            parts.extend(time_left(run, now).map(|left| format!("{} left", format_duration(left))));
        }
        let came_back = number(&run["came_back"]);
        if came_back > 0 {
            parts.push(format!("{} came back", group_digits(came_back)));
        }
        let skipped = number(&run["skipped"]);
        if skipped > 0 {
            parts.push(format!("{} left out", group_digits(skipped)));
        }
        let note = text(&run["note"]);
        let state = text(&run["state"]);
        parts.push(match (state.as_str(), note.is_empty()) {
            ("running", true) => phase(run),
            ("running", false) => format!("{}; {note}", phase_word(run)),
            _ => state,
        });
        parts.join("  ")
    }

    /// Letters per second over the last [`WINDOW`].
    fn speed(&mut self, now: Timestamp, position: u64) -> Option<u64> {
        self.seen.push_back((now, position));
        while self.seen.len() > 2 && now.since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        let (since, from) = self.seen.front()?;
        let ms = u64::try_from(now.since(*since).as_millis()).ok()?;
        position.saturating_sub(*from).saturating_mul(1_000).checked_div(ms)
    }
}

fn phase_word(run: &Value) -> String {
    let phase = phase(run);
    phase.split(':').next().unwrap_or_default().to_owned()
}

fn bar(part: u64, of: u64, width: u64) -> String {
    let full = part.min(of).saturating_mul(width).checked_div(of).unwrap_or(width);
    let bar: String = (0..width).map(|at| if at < full { '#' } else { '-' }).collect();
    format!("[{bar}]")
}

/// How long the rest takes at the run's own pace if nothing delays it. `None` if that is not
/// known.
fn time_left(run: &Value, now: Timestamp) -> Option<Duration> {
    let ramp = &run["progress"]["ramp"];
    let since: Timestamp = ramp["since"].as_str()?.parse().ok()?;
    let mut left = number(&run["letters"]).saturating_sub(number(&run["position"]));
    let step = Duration::from_secs(number(&run["pace"]["step_s"]));
    let mut lasts = step.saturating_sub(now.since(since));
    let mut time = Duration::ZERO;
    let first = number(&ramp["step"]);
    for at in first..members(&run["pace"]["rates"]).len() as u64 {
        let rate = rate_of_step(run, at);
        let ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let sent = rate.saturating_mul(ms) / 1_000;
        if sent >= left {
            return Some(time + at_rate(left, rate)?);
        }
        left -= sent;
        time += lasts;
        lasts = step;
    }
    Some(time + at_rate(left, rate_of_step(run, u64::MAX))?)
}

fn at_rate(letters: u64, rate: u64) -> Option<Duration> {
    letters.saturating_mul(1_000).checked_div(rate).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(at: &str, position: u64, progress: Value) -> Value {
        json!({ "at": at, "run": {
            "run": "r", "state": "running", "letters": 1_000, "position": position, "sent": position,
            "skipped": 0, "came_back": 0, "note": null, "progress": progress,
            "pace": { "canary": 10, "rates": [1, 5, 20, 100], "step_s": 15, "most_per_second": 100 },
        } })
    }

    fn ramp(step: u64, since: &str) -> Value {
        json!({ "ramp": { "step": step, "since": since, "position": 10 } })
    }

    #[test]
    fn a_line_tells_how_far_how_fast_and_how_long() {
        let mut followed = RunProgress::default();
        let canary = followed.line(&seen("2026-11-29T03:00:00.000Z", 0, json!("canary")), 80);
        assert_eq!(canary, "[----------]  0 of 1,000 (0 %)  canary: the first 10 are sent");
        let judging = json!({ "judging": { "since": "2026-11-29T03:00:01.000Z" } });
        let mut watched = seen("2026-11-29T03:00:02.000Z", 10, judging);
        watched["run"]["note"] = json!("the first 10 are watched: 4 done, 6 on their way\u{1b}[2J");
        let line = followed.line(&watched, 80);
        let expected = "[----------]  10 of 1,000 (1 %)  5/s  watched; \
                        the first 10 are watched: 4 done, 6 on their way\\u{1b}[2J";
        assert_eq!(line, expected);
        let mut fast = seen("2026-11-29T03:00:20.000Z", 410, ramp(4, "2026-11-29T03:00:15.000Z"));
        fast["run"]["came_back"] = json!(3);
        let line = followed.line(&fast, 80);
        let expected = "[####------]  410 of 1,000 (41 %)  22/s  6 s left  3 came back  full speed: 100 a second";
        assert_eq!(line, expected);
        let wide = followed.line(&fast, 120);
        assert!(wide.starts_with("[#########---------------]  410"), "{wide}");
    }

    #[test]
    fn the_time_left_is_that_of_the_steps_to_come() {
        let now = "2026-11-29T03:00:10.000Z".parse().unwrap();
        let since = "2026-11-29T03:00:00.000Z";
        for (position, step, expected_ms) in [
            // 5 s at 1 a second, 15 s at 5, 15 s at 20, and 610 letters at 100 a second.
            (10, 0, 5_000 + 15_000 + 15_000 + 6_100),
            (996, 0, 4_000),
            (500, 4, 5_000),
        ] {
            let seen = seen("2026-11-29T03:00:10.000Z", position, ramp(step, since));
            assert_eq!(time_left(&seen["run"], now), Some(Duration::from_millis(expected_ms)));
        }
        let mut unlimited = seen("2026-11-29T03:00:10.000Z", 10, ramp(0, since));
        unlimited["run"]["pace"] = json!({ "rates": [], "step_s": 15, "most_per_second": 0 });
        assert_eq!(time_left(&unlimited["run"], now), None);
    }
}
