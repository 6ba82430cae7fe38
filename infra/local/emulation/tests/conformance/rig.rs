//! Where a case runs, how time passes there, and what became of it.
//!
//! A case knows none of this: it asks its world for names, for clients and for time. Ours is made
//! for each case, on a clock that stands still until the case moves it. Another service is shared by
//! all cases, so names are the case's own, and time is real: a case that needs more of it than the
//! user's patience is skipped, and says so.

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
/// What a service has to answer a whole case, its waits aside, and to lose what the case made.
const LIMIT: Duration = Duration::from_secs(30);
/// Real time is waited for with this much more, so that whole seconds have surely passed.
const SLACK: Duration = Duration::from_millis(150);

pub(crate) struct Case {
    pub(crate) path: &'static str,
    pub(crate) run: fn(Place) -> LocalBoxFuture<'static, Outcome>,
}

impl Case {
    /// `sqs::messages::a_message_expires`.
    pub(crate) fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }
}

/// Lists the cases of a module; one that is not listed is dead code, and the compiler says so.
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
    /// This project's services, made for the case.
    Ours,
    There(Arc<There>),
}

/// A service that runs already.
pub(crate) struct There {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) patience: Duration,
    /// Begins every name that this run makes.
    pub(crate) run: String,
    pub(crate) named: AtomicU64,
}

impl There {
    /// A prefix that no other case has.
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

    /// Deletes what the case made, where it would stay.
    async fn clean_up(&self);
}

/// How time passes for a case.
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

    /// Lets so many seconds pass, or gives up the case where that would take too long.
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

    /// Waits for what becomes so by itself, elsewhere.
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

/// Ends the case: it cannot be asked of this service, or not in this time.
pub(crate) fn skip(why: &str) -> ! {
    std::panic::panic_any(Skip(why.to_owned()))
}

/// Runs a case in a world of its own; a service that hangs is one that differs.
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
    // What cannot be deleted stays: the case has been told already.
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
