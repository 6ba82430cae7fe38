//! The plan of `--adversary SEED`, which injects all faults that AWS's contract allows at the same time.

use super::dice::Dice;
use super::fault::{Fault, Point};
use super::plan::{Plan, Rule};

/// The base chance of each fault of AWS. Most faults are far more frequent than on AWS, but each is rare
/// enough that work gets done in between.
const BASE_CHANCES: &[(Fault, Option<Point>, f64)] = &[
    (Fault::Slow, None, 0.05),
    (Fault::Throttle, None, 0.02),
    (Fault::Error, None, 0.02),
    (Fault::Reset, None, 0.02),
    (Fault::LostAnswer, None, 0.03),
    (Fault::Partial, None, 0.06),
    (Fault::Unlisted, None, 0.03),
    (Fault::Conflict, None, 0.05),
    (Fault::ExpiredCredentials, None, 0.01),
    (Fault::Twice, None, 0.06),
    (Fault::Late, None, 0.10),
    (Fault::Disorder, None, 0.30),
    (Fault::Short, None, 0.20),
    (Fault::Kill, Some(Point::Start), 0.03),
    (Fault::Kill, Some(Point::Taken), 0.03),
    (Fault::Kill, Some(Point::Call), 0.05),
    (Fault::Kill, Some(Point::Answer), 0.03),
    (Fault::ClockSkew, None, 0.50),
];

impl Plan {
    /// Creates a storm. The seed decides the chance of each fault, from half to twice its base chance.
    #[must_use]
    pub fn storm(seed: u64) -> Self {
        let mut rules = Vec::new();
        for (number, &(fault, at, base_chance)) in (0..).zip(BASE_CHANCES) {
            let percent = 50 + Dice::new(seed, "storm", number).below(151);
            #[expect(clippy::cast_precision_loss, reason = "at most 200")]
            let chance = (base_chance * percent as f64 / 100.0).min(1.0);
            rules.push(Rule { at, chance, ..Rule::new(fault) });
        }
        Self { seed, rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_has_every_fault_and_every_point_of_death() {
        let storm = Plan::storm(7);
        let shown = serde_json::to_string(&storm.rules).unwrap();
        for name in [
            "throttle",
            "error",
            "reset",
            "lost-answer",
            "slow",
            "partial",
            "unlisted",
            "conflict",
            "expired-credentials",
            "twice",
            "late",
            "disorder",
            "short",
            "clock-skew",
            "start",
            "taken",
            "call",
            "answer",
        ] {
            assert!(shown.contains(&format!("\"{name}\"")), "{name} is not in {shown}");
        }
        assert_eq!(storm, Plan::storm(7));
        assert_ne!(storm.rules, Plan::storm(8).rules);
        let text = serde_json::json!({"seed": 7, "faults": storm.rules}).to_string();
        assert_eq!(Plan::parse(&text), Ok(storm));
    }
}
