//! Collects the measurements of an invocation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::emf::{Group, write_line};
use crate::values::Values;
use crate::{Dimensions, Metric};

/// A time as the value of a distribution.
#[must_use]
pub fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Collects measurements until they are taken. A clone adds to the same collection.
#[derive(Clone, Debug)]
pub struct Recorder {
    namespace: Arc<str>,
    recorded: Arc<Mutex<BTreeMap<Dimensions, Recorded>>>,
}

/// The measurements of one set of dimensions.
#[derive(Debug, Default)]
struct Recorded {
    counts: BTreeMap<Metric, u64>,
    values: BTreeMap<Metric, Values>,
}

impl Recorder {
    /// A recorder for metrics of this namespace, of which CloudWatch allows 1 to 255 characters.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.into(), recorded: Arc::default() }
    }

    /// Adds to one count.
    pub fn add(&self, dimensions: &Dimensions, metric: Metric, count: u64) {
        self.record(dimensions, &[(metric, count)], &[]);
    }

    /// Adds to counts, and one value each to distributions. A count of zero adds nothing, and a metric that is never
    /// more than zero is not written.
    pub fn record(
        &self,
        dimensions: &Dimensions,
        counts: &[(Metric, u64)],
        values: &[(Metric, u64)],
    ) {
        if values.is_empty() && counts.iter().all(|(_, count)| *count == 0) {
            return;
        }
        for (metric, _) in counts.iter().chain(values) {
            debug_assert_eq!(metric.dimensions(), dimensions.names(), "{metric:?}");
        }
        let mut recorded = self.locked();
        let group = match recorded.get_mut(dimensions) {
            Some(group) => group,
            None => recorded.entry(dimensions.clone()).or_default(),
        };
        for (metric, count) in counts.iter().filter(|(_, count)| *count > 0) {
            *group.counts.entry(*metric).or_default() += count;
        }
        for (metric, value) in values {
            group.values.entry(*metric).or_default().add(*value);
        }
    }

    /// Takes what was recorded, as lines of the embedded metric format: one for each set of dimensions. A distribution
    /// of more than 100 different values takes another line for each further 100. `at_unix_ms` is the time of all of
    /// them.
    #[must_use]
    pub fn take_lines(&self, at_unix_ms: i64) -> Vec<String> {
        let recorded = std::mem::take(&mut *self.locked());
        let mut lines = Vec::with_capacity(recorded.len());
        for (dimensions, Recorded { counts, values }) in recorded {
            let mut parts = Vec::with_capacity(values.len());
            for (metric, values) in values {
                parts.push((metric, values.into_parts().into_iter()));
            }
            let mut counts = counts;
            loop {
                let mut distributions = Vec::with_capacity(parts.len());
                for (metric, parts) in &mut parts {
                    distributions.extend(parts.next().map(|part| (*metric, part)));
                }
                if counts.is_empty() && distributions.is_empty() {
                    break;
                }
                let counts: Vec<(Metric, u64)> = std::mem::take(&mut counts).into_iter().collect();
                let group = Group { dimensions: &dimensions, counts, distributions };
                lines.push(write_line(&self.namespace, at_unix_ms, &group));
            }
        }
        lines
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Dimensions, Recorded>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
