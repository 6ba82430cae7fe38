//! The stages that events pass at ten to a batch, one after the other: what ours passes on is what the
//! next one is measured with.

use std::path::Path;
use std::time::Duration;

use sluicegate_tests::World;

use crate::Plan;
use crate::events::ATTRIBUTES;
use crate::invocation::Messages;
use crate::side::Side;
use crate::table::{Budget, Table};
use crate::twins::Twins;

/// A stage, as the template names its parts.
struct Stage {
    name: &'static str,
    function: &'static str,
    /// Where its events come from.
    input: &'static str,
    /// Where it passes each of them on to.
    outputs: &'static [&'static str],
    attributes: &'static [(&'static str, &'static str)],
}

const STAGES: &[Stage] = &[
    Stage {
        name: "ingest",
        function: "IngestFunction",
        input: "Inbox",
        outputs: &["EnrichQueue"],
        attributes: &[("dataset", "flights")],
    },
    Stage {
        name: "enrich",
        function: "EnrichFunction",
        input: "EnrichQueue",
        outputs: &["SinkQueue", "LakeQueue"],
        attributes: &[],
    },
    Stage {
        name: "sink",
        function: "SinkFunction",
        input: "SinkQueue",
        outputs: &[],
        attributes: &[],
    },
];

/// It takes what the others do not: observations of the weather.
const DELIVER: Stage = Stage {
    name: "deliver",
    function: "DeliverFunction",
    input: "DeliverQueue",
    outputs: &[],
    attributes: ATTRIBUTES,
};

/// What is sent to the first stage, and to deliver.
pub(crate) struct Input {
    pub(crate) flights: Vec<String>,
    pub(crate) observations: Vec<String>,
}

/// All stages, or those up to `last_stage`.
pub(crate) async fn run(
    world: &World,
    folder: &Path,
    plan: &Plan,
    Input { flights, observations }: Input,
    last_stage: Option<&str>,
    table: &mut Table,
) {
    let mut bodies = flights;
    for stage in STAGES {
        let passed_on = measure(world, folder, plan, stage, &bodies, table).await;
        if last_stage == Some(stage.name) {
            return;
        }
        bodies = passed_on;
    }
    measure(world, folder, plan, &DELIVER, &observations, table).await;
}

/// Answers what ours passed on.
async fn measure(
    world: &World,
    folder: &Path,
    plan: &Plan,
    stage: &Stage,
    bodies: &[String],
    table: &mut Table,
) -> Vec<String> {
    let twins = Twins::new(world, folder, stage.name, stage.function, stage.name, &[]);
    twins.starts(plan.starts, table).await;
    let messages = Messages::of(world, stage.input, stage.attributes);
    let (mut ours, mut bare) = (twins.ours().await, twins.bare().await);
    let mut passed_on = Vec::new();
    let mut batches = bodies.chunks(10);
    for batch in batches.by_ref().take(plan.warm_up) {
        passed_on.extend(work_off(&mut ours, world, stage, &messages, batch).await);
        work_off(&mut bare, world, stage, &messages, batch).await;
    }
    for _ in 0..plan.rounds {
        ours.begin();
        bare.begin();
        for batch in batches.by_ref().take(plan.batches) {
            passed_on.extend(work_off(&mut ours, world, stage, &messages, batch).await);
            work_off(&mut bare, world, stage, &messages, batch).await;
        }
        ours.end();
        bare.end();
    }
    twins.cpu("", &mut ours, &mut bare, table);
    twins.memory("", &ours, &bare, Budget::Below(16.0), table);
    twins.sizes(5.0, table);
    twins.calls(world, "10 events", plan.all_batches(), table);
    passed_on
}

/// Has a batch worked off, and answers what was passed on.
async fn work_off(
    side: &mut Side,
    world: &World,
    stage: &Stage,
    messages: &Messages,
    batch: &[String],
) -> Vec<String> {
    side.work_off(batch.len(), messages.event(batch)).await;
    let mut passed_on = Vec::new();
    for output in stage.outputs {
        passed_on = drain(world, output).await;
        assert_eq!(passed_on.len(), batch.len(), "{} passes on what it gets", stage.name);
    }
    passed_on
}

/// Takes all of a queue's messages out of it.
pub(crate) async fn drain(world: &World, queue: &str) -> Vec<String> {
    let (sqs, name) = (world.emulation().sqs(), world.name(queue));
    let mut bodies = Vec::new();
    loop {
        let received = sqs.receive(name, 10, Duration::ZERO).await.unwrap();
        if received.is_empty() {
            return bodies;
        }
        for message in received {
            sqs.delete(name, &message.receipt_handle).unwrap();
            bodies.push(message.body);
        }
    }
}
