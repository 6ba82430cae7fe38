use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use event::{Attribute, DeadLetter, REDRIVE_ATTRIBUTE, RedriveMark};

use super::*;

/// Whether each run was cancelled, by its id. Without any runs the ledger is unavailable.
#[derive(Default)]
struct Ledger {
    cancelled: Mutex<Option<BTreeMap<String, bool>>>,
    asked: AtomicUsize,
}

impl Ledger {
    fn of(cancelled: Option<&[(&str, bool)]>) -> Arc<Self> {
        let ledger = Self::default();
        ledger.set(cancelled);
        Arc::new(ledger)
    }

    fn set(&self, cancelled: Option<&[(&str, bool)]>) {
        *self.cancelled.lock().unwrap() =
            cancelled.map(|runs| runs.iter().map(|(run, is)| ((*run).to_owned(), *is)).collect());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl RedriveRuns for Ledger {
    fn is_cancelled<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let cancelled = self.cancelled.lock().unwrap().clone();
        Box::pin(async move {
            let away = || Failure::permanent(Code::DependencyRefused, "no right to it");
            Ok(cancelled.ok_or_else(away)?.get(run).copied().unwrap_or(false))
        })
    }
}

/// A message that this run brought back.
fn brought_back(run: &str) -> Record {
    let why = Failure::permanent(Code::ContractViolation, "as the test says");
    let mut letter = DeadLetter::new("sink", &why, at(0), "m");
    letter.redrive = Some(RedriveMark {
        letter: "ab".to_owned(),
        run: run.to_owned(),
        count: 1,
        remembered_until: None,
    });
    Record { attributes: letter.write(BTreeMap::new()), ..Record::default() }
}

/// A message that an earlier stage made from such a message.
fn passed_on(run: &str) -> Record {
    let json = format!(r#"{{"run":"{run}"}}"#);
    let attributes = [(REDRIVE_ATTRIBUTE.to_owned(), Attribute::string(json))].into();
    Record { attributes, ..Record::default() }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

async fn check(
    cancelled: &CancelledRedrives,
    record: &Record,
    now: Timestamp,
) -> Result<(), Failure> {
    let records = std::slice::from_ref(record);
    cancelled.check(records, now, Duration::from_secs(1)).await.remove(0)
}

#[tokio::test]
async fn what_a_cancelled_run_brought_back_is_given_back_wherever_it_is() {
    let ledger = Ledger::of(Some(&[("gone", true), ("going", false)]));
    let cancelled = CancelledRedrives::new(ledger);
    for record in [brought_back("gone"), passed_on("gone")] {
        let failure = check(&cancelled, &record, at(0)).await.unwrap_err();
        assert_eq!((failure.code, failure.kind), (Code::RedriveCancelled, FailureKind::Permanent));
        assert!(failure.reason.contains("`gone`"), "{failure}");
    }
    for record in [brought_back("going"), passed_on("going"), brought_back("unknown")] {
        assert_eq!(check(&cancelled, &record, at(0)).await, Ok(()));
    }
    // It was sent again, by a run that was not cancelled.
    let mut record = passed_on("gone");
    record.attributes.extend(brought_back("going").attributes);
    assert_eq!(check(&cancelled, &record, at(0)).await, Ok(()));
}

#[tokio::test]
async fn nothing_is_asked_of_what_no_run_brought_back_nor_of_what_a_stranger_says() {
    let ledger = Ledger::of(Some(&[("gone", true)]));
    let cancelled = CancelledRedrives::new(Arc::clone(&ledger) as Arc<dyn RedriveRuns>);
    assert_eq!(check(&cancelled, &Record::default(), at(0)).await, Ok(()));
    for record in [brought_back("gone"), passed_on("gone")] {
        let mut record = Record { is_from_untrusted: true, ..record };
        assert_eq!(check(&cancelled, &record, at(0)).await, Ok(()));
        record.unpark();
        assert!(!record.attributes.contains_key(REDRIVE_ATTRIBUTE), "it goes no further");
    }
    assert_eq!(ledger.asked(), 0);
}

/// A run is looked up once a second. After it was cancelled, it is not looked up again.
#[tokio::test]
async fn a_run_is_asked_for_once_a_second() {
    let ledger = Ledger::of(Some(&[("run", false)]));
    let cancelled = CancelledRedrives::new(Arc::clone(&ledger) as Arc<dyn RedriveRuns>);
    for ms in [0, 1, 500, 999] {
        assert_eq!(check(&cancelled, &brought_back("run"), at(ms)).await, Ok(()));
    }
    assert_eq!(ledger.asked(), 1);
    ledger.set(Some(&[("run", true)]));
    assert_eq!(check(&cancelled, &brought_back("run"), at(999)).await, Ok(()));
    for ms in [1_000, 5_000] {
        assert!(check(&cancelled, &brought_back("run"), at(ms)).await.is_err());
    }
    assert_eq!(ledger.asked(), 2);
    ledger.set(Some(&[("run", false), ("other", false)]));
    assert!(check(&cancelled, &brought_back("run"), at(9_000)).await.is_err());
    // After the clock went back, an answer from its future is asked for again.
    assert_eq!(check(&cancelled, &brought_back("other"), at(9_000)).await, Ok(()));
    assert_eq!(check(&cancelled, &brought_back("other"), at(8_500)).await, Ok(()));
    assert_eq!(ledger.asked(), 4);
}

#[tokio::test]
async fn where_it_is_not_known_the_record_is_tried_again() {
    let ledger = Ledger::of(None);
    let cancelled = CancelledRedrives::new(Arc::clone(&ledger) as Arc<dyn RedriveRuns>);
    let failure = check(&cancelled, &brought_back("run"), at(0)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Transient, "whatever the ledger's failure is");
    assert!(failure.reason.contains("no right to it"), "{failure}");
    ledger.set(Some(&[("run", false)]));
    assert_eq!(check(&cancelled, &brought_back("run"), at(1)).await, Ok(()));
}

#[tokio::test]
async fn more_runs_than_are_ever_under_way_do_not_add_up() {
    let cancelled = CancelledRedrives::new(Ledger::of(Some(&[])));
    for run in 0..1_000 {
        assert_eq!(check(&cancelled, &brought_back(&run.to_string()), at(0)).await, Ok(()));
    }
    assert!(cancelled.seen.lock().unwrap().len() <= MOST_RUNS);
}
