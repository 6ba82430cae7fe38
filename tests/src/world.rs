//! One emulation, and the ways into it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use bytes::Bytes;
use emulation::clock::Clock;
use emulation::faults::Plan;
use emulation::services::{Service, Upstream};
use emulation::sqs::{MessageAttribute, NewMessage};
use emulation::{Emulation, Options};
use http::Method;
use sample::{WEATHER, WEATHER_PLACE, Weather};
use serde_json::{Value, json};

use crate::binaries::built;
use crate::contracts::{make_contracts, new_folder};
use crate::web::try_ask;
use crate::{Edit, Flight, Logs, root, weather};

/// Far beyond what any test takes: real time, not the emulation's.
const PATIENCE: Duration = Duration::from_secs(400);

/// What differs from the template's own world.
#[derive(Default)]
pub struct Settings {
    /// Where the weather is, instead of the emulation's own.
    pub weather_url: Option<String>,
    /// Binaries that are built already, instead of the tests' own.
    pub binaries: Option<PathBuf>,
    /// Leaves the queues to whoever measures: no event source mapping takes from them.
    pub without_mappings: bool,
    /// Leaves dead letters in their queues: the collector takes none.
    pub without_collecting: bool,
    /// How many batches each queue's function may have at a time, where the template says four.
    pub concurrency: Option<usize>,
    /// Datasets beside the sample's, each a folder of `tests/datasets`.
    pub datasets: &'static [&'static str],
    /// What goes wrong.
    pub faults: Plan,
    /// What is different in the template.
    pub edits: Vec<Edit>,
    /// What is different in files of `tests/contracts`.
    pub contract_edits: Vec<(&'static str, Edit)>,
    /// The emulation's clock, instead of one that tells the system's time.
    pub clock: Option<Clock>,
    /// The folder that what is in queues, buckets and tables is kept in, and taken up from; none, if not given.
    pub state: Option<PathBuf>,
    /// How long [`World::settle`] waits, in real time; far beyond what any small test takes, if not given.
    pub patience: Option<Duration>,
}

/// The template's world, with the real binaries. A test that fails is told what was where.
pub struct World {
    /// Gone once it is ended.
    emulation: Option<Emulation>,
    /// Asked and delivered to, unless the settings have another.
    weather: Weather,
    /// The folder of the template.
    root: PathBuf,
    patience: Duration,
    /// Whether the functions have the rights that the template grants.
    is_granted: bool,
    pub logs: Logs,
}

impl World {
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// # Panics
    /// When it does not start.
    pub async fn start_with(settings: Settings) -> Self {
        let logs = Logs::default();
        let url = settings.weather_url.clone().map(|url| (WEATHER_PLACE.to_owned(), url));
        let root = settings.root();
        let many =
            settings.concurrency.map(|many| ("ServiceConcurrency".to_owned(), many.to_string()));
        let parameters = many.into_iter().collect();
        let binaries = match settings.binaries {
            Some(binaries) => binaries,
            None => built().await,
        };
        let weather = Weather::load(&weather()).unwrap();
        let options = Options {
            root: root.clone(),
            port: 0,
            parameters,
            places: url.into_iter().collect(),
            services: vec![Service {
                name: WEATHER.to_owned(),
                port: 0,
                upstream: Upstream::Router(weather.clone().router()),
            }],
            binaries,
            log: Arc::new(logs.clone()),
            clock: settings.clock.unwrap_or_else(Clock::system),
            faults: settings.faults,
            skip_idle: true,
            state: settings.state,
        };
        let emulation = Emulation::start(options).await;
        let emulation = emulation.unwrap_or_else(|error| panic!("{error}"));
        let patience = settings.patience.unwrap_or(PATIENCE);
        let is_granted = settings.edits.is_empty();
        Self { emulation: Some(emulation), weather, root, patience, is_granted, logs }
    }

    /// The folder of the contracts, which are this world's own.
    #[must_use]
    pub fn contracts(&self) -> PathBuf {
        self.root.join("infra/contracts")
    }

    #[must_use]
    pub fn emulation(&self) -> &Emulation {
        self.emulation.as_ref().unwrap()
    }

    /// The weather service.
    #[must_use]
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The name of the queue, function or table that the template calls so.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn name(&self, logical_id: &str) -> &str {
        let stack = self.emulation().stack();
        let queues = stack.queues.iter().map(|each| (&each.logical_id, &each.name));
        let functions = stack.functions.iter().map(|each| (&each.logical_id, &each.name));
        let tables = stack.tables.iter().map(|each| (&each.logical_id, &each.name));
        let mut all = queues.chain(functions).chain(tables);
        let found = all.find(|(id, _)| *id == logical_id);
        found.unwrap_or_else(|| panic!("the template has no {logical_id}")).1
    }

    /// One of the template's outputs.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        &self.emulation().stack().outputs[name]
    }

    /// The archive's bucket.
    ///
    /// # Panics
    /// When the template has none.
    #[must_use]
    pub fn archive(&self) -> &str {
        let buckets = &self.emulation().stack().buckets;
        &buckets.iter().find(|bucket| bucket.logical_id == "ArchiveBucket").unwrap().name
    }

    /// A producer's SDK configuration.
    ///
    /// # Panics
    /// Never: all that it needs is given.
    #[must_use]
    pub fn sdk(&self) -> SdkConfig {
        let variables = BTreeMap::from([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "producer"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", self.emulation().endpoint()),
        ]);
        aws::sdk_config(&variables).unwrap()
    }

    /// Puts an object into the landing bucket.
    ///
    /// # Panics
    /// When it is refused.
    pub fn land(&self, key: &str, body: impl Into<Bytes>) {
        let bucket = self.output("LandingBucketName");
        let put = self.emulation().s3().put(bucket, key, body.into(), "application/octet-stream");
        put.unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// Sends a message to a queue, with string attributes.
    ///
    /// # Panics
    /// When it is refused.
    pub fn send(&self, queue: &str, body: &str, attributes: &[(&str, &str)]) {
        self.send_after(Duration::ZERO, queue, body, attributes);
    }

    /// As [`World::send`], of a message that waits in its queue for so long, in whole seconds.
    ///
    /// # Panics
    /// When it is refused.
    pub fn send_after(
        &self,
        delay: Duration,
        queue: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) {
        let attribute = |&(name, value): &(&str, &str)| {
            let value = MessageAttribute {
                data_type: "String".to_owned(),
                string_value: Some(value.to_owned()),
                binary_value: None,
            };
            (name.to_owned(), value)
        };
        let message_attributes = attributes.iter().map(attribute).collect();
        let message = NewMessage {
            body: body.to_owned(),
            message_attributes,
            delay: (!delay.is_zero()).then_some(delay),
            ..NewMessage::default()
        };
        let sent = self.emulation().sqs().send(self.name(queue), message);
        sent.unwrap_or_else(|error| panic!("{queue}: {error}"));
    }

    /// Sends flights to the inbox, a message each.
    pub fn send_flights(&self, flights: &[Flight]) {
        for flight in flights {
            self.send("Inbox", &flight.line, &[("dataset", "flights")]);
        }
    }

    /// Waits until nothing is left to do, over times in which nothing happens.
    ///
    /// # Panics
    /// When it takes too long, with what was where.
    pub async fn settle(&self) {
        let settled = self.emulation().settle(self.patience).await;
        settled.unwrap_or_else(|busy| panic!("{busy}"));
    }

    /// Has redrive send all dead letters of a stage back at once, and answers what the run came to. What is in the
    /// dead-letter queue is collected first.
    ///
    /// # Panics
    /// When the invocation is refused.
    pub async fn redrive(&self, stage: &str) -> Value {
        self.settle().await;
        self.ask_redrive(&json!({ "move": { "stage": stage } })).await
    }

    /// Asks the redrive function over HTTP, as a script does, and answers what it answers.
    ///
    /// # Panics
    /// When the invocation is refused.
    pub async fn ask_redrive(&self, verb: &Value) -> Value {
        let answer = self.invoke_redrive(verb).await;
        let (status, answer) = answer.unwrap_or_else(|| panic!("{verb} was not answered"));
        assert_eq!(status, 200, "{answer}");
        assert!(answer.get("errorType").is_none(), "{answer}");
        answer
    }

    /// As [`World::ask_redrive`], while things go wrong: `None` where they did.
    pub async fn try_redrive(&self, verb: &Value) -> Option<Value> {
        let (status, answer) = self.invoke_redrive(verb).await?;
        (status == 200 && answer.get("errorType").is_none()).then_some(answer)
    }

    async fn invoke_redrive(&self, verb: &Value) -> Option<(u16, Value)> {
        let (endpoint, name) = (self.emulation().endpoint(), self.name("RedriveFunction"));
        let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
        let headers = [("content-type", "application/json")];
        let body = json!({ "do": verb }).to_string();
        let (status, _, answer) = try_ask(Method::POST, &url, &headers, body).await?;
        Some((status, answer))
    }

    /// Ends everything.
    ///
    /// # Panics
    /// When a function asked for what the template does not let it do.
    pub async fn end(mut self) {
        let denied = self.emulation().denied();
        assert!(!self.is_granted || denied.is_empty(), "the template does not grant {denied:?}");
        self.emulation.take().unwrap().shutdown().await;
    }
}

impl Settings {
    /// A folder with the template and the tests' contracts, and what is different in them.
    fn root(&self) -> PathBuf {
        const BATCHES: &str = "            BatchSize: ";
        const CONCURRENCY: &str = "small: {ingest: 4, sink: 4, ";
        let mut edits = Vec::new();
        for edit in &self.edits {
            edits.push((edit.old.to_owned(), edit.new.to_owned()));
        }
        if self.without_mappings {
            edits.push((BATCHES.to_owned(), format!("            Enabled: false\n{BATCHES}")));
        }
        if self.without_collecting {
            let batches = "            BatchSize: 100\n".to_owned();
            edits.push((batches.clone(), format!("            Enabled: false\n{batches}")));
        }
        if let Some(many) = self.concurrency {
            let several = format!("small: {{ingest: {many}, sink: {many}, ");
            edits.push((CONCURRENCY.to_owned(), several));
        }
        let folder = new_folder();
        let mut template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
        for (old, new) in edits {
            assert!(template.contains(&old), "the template looks different now: no {old}");
            template = template.replace(&old, &new);
        }
        std::fs::write(folder.join("template.yaml"), template).unwrap();
        make_contracts(&folder.join("infra/contracts"), self.datasets, &self.contract_edits);
        folder
    }
}

impl Drop for World {
    #[expect(clippy::print_stderr, reason = "what a failed test saw is for its output")]
    fn drop(&mut self) {
        let Some(emulation) = self.emulation.as_ref().filter(|_| std::thread::panicking()) else {
            return;
        };
        eprintln!("what was where: {}", emulation.progress());
        for queue in &emulation.stack().queues {
            // A second panic that left this function would end the process, with all other tests.
            let letters = catch_unwind(AssertUnwindSafe(|| self.letters(&queue.logical_id)));
            for letter in letters.iter().flatten().take(20) {
                eprintln!("in {}: {letter}", queue.logical_id);
            }
        }
        eprintln!("the last lines:\n{}", self.logs.last(12).join("\n"));
    }
}
