//! The clients' own thread, and what any client does: send, receive, delete, ten at a time.
//!
//! Clients cost CPU too, the SDK more than the emulation: on a thread of their own they can be told
//! apart from it.

use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::ledger::Ledger;

/// What the clients' thread is called.
pub(crate) const THREAD: &str = "clients";
/// Clients at once, each with a connection of its own.
pub(crate) const CLIENTS: usize = 4;
/// Messages a call.
pub(crate) const BATCH: usize = 10;

/// A message as received.
pub(crate) struct Taken {
    pub(crate) number: usize,
    pub(crate) handle: String,
}

/// One client with one connection.
pub(crate) trait Caller: Send + 'static {
    /// Sends messages with ten numbers from this on, in one call.
    fn send(&mut self, first: usize) -> impl Future<Output = ()> + Send;
    /// Receives up to ten messages, in one call.
    fn receive(&mut self) -> impl Future<Output = Vec<Taken>> + Send;
    /// Deletes what was received, in one call.
    fn delete(&mut self, taken: Vec<Taken>) -> impl Future<Output = ()> + Send;
}

/// The clients' thread; it ends when this is dropped.
pub(crate) struct Client {
    handle: Handle,
    _open: oneshot::Sender<()>,
}

impl Client {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel::<()>();
        let running = move || {
            // Nothing is ever sent: it ends when the other side is dropped.
            let _ = runtime.block_on(closed);
        };
        thread::Builder::new().name(THREAD.to_owned()).spawn(running).unwrap();
        Self { handle, _open: open }
    }

    /// Where connections are driven.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has each caller send its share of the messages, batch by batch.
    pub(crate) async fn send_all<C: Caller>(&self, callers: Vec<C>, messages: usize) -> Vec<C> {
        let share = messages / BATCH / callers.len() * BATCH;
        let tasks: Vec<_> = callers
            .into_iter()
            .enumerate()
            .map(|(at, mut caller)| {
                self.handle.spawn(async move {
                    for first in (at * share..(at + 1) * share).step_by(BATCH) {
                        caller.send(first).await;
                    }
                    caller
                })
            })
            .collect();
        joined(tasks).await
    }

    /// Has the callers receive and delete until `ledger` has all its messages, or nothing comes.
    pub(crate) async fn take_all<C: Caller>(
        &self,
        callers: Vec<C>,
        ledger: &Arc<Ledger>,
    ) -> Vec<C> {
        let tasks: Vec<_> = callers
            .into_iter()
            .map(|mut caller| {
                let ledger = Arc::clone(ledger);
                self.handle.spawn(async move {
                    while ledger.claim() {
                        let taken = caller.receive().await;
                        ledger.note(&taken);
                        if taken.is_empty() {
                            break;
                        }
                        caller.delete(taken).await;
                    }
                    caller
                })
            })
            .collect();
        joined(tasks).await
    }
}

async fn joined<C>(tasks: Vec<tokio::task::JoinHandle<C>>) -> Vec<C> {
    let mut callers = Vec::new();
    for task in tasks {
        callers.push(task.await.unwrap());
    }
    callers
}
