//! A running function, and the CPU time of its rounds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::host::Host;
use crate::process::cpu_ns;

pub(crate) struct Side {
    pub(crate) host: Host,
    begun_ns: u64,
    events: u32,
    /// Per event, of each round.
    pub(crate) cpu_ms: Vec<f64>,
}

impl Side {
    pub(crate) async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Self {
        let host = Host::start(binary, variables).await;
        Self { host, begun_ns: 0, events: 0, cpu_ms: Vec::new() }
    }

    pub(crate) fn begin(&mut self) {
        self.begun_ns = cpu_ns(self.host.pid());
        self.events = 0;
    }

    pub(crate) fn end(&mut self) {
        let spent = Duration::from_nanos(cpu_ns(self.host.pid()) - self.begun_ns);
        self.cpu_ms.push(spent.as_secs_f64() * 1e3 / f64::from(self.events));
    }

    /// Has it work on so many events.
    pub(crate) async fn invoke(&mut self, events: usize, event: Bytes) -> Value {
        self.events += u32::try_from(events).unwrap();
        self.host.invoke(event).await
    }

    /// As [`Side::invoke`], for a batch of which nothing is left to be tried again.
    pub(crate) async fn work_off(&mut self, events: usize, event: Bytes) {
        let answer = self.invoke(events, event).await;
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    }
}
