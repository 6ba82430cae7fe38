//! Answers requests.

use std::collections::BTreeMap;

use contracts::Catalog;
use runtime::{Deadline, Operator, Recorder};
use serde_json::Value;

use crate::config::Route;
use crate::ports::Ports;
use crate::problem::Problem;
use crate::request::{Request, Verb};

/// The function, over any ports.
pub(crate) struct Redrive<P> {
    pub(crate) ports: P,
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) stack: String,
    pub(crate) contracts: Catalog,
    pub(crate) metrics: Recorder,
}

/// Who makes a request, as the audit log records it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) operator: &'a Operator,
    pub(crate) request_id: &'a str,
}

impl<P: Ports> Redrive<P> {
    /// Answers a request. `invocation` is the id of the invocation, which stands for the id of a request that has none.
    ///
    /// # Errors
    /// Why the request is refused.
    pub(crate) async fn answer(
        &self,
        request: Request,
        invocation: &str,
        deadline: &Deadline,
    ) -> Result<Value, Problem> {
        let Request { r#do: verb, operator, request_id } = request;
        let asker =
            Asker { operator: &operator, request_id: request_id.as_deref().unwrap_or(invocation) };
        match verb {
            Verb::List(_) => self.list().await,
            Verb::Groups(asked) => self.groups(&asked.select).await,
            Verb::Letters(asked) => self.letters(&asked).await,
            Verb::Show(asked) => self.show(&asked, asker).await,
            Verb::Export(asked) => self.export(&asked, asker).await,
            Verb::Reconcile(asked) => self.reconcile(&asked).await,
            Verb::Events(asked) => self.events(&asked).await,
            Verb::Plan(asked) => self.plan(asked, asker).await,
            Verb::Redrive(asked) => self.begin(asked, asker).await,
            Verb::Status(asked) => self.status(&asked.run).await,
            Verb::History(_) => self.history().await,
            Verb::Pause(asked) => self.pause(&asked, asker).await,
            Verb::Resume(asked) => self.resume(&asked, asker).await,
            Verb::Cancel(asked) => self.cancel(&asked, asker).await,
            Verb::Stop(asked) => self.stop(&asked.why, asker).await,
            Verb::StartTriage(asked) => self.start_triage(&asked, asker).await,
            Verb::Acknowledge(asked) => self.acknowledge(&asked, asker).await,
            Verb::Mute(asked) => self.mute(&asked, asker).await,
            Verb::Unmute(asked) => self.unmute(&asked, asker).await,
            Verb::Discard(asked) => self.discard(&asked, asker).await,
            Verb::Restore(asked) => self.restore(&asked, asker).await,
            Verb::Release(asked) => self.release(&asked, asker).await,
            Verb::Move(asked) => self.move_all(&asked, asker, deadline).await,
            Verb::Audit(asked) => self.audit_of(&asked).await,
            Verb::Work(asked) => self.work(asked.run.as_ref(), invocation, deadline).await,
        }
    }
}
