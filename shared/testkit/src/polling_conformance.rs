//! The conformance suite of the ports for the polling of queues: what stages saw, and pauses.

use std::collections::{BTreeMap, BTreeSet};

use breaker::polling::{
    ChangeOutcome, Evidence, EvidenceStore, Observation, Pause, Phase, Polling, PollingRecord,
    PollingStore,
};
use event::Timestamp;

/// Runs every case of the suite, each on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn polling_conformance<S: EvidenceStore + PollingStore>(fresh: impl AsyncFn() -> S) {
    evidence_is_added_by_dependency_and_never_set_back(&fresh().await).await;
    what_is_decided_is_read_as_it_was_written(&fresh().await).await;
    a_decision_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    evidence_and_decisions_leave_each_other_as_they_are(&fresh().await).await;
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_123 + seconds * 1_000)
}

async fn all<S: PollingStore>(store: &S) -> BTreeMap<String, PollingRecord> {
    store.read_polling().await.unwrap_or_else(|away| panic!("{away}"))
}

fn waited_for(dependency: &str) -> Observation {
    Observation::AllWaited { dependency: dependency.to_owned() }
}

fn pause(phase: Phase) -> Polling {
    let waits_for = BTreeSet::from(["weather".to_owned(), "partner-api".to_owned()]);
    Polling::Paused(Pause { since: time(1), asked_at: time(2), waits_for, phase })
}

async fn evidence_is_added_by_dependency_and_never_set_back<S>(store: &S)
where
    S: EvidenceStore + PollingStore,
{
    assert_eq!(all(store).await, BTreeMap::new());
    let observations = [
        ("enrich", waited_for("weather"), 10),
        ("enrich", waited_for("partner-api"), 12),
        ("enrich", waited_for("weather"), 9),
        ("enrich", Observation::WentOn, 5),
        ("enrich", Observation::WentOn, 4),
        ("deliver", waited_for("weather"), 1),
        ("deliver", waited_for("weather"), 20),
    ];
    let mut expected: BTreeMap<String, PollingRecord> = BTreeMap::new();
    for (stage, observation, seconds) in observations {
        store.add(stage, &observation, time(seconds)).await.unwrap_or_else(|away| panic!("{away}"));
        expected.entry(stage.to_owned()).or_default().evidence.add(&observation, time(seconds));
        assert_eq!(all(store).await, expected, "{stage} {observation:?}");
    }
    let waited_at = &expected["enrich"].evidence.waited_at;
    assert_eq!(waited_at["weather"], time(10));
}

async fn what_is_decided_is_read_as_it_was_written<S: PollingStore>(store: &S) {
    let mut decisions = vec![Polling::LeftAlone { until: time(3_600) }, Polling::Running];
    decisions.extend(Phase::ALL.map(pause));
    decisions.push(Polling::LeftAlone { until: time(7_200) });
    decisions.push(Polling::Running);
    for (version, polling) in (0_u64..).zip(decisions) {
        assert_eq!(store.change("enrich", version, &polling).await, ChangeOutcome::Written);
        let evidence = Evidence::default();
        let expected = PollingRecord { evidence, version: version + 1, polling };
        assert_eq!(all(store).await, BTreeMap::from([("enrich".to_owned(), expected)]));
    }
}

async fn a_decision_is_replaced_by_whoever_has_read_it<S: PollingStore>(store: &S) {
    let (disabling, disabled) = (pause(Phase::Disabling), pause(Phase::Disabled));
    assert_eq!(store.change("enrich", 1, &disabling).await, ChangeOutcome::Conflict);
    assert_eq!(store.change("enrich", 0, &disabling).await, ChangeOutcome::Written);
    assert_eq!(store.change("enrich", 0, &Polling::Running).await, ChangeOutcome::Conflict);
    assert_eq!(store.change("enrich", 1, &disabled).await, ChangeOutcome::Written);
    assert_eq!(store.change("enrich", 1, &Polling::Running).await, ChangeOutcome::Conflict);
    assert_eq!(
        store.change("deliver", 0, &disabling).await,
        ChangeOutcome::Written,
        "another stage"
    );
    assert_eq!(all(store).await["enrich"].polling, disabled);
}

async fn add<S: EvidenceStore>(store: &S, observation: Observation, seconds: i64) {
    let added = store.add("enrich", &observation, time(seconds)).await;
    added.unwrap_or_else(|away| panic!("{away}"));
}

async fn evidence_and_decisions_leave_each_other_as_they_are<S>(store: &S)
where
    S: EvidenceStore + PollingStore,
{
    add(store, waited_for("weather"), 1).await;
    let polling = pause(Phase::Disabling);
    assert_eq!(store.change("enrich", 0, &polling).await, ChangeOutcome::Written);
    add(store, Observation::WentOn, 2).await;
    add(store, waited_for("weather"), 3).await;
    let mut evidence = Evidence::default();
    evidence.add(&waited_for("weather"), time(3));
    evidence.add(&Observation::WentOn, time(2));
    let expected = PollingRecord { evidence, version: 1, polling };
    assert_eq!(all(store).await["enrich"], expected);
    assert_eq!(store.change("enrich", 1, &Polling::Running).await, ChangeOutcome::Written);
    assert_eq!(all(store).await["enrich"].evidence, expected.evidence);
}
