//! Catches panics, each with the place in the code where it began.
//!
//! Only the panic hook learns the place of a panic, and the hook knows nothing of records. It runs on the thread that
//! panics, before the stack is unwound, and stores the place for that thread. The code that catches the panic takes the
//! place in the same poll, before the future of any other record is polled.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use event::Failure;

thread_local! {
    /// Where the last panic of this thread began.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked {
    /// The place, such as `functions/sink/src/write.rs:12:34`; see [`place_in_code`]. `None` if no hook stored it, or
    /// if the panic began on another thread.
    pub(crate) place: Option<String>,
}

impl Panicked {
    /// The failure with the place, if there is one.
    pub(crate) fn locate(self, failure: Failure) -> Failure {
        match self.place {
            Some(place) => failure.at(place),
            None => failure,
        }
    }
}

/// Stores the place of a panic for its thread. It is for the panic hook, which logs the place too. The message is not
/// stored, because it could quote a payload.
pub(crate) fn note_place(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(place_in_code).unwrap_or_default();
    PLACE.with_borrow_mut(|last| *last = Some(place.clone()));
    place
}

/// The output of the future, or that it panicked. The future is not polled again after a panic.
pub(crate) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // A place may be left of a panic that other code caught.
        PLACE.take();
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_message) => Poll::Ready(Err(Panicked { place: PLACE.take() })),
        }
    })
    .await
}

/// File, line and column. The file of a dependency begins with the dependency's name and version, and that of the
/// standard library with `library`. The folder in which a machine keeps them is left out, because it differs between
/// machines.
fn place_in_code(location: &Location<'_>) -> String {
    let file = location.file();
    let of_dependency = file.split_once("/registry/src/").map(|(_, rest)| rest);
    let of_std = file.strip_prefix("/rustc/");
    let short = match of_dependency.or(of_std).and_then(|rest| rest.split_once('/')) {
        Some((_registry_or_commit, path)) => path,
        None => file.trim_start_matches('/'),
    };
    format!("{short}:{}:{}", location.line(), location.column())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Once;

    use super::*;

    /// Installs a panic hook as [`init_logs`](crate::init_logs) does, in addition to the test harness's. All tests
    /// share one hook.
    pub(crate) fn note_places() {
        static NOTED: Once = Once::new();
        NOTED.call_once(|| {
            let harness = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                note_place(panic);
                harness(panic);
            }));
        });
    }

    async fn panics_after(yields: usize, here: bool) {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if here {
            panic!("one");
        }
        panic!("other");
    }

    fn line_of(result: Result<(), Panicked>) -> u32 {
        let place = result.unwrap_err().place.unwrap();
        let (file, line) = place.split_once(".rs:").unwrap();
        assert_eq!(file, "shared/runtime/src/panics");
        line.split_once(':').unwrap().0.parse().unwrap()
    }

    /// Both futures have begun their work when the first one panics.
    #[tokio::test]
    async fn each_of_several_at_once_has_its_own_place() {
        note_places();
        let first = line_of(catch_panic(panics_after(0, true)).await);
        let second = line_of(catch_panic(panics_after(0, false)).await);
        assert_ne!(first, second);
        for yields in 0..4 {
            let (one, other) = futures_util::join!(
                catch_panic(panics_after(yields, true)),
                catch_panic(panics_after(3 - yields, false)),
            );
            assert_eq!((line_of(one), line_of(other)), (first, second), "{yields}");
        }
    }

    #[tokio::test]
    async fn a_panic_that_began_elsewhere_has_no_place() {
        note_places();
        let resumed = async {
            // This panic is caught by code that does not take its place.
            assert!(catch_unwind(|| panic!("another")).is_err());
            tokio::task::yield_now().await;
            std::panic::resume_unwind(Box::new(()));
        };
        assert_eq!(catch_panic(resumed).await, Err(Panicked { place: None }));
        assert_eq!(catch_panic(async { 7 }).await, Ok(7));
    }
}
