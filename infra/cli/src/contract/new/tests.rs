use std::collections::VecDeque;

use super::ask::Question;
use super::*;
use crate::contract::args::{Contracts, parse_sink};
use crate::contract::check::check;
use crate::contract::{args, run};
use crate::options::parse_verb;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// A temporary repository with the template and the contracts of this one, which is removed when the value is dropped.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("new-{name}-{}", std::process::id()));
        copy(&repository().join(CONTRACTS), &root.join(CONTRACTS));
        fs::copy(repository().join(TEMPLATE), root.join(TEMPLATE)).unwrap();
        Self(root)
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    /// Runs `contracts new` with these arguments, without a terminal.
    fn create(&self, arguments: &[&str]) -> Result<(), Failure> {
        let words: Vec<&str> = std::iter::once(&"new").chain(arguments).copied().collect();
        let Contracts::New(args) = parse_verb(&words).unwrap() else { panic!("another verb") };
        create(&self.0, &args, None, &Output::of_process()).map(drop)
    }

    /// `contracts check` passes, and editors find nothing wrong in the contract either.
    #[track_caller]
    fn check_passes(&self, dataset: &str) {
        let schema = self.read("infra/contracts/contract.schema.json");
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let yaml = self.read(&format!("{CONTRACTS}/{dataset}/contract.yaml"));
        let contract: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert!(schema.is_valid(&contract), "{yaml}");
        let args = args::Check { base: None, format: args::CheckFormat::Text };
        let code = check(&self.0, &args, &Output::of_process()).unwrap();
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[track_caller]
    fn check_refused(&self, arguments: &[&str], parts: &[&str]) {
        let (template, folders) = (self.read(TEMPLATE), names(&self.0.join(CONTRACTS)));
        let failure = self.create(arguments).unwrap_err().to_string();
        for part in parts {
            assert!(failure.contains(part), "{part} is not in: {failure}");
        }
        assert_eq!(self.read(TEMPLATE), template);
        assert_eq!(names(&self.0.join(CONTRACTS)), folders);
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const ORDERS: &str = r#"{"id":"o-1","customer":"ada","email":"ada@acme.test","at":"2026-01-01T08:00:00Z","amount":12.50}
{"id":"o-2","customer":"eve","email":"eve@acme.test","at":"2026-01-01T09:30:00Z","amount":7}
{"id":"o-1","customer":"ada","email":"ada@acme.test","at":"2026-01-01T08:00:00Z","amount":12.50}
{"id":"o-3","customer":"ada","email":"ada@acme.test","at":"tomorrow","amount":1}
"#;

const ANSWERS: [&str; 8] = [
    "--description",
    "One order: of one customer",
    "--owner",
    "shop",
    "--key",
    "/id",
    "--event-time",
    "/at",
];

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, &ANSWERS, more].concat()
}

#[test]
fn a_dataset_without_samples_passes_the_check() {
    let root = Root::new("bare");
    root.create(&with(
        &["orders"],
        &["--business", "/customer/id", "--personal", "/lines/*/note", "--tenant", "/shop"],
    ))
    .unwrap();
    root.check_passes("orders");
    assert_eq!(
        names(&root.0.join("infra/contracts/orders")),
        ["contract.yaml", "samples", "v1.schema.json"]
    );
    let samples = root.read("infra/contracts/orders/samples/orders.ndjson");
    let expected = r#"{"at":"2026-01-01T00:00:00Z","customer":{"id":"id-1"},"id":"id-1","lines":[{"note":"note-1"}],"shop":"shop-1"}"#;
    assert_eq!(samples.trim_end(), expected);
    let yaml = root.read("infra/contracts/orders/contract.yaml");
    assert!(
        yaml.starts_with("# yaml-language-server: $schema=../contract.schema.json\n"),
        "{yaml}"
    );
    assert_eq!(root.read(TEMPLATE), fs::read_to_string(repository().join(TEMPLATE)).unwrap());
}

#[test]
fn a_dataset_from_samples_has_their_schema_and_nothing_personal_of_them() {
    let root = Root::new("samples");
    let from = root.file("orders.ndjson", ORDERS);
    let sinks = ["--from", &from, "--sink", "orders=table", "--sink", "lake"];
    root.create(&with(&["orders"], &sinks)).unwrap();
    root.check_passes("orders");
    let schema = root.read("infra/contracts/orders/v1.schema.json");
    assert!(schema.contains(r#""amount": {"type": "number", "#), "{schema}");
    let yaml = root.read("infra/contracts/orders/contract.yaml");
    assert!(yaml.contains("# personal_data: [/email]\n"), "{yaml}");
    assert!(yaml.contains("description: \"One order: of one customer\"\n"), "{yaml}");
    let samples = root.read("infra/contracts/orders/samples/orders.ndjson");
    assert!(samples.lines().count() == 3 && samples.contains("12.50"), "{samples}");
    for text in [&samples, &yaml, &schema] {
        assert!(!text.contains("acme.test"), "{text}");
    }
    let template = root.read(TEMPLATE);
    assert!(template.contains("OrdersTable:"), "the table is not there");
}

#[test]
fn a_new_lake_has_columns_of_dates() {
    let root = Root::new("dates");
    let order =
        r#"{"id":"o-1","at":"2026-01-01T08:00:00Z","due":"2026-02-01","on: it":"2026-01-31"}"#;
    let from = root.file("orders.ndjson", order);
    let lake = ["--from", &from, "--sink", "lake"];
    root.create(&with(&["orders"], &lake)).unwrap();
    root.check_passes("orders");
    let yaml = root.read("infra/contracts/orders/contract.yaml");
    assert!(yaml.contains("    kind: lake\n    dates: [due, \"on: it\"]\n"), "{yaml}");
}

#[test]
fn rows_of_csv_become_samples() {
    let root = Root::new("csv");
    let from =
        root.file("a.csv", "id,at,delay\n1,2026-01-01T08:00:00Z,NA\n2,2026-01-01T08:00:00Z,3\n");
    root.create(&with(&["delays"], &["--from", &from])).unwrap();
    root.check_passes("delays");
    assert!(root.read("infra/contracts/delays/contract.yaml").contains("  missing: ['NA']\n"));
    let samples = root.read("infra/contracts/delays/samples/delays.ndjson");
    assert!(
        samples.starts_with(r#"{"at":"2026-01-01T08:00:00Z","delay":null,"id":1}"#),
        "{samples}"
    );
}

#[test]
fn what_is_there_is_never_overwritten() {
    let root = Root::new("there");
    let before = root.read("infra/contracts/flights/contract.yaml");
    let parts = ["infra/contracts/flights is there already", "contracts show flights"];
    root.check_refused(&with(&["flights"], &[]), &parts);
    root.check_refused(&with(&["variables"], &[]), &["is there already"]);
    assert_eq!(root.read("infra/contracts/flights/contract.yaml"), before);
    for name in ["../orders", "Orders", "a/b", ""] {
        root.check_refused(&with(&[name], &[]), &["cannot be the name of a dataset"]);
    }
}

#[test]
fn what_would_be_no_contract_is_refused_with_the_command_to_correct() {
    let root = Root::new("refused");
    let from = root.file("orders.ndjson", ORDERS);
    let parts = [
        "no terminal to ask on",
        "--description 'what one event is' --owner TEAM --key /id --event-time /at",
    ];
    root.check_refused(&["orders", "--from", &from], &parts);
    let wrong = [
        "orders",
        "--from",
        &from,
        "--description",
        "d",
        "--owner",
        "o",
        "--key",
        "/idd",
        "--event-time",
        "/at",
    ];
    let parts = [
        "this would be no contract",
        "`/idd`",
        "correct it in: sluicegate contracts new orders",
        "--key /idd",
    ];
    root.check_refused(&wrong, &parts);
    let parts = ["needs a URL", "--url"];
    root.check_refused(&with(&["orders"], &["--sink", "http"]), &parts);
    let url = ["--sink", "http", "--url", "{ORDERS_URL}/{/id}"];
    root.check_refused(&with(&["orders"], &url), &["ORDERS_URL", "variables/"]);
    let never = root.file("never.ndjson", "{\"id\":\"a\",\"at\":\"noon\"}\n");
    let parts = ["can be a sample of this contract: line 1: time.invalid"];
    root.check_refused(&with(&["orders"], &["--from", &never]), &parts);
}

#[test]
fn a_dry_run_writes_nothing() {
    let root = Root::new("dry");
    root.create(&with(&["orders"], &["--sink", "orders=table", "--dry-run"])).unwrap();
    assert!(!root.0.join("infra/contracts/orders").exists());
    assert!(!root.read(TEMPLATE).contains("OrdersTable:"));
}

/// Answers in the order of the questions; each question is kept with its default and the problem before it.
struct Script {
    answers: VecDeque<&'static str>,
    asked: Vec<String>,
}

impl Ask for Script {
    fn ask(&mut self, question: &Question<'_>) -> Result<Option<String>, Failure> {
        let problem = question.problem.as_deref().unwrap_or_default();
        let default = question.default.unwrap_or_default();
        self.asked.push(format!("{problem}|{}|{default}", question.what));
        let answer = self.answers.pop_front().expect("more questions than answers");
        Ok((!answer.is_empty()).then(|| answer.to_owned()))
    }
}

#[test]
fn a_person_is_asked_for_what_is_not_given() {
    let root = Root::new("asked");
    let good: Vec<&str> = ORDERS.lines().take(3).collect();
    root.file("orders.ndjson", &good.join("\n"));
    let from: &'static str = root.0.join("orders.ndjson").display().to_string().leak();
    let answers = [
        "nowhere",
        from,
        "",
        "One order",
        "shop",
        "id",
        "",
        "/customer",
        "",
        "",
        "table fifo",
        "orders=table, http",
    ];
    let url = "https://orders.example/{/id}";
    let mut script =
        Script { answers: answers.into_iter().chain([url]).collect(), asked: Vec::new() };
    let args = New { dataset: "orders".to_owned(), ..New::default() };
    create(&root.0, &args, Some(&mut script), &Output::of_process()).unwrap();
    let asked = script.asked;
    assert_eq!(asked[1], "There is no file nowhere.|A file of sample events, or nothing|");
    assert!(asked[3].starts_with("An answer is needed.|What one event is"), "{asked:?}");
    assert!(asked[5].ends_with("such as /id|/id"), "{asked:?}");
    assert!(asked[6].starts_with("`id` is no JSON Pointer"), "{asked:?}");
    assert!(asked[9].ends_with("or none|/email"), "{asked:?}");
    assert!(asked[11].starts_with("`fifo` is none of table, lake and http"), "{asked:?}");
    let yaml = root.read("infra/contracts/orders/contract.yaml");
    for part in [
        "idempotency: [/id]",
        "business: [/customer]",
        "event_time: /at",
        "\npersonal_data: [/email]",
        url,
    ] {
        assert!(yaml.contains(part), "{part} is not in {yaml}");
    }
    root.check_passes("orders");
}

#[tokio::test]
async fn an_answer_that_names_no_kind_is_refused() {
    assert!(parse_sink("orders=table").is_ok());
    assert!(parse_sink("queue").unwrap_err().contains("own-lookups-and-sinks"));
    // The command is reached through the verb.
    let root = Root::new("verb");
    let Contracts::New(args) = parse_verb(&with(&["new", "orders"], &["--dry-run"])).unwrap()
    else {
        panic!("another verb")
    };
    run(&root.0, &Contracts::New(args), &Output::of_process()).await.unwrap();
}

#[test]
fn a_time_that_is_not_rfc_3339_is_written_with_its_format() {
    let root = Root::new("time");
    let events = r#"{"id":1,"sold":"27.10.2013 02:30"}"#;
    let from = root.file("orders.ndjson", events);
    let said = ["orders", "--from", &from, "--description", "Orders", "--owner", "shop"];
    let keys = ["--key", "/id", "--event-time", "/sold"];
    let format = ["--time-format", "%d.%m.%Y %H:%M", "--time-zone", "Europe/Berlin"];
    root.check_refused(&[&said[..], &keys].concat(), &["time.invalid", "correct it in: "]);
    root.create(&[&said[..], &keys, &format].concat()).unwrap();
    let yaml = root.read("infra/contracts/orders/contract.yaml");
    let expected = r#"event_time: {at: /sold, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}"#;
    assert!(yaml.contains(expected), "{yaml}");
    root.check_passes("orders");
}
