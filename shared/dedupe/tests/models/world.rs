//! What the models share: workers, the network between them and the store, and its faults.
//!
//! A call is answered, or it fails for its caller and arrives later: at once (its answer was lost), after other calls,
//! or never. A worker that crashes forgets everything, and its calls may still arrive.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::io::Write as _;

use event::{Code, Failure};
use sluicegate_dedupe::Owner;
use stateright::{Checker, HasDiscoveries, Model};

/// How often each kind of fault may still happen. The limits keep the number of states finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) delays: u8,
    /// How many leases may end while their owner is at work.
    pub(crate) early_ends: u8,
}

/// A delivery: its key and its payload.
pub(crate) type Delivery = (u8, u8);

/// A consumer of one batch. The batch is delivered again until nothing of it is left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Worker<R, C, A> {
    /// The deliveries that are not acknowledged.
    pub(crate) left: Vec<Delivery>,
    pub(crate) run: Option<Run<R, C, A>>,
}

/// An invocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Run<R, C, A> {
    pub(crate) rounds: R,
    pub(crate) calls: Vec<C>,
    /// The answer to each call, once there is one.
    pub(crate) answers: Vec<Option<A>>,
}

impl<R, C, A> Worker<R, C, A> {
    pub(crate) fn new(left: &[Delivery]) -> Self {
        Self { left: left.to_vec(), run: None }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left.is_empty() && self.run.is_none()
    }
}

impl<R, C: Clone, A: Clone> Run<R, C, A> {
    pub(crate) fn new(rounds: R, calls: Vec<C>) -> Self {
        let answers = vec![None; calls.len()];
        Self { rounds, calls, answers }
    }

    /// The calls that have no answer yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.calls.len()).filter(|&at| self.answers[at].is_none()).collect()
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    pub(crate) fn take_answers(&mut self) -> Vec<A> {
        std::mem::take(&mut self.answers).into_iter().flatten().collect()
    }
}

/// What can happen next. After the last answer of a round, its worker goes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A batch is delivered to its worker.
    Start {
        worker: usize,
    },
    /// A call takes effect and is answered. By the caller's clock, the leases of others have ended or not.
    Serve {
        worker: usize,
        call: usize,
        leases_ended: bool,
    },
    /// A call fails for its caller, and arrives later or never.
    Delay {
        worker: usize,
        call: usize,
    },
    /// A late call arrives.
    Arrive {
        late: usize,
    },
    Crash {
        worker: usize,
    },
}

/// All steps that can happen next, while no lease has ended.
pub(crate) fn steps<R, C: Clone, A: Clone>(
    workers: &[Worker<R, C, A>],
    late: usize,
    faults: Faults,
) -> Vec<Step> {
    let mut steps: Vec<Step> = (0..late).map(|late| Step::Arrive { late }).collect();
    for (worker, state) in workers.iter().enumerate() {
        let Some(run) = &state.run else {
            steps.extend((!state.left.is_empty()).then_some(Step::Start { worker }));
            continue;
        };
        for call in run.open() {
            steps.push(Step::Serve { worker, call, leases_ended: false });
            steps.extend((faults.delays > 0).then_some(Step::Delay { worker, call }));
        }
        steps.extend((faults.crashes > 0).then_some(Step::Crash { worker }));
    }
    steps
}

/// An owner whose name is nowhere in the world, so that it is as good as one that was never used.
pub(crate) fn new_owner(worker: usize, world: &impl Debug) -> Owner {
    let world = format!("{world:?}");
    let mut names = (0..).map(|attempt| format!("{worker}.{attempt}"));
    let name = names.find(|name| !world.contains(&format!("{name:?}")));
    Owner::from(name.unwrap_or_else(|| unreachable!("names do not end")))
}

pub(crate) fn lost() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "no answer in time")
}

/// The keys of all batches, each once.
pub(crate) fn keys_of(batches: &[Vec<Delivery>]) -> impl Iterator<Item = u8> + use<> {
    let keys: BTreeSet<u8> = batches.iter().flatten().map(|(key, _)| *key).collect();
    keys.into_iter()
}

/// Goes through each reachable state. Panics with the steps to the first state that breaks a property.
pub(crate) fn check_holds<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let checked = model.checker().threads(2).spawn_bfs().join();
    // The text is shown with `--nocapture`.
    let text = format!("{name}: {} states\n", checked.unique_state_count());
    let _ = std::io::stdout().write_all(text.as_bytes());
    checked.assert_properties();
}

/// Checks that some reachable state breaks this property.
#[track_caller]
pub(crate) fn check_is_found<M>(model: &M, property: &'static str)
where
    M: Model + Clone + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = model.clone().checker().finish_when(found).threads(2);
    let checked = checker.spawn_bfs().join();
    assert!(checked.discovery(property).is_some(), "went unnoticed: {model:?}");
}
