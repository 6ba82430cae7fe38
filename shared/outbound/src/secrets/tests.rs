//! Secrets from a store whose text the test sets, on paused time.

use std::sync::atomic::{AtomicUsize, Ordering};

use contracts::{TextTemplate, Variables};
use event::FailureKind;

use super::*;

const LIMIT: Duration = Duration::from_secs(3);

/// Holds one text for all names; with `None`, it is unavailable.
#[derive(Clone, Default)]
struct Store {
    text: Arc<Mutex<Option<String>>>,
    reads: Arc<AtomicUsize>,
}

impl Store {
    fn set(&self, text: Option<&str>) {
        *self.text.lock().unwrap() = text.map(str::to_owned);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl SecretStore for Store {
    async fn read(&self, name: &str) -> Result<SecretText, Failure> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        // Lets other callers ask in the meantime.
        tokio::task::yield_now().await;
        match self.text.lock().unwrap().clone() {
            Some(text) => Ok(SecretText::new(text)),
            None => Err(Failure::transient(Code::DependencyUnavailable, format!("{name}: away"))),
        }
    }
}

fn templates(text: &str) -> HeaderTemplates {
    let variables = Variables::parse("test.yaml", "variables: {TOKEN: 'secret:a#token'}").unwrap();
    let template = TextTemplate::parse(text).unwrap().bind(&variables).unwrap();
    HeaderTemplates::new(&BTreeMap::from([("authorization".to_owned(), template)])).unwrap()
}

fn secrets(text: &str) -> (Secrets<Store>, Store) {
    let store = Store::default();
    store.set(Some(text));
    (Secrets::new(store.clone()), store)
}

impl Secrets<Store> {
    async fn filled(&self, text: &str) -> FilledHeaders {
        self.fill(&templates(text), LIMIT).await.unwrap()
    }
}

fn value(filled: &FilledHeaders) -> &str {
    filled.headers["authorization"].to_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_at_first_use_and_once_in_five_minutes() {
    let (secrets, store) = secrets(r#"{"token":"first"}"#);
    assert_eq!(store.reads(), 0);
    assert_eq!(value(&secrets.filled("Bearer {TOKEN}").await), "Bearer first");
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(value(&secrets.filled("{TOKEN}").await), "first");
    assert_eq!(store.reads(), 1);
    store.set(Some(r#"{"token":"second"}"#));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(value(&secrets.filled("{TOKEN}").await), "second");
    assert_eq!(store.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_who_need_a_secret_at_once_read_it_once() {
    let (secrets, store) = secrets("text");
    let need = || secrets.filled("{secret:a}");
    let filled = tokio::join!(need(), need(), need());
    assert_eq!((value(&filled.0), value(&filled.2)), ("text", "text"));
    assert_eq!(store.reads(), 1);
    // Another name is another secret.
    secrets.filled("{secret:b}").await;
    assert_eq!(store.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_service_refuses_is_read_again_at_once_and_by_one_of_them() {
    let (secrets, store) = secrets("first");
    let refused = secrets.filled("{secret:a}").await;
    store.set(Some("second"));
    let renewed = tokio::join!(secrets.renew(&refused), secrets.renew(&refused));
    assert_eq!(renewed, (true, true));
    assert_eq!(store.reads(), 2);
    let filled = secrets.filled("{secret:a}").await;
    assert_eq!(value(&filled), "second");
    // A second rotation within seconds takes effect after the shortest time between two reads.
    store.set(Some("third"));
    assert!(!secrets.renew(&filled).await);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(secrets.renew(&filled).await);
    assert_eq!(value(&secrets.filled("{secret:a}").await), "third");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_has_not_changed_lets_the_refusal_stand_and_is_not_read_for_each_event() {
    let (secrets, store) = secrets("wrong");
    let refused = secrets.filled("{secret:a}").await;
    for _ in 0..100 {
        assert!(!secrets.renew(&refused).await);
    }
    assert_eq!(store.reads(), 2);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(!secrets.renew(&refused).await);
    assert_eq!(store.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_takes_no_known_secret_away() {
    let (secrets, store) = secrets("known");
    let filled = secrets.filled("{secret:a}").await;
    store.set(None);
    tokio::time::advance(Duration::from_secs(300)).await;
    for _ in 0..10 {
        assert_eq!(value(&secrets.filled("{secret:a}").await), "known");
    }
    assert_eq!(store.reads(), 2, "it is left alone for a while");
    assert!(!secrets.renew(&filled).await);
    let failure = secrets.fill(&templates("{secret:b}"), LIMIT).await.unwrap_err();
    assert_eq!((failure.kind, failure.reason.as_ref()), (FailureKind::Transient, "b: away"));
}

/// Never answers.
struct Silent;

impl SecretStore for Silent {
    async fn read(&self, _: &str) -> Result<SecretText, Failure> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_not_waited_for_beyond_the_limit() {
    let failure = Secrets::new(Silent).fill(&templates("{secret:a}"), LIMIT).await.unwrap_err();
    assert_eq!(failure.code, Code::DependencyUnavailable);
    assert_eq!(failure.reason, "the secret `a` was not read in time");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_said_without_the_secret() {
    for (text, template, told) in [
        ("hush", "{TOKEN}", "`secret:a#token`: the secret is no JSON object"),
        (r#"["hush"]"#, "{TOKEN}", "is no JSON object"),
        (r#"{"other":"hush"}"#, "{TOKEN}", "has no text there"),
        (r#"{"token":["hush"]}"#, "{TOKEN}", "has no text there"),
        ("hush\n", "{secret:a}", "the header `authorization` cannot hold what `secret:a` is"),
    ] {
        let (secrets, _) = secrets(text);
        let failure = secrets.fill(&templates(template), LIMIT).await.unwrap_err();
        assert!(failure.reason.contains(told), "{failure}");
        assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
    }
    let (secrets, _) = secrets(r#"{"token":12345678901234567890.10}"#);
    assert_eq!(value(&secrets.filled("{TOKEN}").await), "12345678901234567890.10");
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_a_secret() {
    let (secrets, _) = secrets(r#"{"token":"hush"}"#);
    let templates = templates("Bearer {TOKEN}");
    let filled = secrets.fill(&templates, LIMIT).await.unwrap();
    assert!(filled.headers["authorization"].is_sensitive());
    let text = SecretText::new("hush".to_owned());
    for shown in [format!("{filled:?}"), format!("{templates:?}"), format!("{text:?}")] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}
