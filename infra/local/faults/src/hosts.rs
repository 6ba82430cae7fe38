//! The decisions about requests to services other than AWS's, which rules call hosts.

use std::time::Duration;

use super::Adversary;
use super::fault::{Fault, FaultTarget, Nonsense};

/// The status that an overloaded server answers.
const DEFAULT_STATUS: u16 = 503;

/// The faults of one request to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFaults {
    /// How long the request is delayed.
    pub delay: Duration,
    /// What else happens to it.
    pub fault: Option<HostFault>,
}

/// What happens to a request to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFault {
    /// The connection is closed, and the host does not see the request.
    Away,
    /// The request is answered with an error, and the host does not see it.
    Failing {
        /// The HTTP status.
        status: u16,
        /// The value of `Retry-After`, in seconds.
        retry_after_s: Option<u64>,
    },
    /// The host handles the request, and the answer is replaced by an unreadable one.
    Nonsense(Nonsense),
}

impl Adversary {
    /// Decides the faults of a request to the host with this name.
    pub fn host_faults(&self, name: &str) -> HostFaults {
        let drawn = self.draw_faults(
            || format!("host {name}"),
            |rule| rule.fault.target() == FaultTarget::Hosts && (rule.on == "*" || rule.on == name),
        );
        let mut faults = HostFaults::default();
        for (active, mut dice) in drawn {
            let rule = &active.rule;
            let fault = match rule.fault {
                Fault::HostSlow => {
                    faults.delay += rule.amount();
                    continue;
                }
                Fault::HostAway => HostFault::Away,
                Fault::HostFailing => HostFault::Failing {
                    status: rule.status.unwrap_or(DEFAULT_STATUS),
                    retry_after_s: rule
                        .retry_after
                        .map(|span| span.0.as_millis().div_ceil(1_000))
                        .and_then(|seconds| u64::try_from(seconds).ok()),
                },
                Fault::HostNonsense => HostFault::Nonsense(rule.answer.unwrap_or_else(|| {
                    let drawn = usize::try_from(dice.below(4)).unwrap_or(0);
                    Nonsense::ALL.get(drawn).copied().unwrap_or(Nonsense::Html)
                })),
                _ => continue,
            };
            faults.fault.get_or_insert(fault);
        }
        faults
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
    fn check(rule: &str, delay_ms: u64, fault: Option<HostFault>) {
        let expected = HostFaults { delay: Duration::from_millis(delay_ms), fault };
        assert_eq!(adversary(rule).host_faults("weather"), expected, "{rule}");
    }

    #[test]
    fn a_host_is_away_slow_failing_or_answers_nonsense_as_its_rules_say() {
        let unavailable = Some(HostFault::Failing { status: 503, retry_after_s: None });
        let too_many = Some(HostFault::Failing { status: 429, retry_after_s: Some(2) });
        check("{fault: host-away, on: weather}", 0, Some(HostFault::Away));
        check("{fault: host-away, on: prices}", 0, None);
        check("{fault: error}", 0, None);
        check("{fault: host-slow}", 2_000, None);
        check("{fault: host-slow, by: 30ms}", 30, None);
        check("{fault: host-failing}", 0, unavailable);
        check("{fault: host-failing, status: 429, retry-after: 1500ms}", 0, too_many);
        let page = Some(HostFault::Nonsense(Nonsense::Html));
        check("{fault: host-nonsense, answer: html}, {fault: host-away}", 0, page);
        check(
            "{fault: host-slow, by: 1s}, {fault: host-slow, by: 2s}, {fault: host-failing}",
            3_000,
            unavailable,
        );
    }

    #[test]
    fn a_share_of_calls_is_befallen_in_an_order_that_the_seed_decides() {
        let first = slow_calls();
        assert!((70..130).contains(&first.len()), "{}", first.len());
        assert_eq!(slow_calls(), first);
    }

    /// Those of 200 calls that are slow if half of them should be.
    fn slow_calls() -> Vec<u32> {
        let adversary = adversary("{fault: host-slow, chance: 0.5}");
        let mut slow = Vec::new();
        for call in 0..200 {
            if !adversary.host_faults("weather").delay.is_zero() {
                slow.push(call);
            }
        }
        slow
    }

    #[test]
    fn nonsense_of_any_kind_is_of_every_kind() {
        let adversary = adversary("{fault: host-nonsense}");
        let seen: Vec<_> =
            (0..100).filter_map(|_| adversary.host_faults("weather").fault).collect();
        for kind in Nonsense::ALL {
            assert!(seen.contains(&HostFault::Nonsense(kind)), "{kind:?}");
        }
    }
}
