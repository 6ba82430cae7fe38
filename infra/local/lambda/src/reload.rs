//! Replaces the environments of a function when its binary or a layer changes on disk.
//!
//! Lambda does this when new code is deployed; here, `cargo build` in another terminal is the
//! deployment. Idle environments end at once. Busy ones finish their invocation and are not used again.

use std::path::Path;
use std::sync::{Arc, Weak};

use super::binary_file::{INTERVAL, file_stamp};
use super::logs::{LogLine, Origin};
use super::pool::{Pool, ReplacedEnvironments};
use super::{Inner, Lambda, LogSink};

/// Watches the binaries of all functions until the service is dropped.
pub(super) async fn watch_binaries(inner: Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let lambda = Lambda { inner: strong };
        let shared = lambda.inner.shared.clone();
        let pools = lambda.pools();
        drop(lambda);
        for pool in &pools {
            let path = shared.config.binary(pool.function());
            let seen = file_stamp(tokio::fs::metadata(path).await);
            if pool.watcher().check(seen) {
                replace(pool, &pool.function().binary, shared.sink.as_ref());
            }
        }
        drop(pools);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = shared.wait_until_closing() => return,
        }
    }
}

/// Replaces the environments of the functions that use a layer. `name` is how the log lines call it. A function
/// without an environment has nothing to say.
pub(super) fn replace_users(pools: &[Arc<Pool>], layer: &Path, name: &str, sink: &dyn LogSink) {
    for pool in pools {
        if pool.function().layers.iter().any(|used| used == layer) && pool.has_environments() {
            replace(pool, name, sink);
        }
    }
}

fn replace(pool: &Pool, changed: &str, sink: &dyn LogSink) {
    let ReplacedEnvironments { ended, busy } = pool.replace_all();
    let text = format!(
        "RELOAD {changed} has changed: {ended} idle environments ended, {busy} end after their invocation"
    );
    let function = &pool.function().name;
    let origin = Origin::Platform;
    sink.line(&LogLine { function, stream: "", request_id: None, origin, text: &text });
}
