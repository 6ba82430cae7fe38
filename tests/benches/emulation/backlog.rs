//! Whether a backlog slows a queue down: an empty queue and a deep one take turns, with the same calls.
//!
//! What is received from the deep queue is its oldest, and as much is sent before, so that its depth
//! stays.

use crate::Plan;
use crate::client::{CLIENTS, Client};
use crate::http::Light;
use crate::rates::{Took, middle, sent, taken};
use crate::table::{Goal, Table};
use crate::usage::resident_bytes;
use crate::world::{BODY_BYTES, World};

/// Of a round.
const MESSAGES: usize = 10_000;
/// How much of the empty queue's rate is left, at least, for what is called flat: the rest is what one
/// shared machine differs from itself.
const FLAT: f64 = 0.8;

pub(crate) async fn measure(world: &World, clients: &Client, plan: &Plan, table: &mut Table) {
    let endpoint = world.emulation().endpoint();
    let (mut empty, mut deep) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        empty.push(Light::connect(endpoint, "plain", clients.handle()).await);
        deep.push(Light::connect(endpoint, "deep", clients.handle()).await);
    }
    let before = resident_bytes();
    let mut held = 0;
    for &backlog in plan.backlogs {
        world.fill("deep", held..backlog);
        held = backlog;
        let (mut plain_sends, mut plain_takes) = (Vec::new(), Vec::new());
        let (mut deep_sends, mut deep_takes) = (Vec::new(), Vec::new());
        for _ in 0..plan.backlog_rounds {
            let (send, take, ledger);
            (empty, send) = sent(clients, empty, MESSAGES).await;
            (empty, take, ledger) = taken(clients, empty, MESSAGES, MESSAGES).await;
            table.account(MESSAGES, &ledger, world.held("plain"));
            plain_sends.push(send);
            plain_takes.push(take);
            let (send, take, ledger);
            (deep, send) = sent(clients, deep, MESSAGES).await;
            (deep, take, ledger) = taken(clients, deep, MESSAGES, backlog.max(MESSAGES)).await;
            table.account(MESSAGES, &ledger, world.held("deep").saturating_sub(backlog));
            deep_sends.push(send);
            deep_takes.push(take);
        }
        add(table, backlog, "send", &plain_sends, &deep_sends);
        add(table, backlog, "receive and delete", &plain_takes, &deep_takes);
    }
    let bytes = resident_bytes().saturating_sub(before) / held;
    let beside =
        f64::from(u32::try_from(bytes).unwrap()) - f64::from(u32::try_from(BODY_BYTES).unwrap());
    table.add("memory beside the body", beside, "bytes/message", Goal::None);
}

fn add(table: &mut Table, backlog: usize, what: &str, empty: &[Took], deep: &[Took]) {
    let (empty, deep) = (middle(empty), middle(deep));
    let name = format!("{what}, with a backlog of {backlog}");
    table.add(&name, deep.a_second, "messages/s", Goal::None);
    table.add(
        format!("{name}: to an empty queue"),
        deep.a_second / empty.a_second,
        "x",
        Goal::AtLeast(FLAT),
    );
}
