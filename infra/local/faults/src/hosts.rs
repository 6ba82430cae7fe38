//! What becomes of a request to a service that is not AWS's: a host, by the name that it has here.

use std::time::Duration;

use super::Adversary;
use super::fault::{Fault, Nonsense, Realm};
use super::plan::Rule;

/// As an overloaded server answers.
const DEFAULT_STATUS: u16 = 503;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFate {
    /// Before the request is looked at.
    pub delay: Duration,
    pub trouble: Option<HostTrouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostTrouble {
    /// The connection breaks, and the host has seen nothing.
    Away,
    /// The host has done nothing.
    Failing {
        status: u16,
        /// In seconds.
        retry_after_s: Option<u64>,
    },
    /// The host has done as it was asked.
    Nonsense(Nonsense),
}

impl Adversary {
    /// Of a request to the host of this name.
    pub fn host(&self, name: &str) -> HostFate {
        let stream = || format!("host {name}");
        let fits =
            |rule: &Rule| rule.fault.realm() == Realm::Hosts && (rule.on == "*" || rule.on == name);
        let mut fate = HostFate::default();
        for (struck, mut dice) in self.strikes(stream, fits) {
            let rule = &struck.rule;
            let trouble = match rule.fault {
                Fault::HostSlow => {
                    fate.delay += rule.amount();
                    continue;
                }
                Fault::HostAway => HostTrouble::Away,
                Fault::HostFailing => HostTrouble::Failing {
                    status: rule.status.unwrap_or(DEFAULT_STATUS),
                    retry_after_s: rule
                        .retry_after
                        .map(|span| span.0.as_millis().div_ceil(1_000))
                        .and_then(|seconds| u64::try_from(seconds).ok()),
                },
                Fault::HostNonsense => HostTrouble::Nonsense(rule.answer.unwrap_or_else(|| {
                    let drawn = usize::try_from(dice.below(4)).unwrap_or(0);
                    Nonsense::ALL.get(drawn).copied().unwrap_or(Nonsense::Html)
                })),
                _ => continue,
            };
            fate.trouble.get_or_insert(trouble);
        }
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;
    use clock::Clock;

    fn adversary(rules: &str) -> Adversary {
        let plan = Plan::parse(&format!("seed: 7\nfaults: [{rules}]")).unwrap();
        Adversary::new(Clock::manual(0), &plan)
    }

    #[track_caller]
    fn check(rule: &str, delay_ms: u64, trouble: Option<HostTrouble>) {
        let expected = HostFate { delay: Duration::from_millis(delay_ms), trouble };
        assert_eq!(adversary(rule).host("weather"), expected, "{rule}");
    }

    #[test]
    fn a_host_is_away_slow_failing_or_answers_nonsense_as_its_rules_say() {
        let failing = |status, retry_after_s| Some(HostTrouble::Failing { status, retry_after_s });
        check("{fault: host-away, on: weather}", 0, Some(HostTrouble::Away));
        check("{fault: host-away, on: prices}", 0, None);
        check("{fault: error}", 0, None);
        check("{fault: host-slow}", 2_000, None);
        check("{fault: host-slow, by: 30ms}", 30, None);
        check("{fault: host-failing}", 0, failing(503, None));
        check("{fault: host-failing, status: 429, retry-after: 1500ms}", 0, failing(429, Some(2)));
        let page = Some(HostTrouble::Nonsense(Nonsense::Html));
        check("{fault: host-nonsense, answer: html}, {fault: host-away}", 0, page);
        check(
            "{fault: host-slow, by: 1s}, {fault: host-slow, by: 2s}, {fault: host-failing}",
            3_000,
            failing(503, None),
        );
    }

    #[test]
    fn a_share_of_calls_is_befallen_in_an_order_that_the_seed_decides() {
        let slow = || {
            let adversary = adversary("{fault: host-slow, chance: 0.5}");
            let is_slow = |_: &u32| !adversary.host("weather").delay.is_zero();
            (0..200).filter(is_slow).collect::<Vec<_>>()
        };
        let first = slow();
        assert!((70..130).contains(&first.len()), "{}", first.len());
        assert_eq!(slow(), first);
    }

    #[test]
    fn nonsense_of_any_kind_is_of_every_kind() {
        let adversary = adversary("{fault: host-nonsense}");
        let seen: Vec<_> = (0..100).filter_map(|_| adversary.host("weather").trouble).collect();
        for kind in Nonsense::ALL {
            assert!(seen.contains(&HostTrouble::Nonsense(kind)), "{kind:?}");
        }
    }
}
