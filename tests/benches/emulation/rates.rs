//! Messages a second through the port, one way and back: with a light client, and with the SDK.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Plan;
use crate::client::{CLIENTS, Caller, Client};
use crate::http::Light;
use crate::ledger::Ledger;
use crate::sdk::Official;
use crate::table::{Goal, Table, median};
use crate::usage::own_cpu;
use crate::world::World;

/// On two cores, clients included.
const MESSAGES_A_SECOND: f64 = 15_000.0;

/// What some messages took.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) a_second: f64,
    /// Of the emulation alone, in microseconds a message.
    pub(crate) cpu_us: f64,
}

impl Took {
    pub(crate) fn new(messages: usize, wall: Duration, cpu: Duration) -> Self {
        let messages = f64::from(u32::try_from(messages).unwrap());
        Self { a_second: messages / wall.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / messages }
    }
}

/// The median of each figure.
pub(crate) fn middle(rounds: &[Took]) -> Took {
    Took {
        a_second: median(rounds.iter().map(|took| took.a_second).collect()),
        cpu_us: median(rounds.iter().map(|took| took.cpu_us).collect()),
    }
}

pub(crate) async fn measure(world: &World, clients: &Client, plan: &Plan, table: &mut Table) {
    let endpoint = world.emulation().endpoint();
    let mut light = Vec::new();
    let mut official = Vec::new();
    for _ in 0..CLIENTS {
        light.push(Light::connect(endpoint, "plain", clients.handle()).await);
        official.push(Official::new(endpoint, "plain"));
    }
    let (mut sends, mut takes) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (send, take);
        (light, send, take) = round(world, clients, light, plan.messages, table).await;
        sends.push(send);
        takes.push(take);
    }
    add(table, "4 light clients", &sends, &takes, Goal::AtLeast(MESSAGES_A_SECOND));
    let (mut sends, mut takes) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (send, take);
        (official, send, take) = round(world, clients, official, plan.sdk_messages, table).await;
        sends.push(send);
        takes.push(take);
    }
    add(table, "4 SDK clients", &sends, &takes, Goal::None);
}

fn add(table: &mut Table, who: &str, sends: &[Took], takes: &[Took], goal: Goal) {
    let (send, take) = (middle(sends), middle(takes));
    table.add(format!("send, {who}"), send.a_second, "messages/s", goal);
    table.add(format!("send, {who}: CPU of the emulation"), send.cpu_us, "us/message", Goal::None);
    table.add(format!("receive and delete, {who}"), take.a_second, "messages/s", goal);
    let what = format!("receive and delete, {who}: CPU of the emulation");
    table.add(what, take.cpu_us, "us/message", Goal::None);
}

/// Sends so many messages, then takes them all out again.
async fn round<C: Caller>(
    world: &World,
    clients: &Client,
    callers: Vec<C>,
    messages: usize,
    table: &mut Table,
) -> (Vec<C>, Took, Took) {
    let (callers, send) = sent(clients, callers, messages).await;
    assert_eq!(world.held("plain"), messages);
    let (callers, take, ledger) = taken(clients, callers, messages, messages).await;
    table.account(messages, &ledger, world.held("plain"));
    (callers, send, take)
}

pub(crate) async fn sent<C: Caller>(
    clients: &Client,
    callers: Vec<C>,
    messages: usize,
) -> (Vec<C>, Took) {
    let (begun, cpu) = (Instant::now(), own_cpu());
    let callers = clients.send_all(callers, messages).await;
    (callers, Took::new(messages, begun.elapsed(), own_cpu().saturating_sub(cpu)))
}

/// Takes so many messages, with numbers below `numbers`.
pub(crate) async fn taken<C: Caller>(
    clients: &Client,
    callers: Vec<C>,
    messages: usize,
    numbers: usize,
) -> (Vec<C>, Took, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::new(numbers, messages));
    let (begun, cpu) = (Instant::now(), own_cpu());
    let callers = clients.take_all(callers, &ledger).await;
    let took = Took::new(ledger.taken(), begun.elapsed(), own_cpu().saturating_sub(cpu));
    (callers, took, ledger)
}
