//! Where a case runs, how time passes there, and what the result was.
//!
//! A case asks its `World` for names, clients and time, and does not know which service it runs
//! against. Our services are started for each case, with a clock that stands still until the case
//! advances it. Another service is shared by all cases: each case uses names of its own, and time
//! is real. A case that needs more time than the user allows is skipped, and the report says so.

use std::any::Any;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_http_client::{Builder, tls};
use clock::Clock;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// How long a case may take, without its waits, and how long the deletion of its resources may
/// take.
const LIMIT: Duration = Duration::from_secs(30);
/// What is added to each wait in real time, so that whole seconds have certainly passed.
const SLACK: Duration = Duration::from_millis(150);

pub(crate) struct Case {
    pub(crate) path: &'static str,
    pub(crate) run: fn(Place) -> LocalBoxFuture<'static, Outcome>,
}

impl Case {
    /// A path such as `sqs::messages::a_message_expires`.
    pub(crate) fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }
}

/// Lists the cases of a module. The compiler reports a case that is not listed as dead code.
macro_rules! cases {
    ($world:ty: $($name:ident),+ $(,)?) => {
        pub(crate) fn cases() -> Vec<$crate::rig::Case> {
            vec![$($crate::rig::Case {
                path: concat!(module_path!(), "::", stringify!($name)),
                run: |place| Box::pin($crate::rig::run(place, async |world: &$world| {
                    $name(world).await;
                })),
            }),+]
        }
    };
}
pub(crate) use cases;

#[derive(Clone)]
pub(crate) enum Place {
    /// This project's services, started for the case.
    Ours,
    There(Arc<There>),
}

/// A service that is already running.
pub(crate) struct There {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) patience: Duration,
    /// The beginning of all names that this run creates.
    pub(crate) run: String,
    pub(crate) named: AtomicU64,
}

impl There {
    /// A prefix for names that no other case uses.
    pub(crate) fn prefix(&self) -> String {
        format!("conf-{}-{}-", self.run, self.named.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn credentials(&self) -> aws_sdk_sqs::config::Credentials {
        let (key, secret) = (self.key.clone(), self.secret.clone());
        aws_sdk_sqs::config::Credentials::new(key, secret, self.token.clone(), None, "given")
    }

    pub(crate) fn http(&self) -> aws_sdk_sqs::config::SharedHttpClient {
        if self.endpoint.starts_with("http://") {
            return Builder::new().build_http();
        }
        let ring = tls::rustls_provider::CryptoMode::Ring;
        Builder::new().tls_provider(tls::Provider::Rustls(ring)).build_https()
    }
}

pub(crate) enum Outcome {
    Holds,
    Differs(String),
    Skipped(String),
}

/// One service with a client, for one case.
pub(crate) trait World: Sized {
    async fn start(place: &Place) -> Self;

    /// Deletes what the case created, if the service keeps it.
    async fn clean_up(&self);
}

/// How a case lets time pass.
pub(crate) enum Time {
    Manual(Clock),
    Real { patience: Duration, passed: Cell<Duration> },
}

impl Time {
    pub(crate) fn of(place: &Place) -> Self {
        match place {
            Place::Ours => Self::Manual(Clock::manual(START_MS)),
            Place::There(there) => Self::Real { patience: there.patience, passed: Cell::default() },
        }
    }

    /// Lets this many seconds pass. Skips the case if that would take too long.
    pub(crate) async fn pass(&self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        match self {
            Self::Manual(clock) => clock.advance(by),
            Self::Real { patience, passed } => {
                passed.set(passed.get() + by);
                if passed.get() > *patience {
                    skip(&format!("needs {} s or more of patience", passed.get().as_secs()));
                }
                tokio::time::sleep(by + SLACK).await;
            }
        }
    }

    /// Waits a moment for an effect that takes time on other services.
    pub(crate) async fn a_while() {
        tokio::time::sleep(SLACK).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            Self::Manual(clock) => clock.now_ms(),
            Self::Real { .. } => Clock::system().now_ms(),
        }
    }
}

struct Skip(String);

/// Ends a case that does not apply to this service, or that would take too long.
pub(crate) fn skip(why: &str) -> ! {
    std::panic::panic_any(Skip(why.to_owned()))
}

/// Runs a case in its own world. A service that does not answer in time differs.
pub(crate) async fn run<W: World>(place: Place, case: impl AsyncFnOnce(&W)) -> Outcome {
    let limit = match &place {
        Place::Ours => Duration::MAX,
        Place::There(there) => LIMIT + there.patience,
    };
    let starting = AssertUnwindSafe(W::start(&place)).catch_unwind();
    let starting = tokio::time::timeout(limit, starting).await;
    let world = match starting {
        Ok(Ok(world)) => world,
        Ok(Err(panic)) => return outcome(panic),
        Err(_) => return too_long(limit),
    };
    let done = AssertUnwindSafe(case(&world)).catch_unwind();
    let done = tokio::time::timeout(limit, done).await;
    // Errors are ignored here, because the result of the case is already known.
    let clean_up = AssertUnwindSafe(world.clean_up()).catch_unwind();
    drop(tokio::time::timeout(LIMIT, clean_up).await);
    match done {
        Ok(Ok(())) => Outcome::Holds,
        Ok(Err(panic)) => outcome(panic),
        Err(_) => too_long(limit),
    }
}

fn too_long(limit: Duration) -> Outcome {
    Outcome::Differs(format!("it had not ended after {} s", limit.as_secs()))
}

fn outcome(panic: Box<dyn Any + Send>) -> Outcome {
    match panic.downcast::<Skip>() {
        Ok(skip) => Outcome::Skipped(skip.0),
        Err(panic) => Outcome::Differs(match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => (*panic.downcast_ref::<&str>().unwrap_or(&"it panicked")).to_string(),
        }),
    }
}
