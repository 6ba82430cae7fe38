//! Runs the program as users do: starts it, sends to it, asks it, and interrupts it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::Instant;

/// The longest wait. A build of the functions takes the most of it.
const PATIENCE: Duration = Duration::from_secs(600);
const FLIGHTS: usize = 20;
const SINK: &str = "sluicegate-SinkQueue";

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap()
}

fn sluicegate(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(words).current_dir(folder).env_remove("AWS_ENDPOINT_URL");
    command
}

/// Runs the program to its end.
fn run(folder: &Path, words: &[&str]) -> Output {
    sluicegate(folder, words).output().unwrap()
}

#[track_caller]
fn check_failed(output: &Output, told: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for each in told {
        assert!(text.contains(each), "{each} is not in: {text}");
    }
}

/// An address of the test's own where nothing listens. Connections are refused as long as the
/// value holds its socket.
struct Nobody {
    endpoint: String,
    _socket: TcpSocket,
}

impl Nobody {
    fn there() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let endpoint = format!("http://{}", socket.local_addr().unwrap());
        Self { endpoint, _socket: socket }
    }
}

/// A running `local up`, which is killed if the test fails.
struct Up {
    child: Child,
    address: String,
    pids: Vec<u64>,
}

impl Up {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Self {
        let words = [&["local", "up", "--port", "0"], options].concat();
        let mut command = sluicegate(root(), &words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let url = first.split(['=', ' ']).find(|word| word.starts_with("http://"));
        let address = url.unwrap_or_else(|| panic!("{first}")).trim_start_matches("http://");
        Self { child, address: address.to_owned(), pids: Vec::new() }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn status(&mut self) -> Value {
        let endpoint = self.endpoint();
        // The status can also be requested from outside of the repository.
        let asked = ["local", "status", "--format", "json", "--endpoint", &endpoint];
        let output = run(Path::new("/"), &asked);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let functions = status["functions"].as_array().unwrap();
        let all = functions.iter().flat_map(|each| each["environments"].as_array().unwrap());
        self.pids.extend(all.filter_map(|each| each["pid"].as_u64()));
        status
    }

    /// Waits until the function behind a queue has received this many records, without failures.
    fn wait_for(&mut self, queue: &str, records: u64) {
        let started = Instant::now();
        loop {
            let status = self.status();
            let mappings = status["mappings"].as_array().unwrap();
            let mapping = mappings.iter().find(|each| each["queue"] == queue).unwrap();
            let is_done =
                mapping["records"].as_u64() >= Some(records) && mapping["activity"] == "idle";
            if is_done {
                assert_eq!(mapping["failures"], 0, "{status}");
                return;
            }
            assert!(started.elapsed() < PATIENCE, "still not there: {status}");
            std::thread::yield_now();
        }
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first flights of the sample, in a file of the test's own.
fn sample() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flights.ndjson");
    let file = std::fs::File::open(root().join("events/flights-2013-01.ndjson.gz")).unwrap();
    let mut sample = std::fs::File::create(&path).unwrap();
    for line in BufReader::new(GzDecoder::new(file)).lines().take(FLIGHTS) {
        writeln!(sample, "{}", line.unwrap()).unwrap();
    }
    path
}

/// Expects that ports are free again and no process is left.
#[track_caller]
fn check_nothing_left(up: &Up) {
    assert!(TcpStream::connect(&up.address).is_err(), "{} still listens", up.address);
    assert!(!up.pids.is_empty());
    for pid in &up.pids {
        assert!(!Path::new(&format!("/proc/{pid}/exe")).exists(), "{pid} still runs");
    }
}

#[test]
fn what_is_sent_arrives_is_told_and_leaves_nothing_behind() {
    let sample = sample();
    let sample = sample.to_str().unwrap();
    let mut up = Up::start();
    let endpoint = up.endpoint();
    for (number, how) in [(1, "objects"), (2, "messages")] {
        let words = ["local", "send", "flights", sample, "--as", how, "--endpoint", &endpoint];
        let sent = run(root(), &words);
        let told = String::from_utf8_lossy(&sent.stdout);
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        assert!(told.starts_with("sent 20 events "), "{told}");
        // The second time they are duplicates, which still reach the sinks.
        up.wait_for(SINK, number * 20);
    }
    let text = run(root(), &["local", "status", "--endpoint", &endpoint]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("SinkQueue to SinkFunction") && !text.contains('\x1b'), "{text}");
    // Outside of the repository, with the right and with a wrong name of the bucket.
    let words = ["local", "send", "flights", sample, "--endpoint", &endpoint, "--bucket"];
    let bucket = "sluicegate-landing-000000000000-eu-west-1";
    assert!(run(Path::new("/"), &[&words[..], &[bucket]].concat()).status.success());
    let wrong = run(Path::new("/"), &[&words[..], &["nowhere"]].concat());
    check_failed(&wrong, &["s3://nowhere did not take an object", "NoSuchBucket"]);

    let port = up.address.rsplit(':').next().unwrap().to_owned();
    let busy = run(root(), &["local", "up", "--port", &port]);
    check_failed(&busy, &[&port, "is another `local up` running?"]);

    up.wait_for(SINK, 60);
    check_compacted(&mut up);
    check_breakers_are_moved(&endpoint);
    up.interrupt();
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    check_nothing_left(&up);
}

/// Compacts the lake, and checks the report as text and as JSON.
fn check_compacted(up: &mut Up) {
    up.wait_for("sluicegate-LakeQueue", 60);
    let endpoint = up.endpoint();
    let compact = |words: &[&str]| {
        let words = [&["lake", "compact", "--endpoint", &endpoint], words].concat();
        // By this clock, everything is older than an hour.
        let mut command = sluicegate(root(), &words);
        let output = command.env("SLUICEGATE_CLOCK_OFFSET_MS", "7200000").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told = compact(&["--dry-run"]);
    assert!(told.ends_with("that is what would be done; nothing was\n"), "{told}");
    assert!(told.lines().all(|line| line.len() <= 80), "{told}");
    let told = compact(&["--sink", "lake", "--dataset", "flights"]);
    assert!(told.contains("1 partition: "), "{told}");
    let told: Value = serde_json::from_str(&compact(&["--format", "json"])).unwrap();
    assert_eq!((&told["failed"], &told["dry_run"]), (&Value::from(0), &Value::from(false)));
    assert_eq!(told["total"]["after"]["objects"], 1, "{told}");
    assert_eq!(told["total"]["after"]["rows"], FLIGHTS, "{told}");
    let words = ["lake", "compact", "--endpoint", &endpoint, "--date", "1999-01-01"];
    check_failed(&run(root(), &words), &["sluicegate-lakebucket", "next: ", "--date"]);
}

/// Checks an operator's verbs as text and as JSON, and the advice after a refusal.
fn check_breakers_are_moved(endpoint: &str) {
    let breaker = |words: &[&str]| {
        let output = run(root(), &[&["breaker"], words, &["--endpoint", endpoint]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = |words: &[&str], told: &[&str]| {
        let words = [&["breaker"], words, &["--endpoint", endpoint]].concat();
        check_failed(&run(root(), &words), told);
    };
    assert!(breaker(&["list"]).contains("\nweather  closed         -"), "a contract names it");
    refused(&["show", "wether"], &["there are `weather`", "next: ", "--new"]);
    refused(&["reset", "weather", "--why", " "], &["1 to 500 characters", "next: "]);

    let why = "the vendor says so";
    let told = breaker(&["force-open", "weather", "--why", why, "--for", "2h"]);
    assert!(told.starts_with("weather is now forced-open until "), "{told}");
    assert!(told.contains("(in 2 h)") && told.contains("-intent.json"), "{told}");
    assert!(told.contains("arn:aws:iam::000000000000:root"), "{told}");
    let shown = breaker(&["show", "weather"]);
    assert!(shown.starts_with("weather is forced-open since ") && shown.contains(why), "{shown}");
    assert!(shown.contains("no event, as far as SQS counts"), "{shown}");
    let listed = breaker(&["list"]);
    assert!(listed.contains("\nweather  forced-open    "), "{listed}");
    for text in [&told, &shown, &listed] {
        assert!(!text.contains('\x1b'), "colours are for terminals: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let json = |words: &[&str]| -> Value {
        serde_json::from_str(&breaker(&[words, &["--format", "json"]].concat())).unwrap()
    };
    assert_eq!(json(&["show", "weather"])["breaker"]["forced"]["why"], why);
    assert_eq!(json(&["list"])["breakers"][0]["state"], "forced-open");
    let done = json(&["disable", "our-own", "--why", "w", "--new"]);
    assert_eq!(done["breaker"]["name"], "our-own");
    let done = json(&["release", "weather", "--why", "it is back"]);
    assert_eq!((&done["act"], &done["breaker"]["forced"]), (&"release".into(), &Value::Null));
    refused(&["release", "weather", "--why", "again"], &["nothing to release", "breaker show"]);
    let done = json(&["force-close", "weather", "--why", "w"]);
    assert!(done["until"].is_string(), "it ends, unless it is said otherwise: {done}");
    let done = json(&["disable", "weather", "--why", "w", "--indefinitely"]);
    assert_eq!((&done["breaker"]["state"], &done["until"]), (&"disabled".into(), &Value::Null));
    let done = json(&["reset", "weather", "--why", "w"]);
    assert_eq!(done["breaker"]["state"], "closed");
}

/// A folder that does not exist yet. It is removed when the value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let _ = std::fs::remove_dir_all(&folder.0);
        folder
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Sends a request to SQS, and returns the answer.
fn ask_sqs(up: &Up, operation: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&up.address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: AmazonSQS.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        up.address,
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// The number of messages in a queue, by the status.
fn held(status: &Value, queue: &str) -> u64 {
    let queues = status["queues"].as_array().unwrap();
    let queue = queues.iter().find(|each| each["name"] == queue).unwrap();
    ["visible", "in_flight", "delayed"].iter().map(|state| queue[state].as_u64().unwrap()).sum()
}

#[test]
fn what_was_there_is_there_when_it_is_started_again_with_its_state() {
    let folder = Folder::new("kept");
    let options = ["--state", folder.path()];
    let mut up = Up::start_with(&options);
    let url = format!("{}/000000000000/by-hand", up.endpoint());
    ask_sqs(&up, "CreateQueue", r#"{"QueueName":"by-hand"}"#);
    ask_sqs(&up, "SendMessage", &format!(r#"{{"QueueUrl":"{url}","MessageBody":"kept"}}"#));
    assert_eq!(held(&up.status(), "by-hand"), 1);
    // Only one emulation at a time may use the folder.
    let second = run(root(), &[&["local", "up", "--port", "0"], &options[..]].concat());
    check_failed(&second, &[folder.path(), "another emulation keeps its state there"]);
    up.interrupt();
    assert_eq!(up.child.wait().unwrap().code(), Some(0));

    let mut up = Up::start_with(&options);
    assert_eq!(held(&up.status(), "by-hand"), 1);
    // If the folder can no longer be written, the program must not report success.
    std::fs::remove_dir_all(&folder.0).unwrap();
    up.interrupt();
    assert_eq!(up.child.wait().unwrap().code(), Some(2));

    let foreign =
        run(root(), &["local", "up", "--port", "0", "--state", env!("CARGO_MANIFEST_DIR")]);
    check_failed(&foreign, &["no emulation's state", "give a folder that is empty"]);
}

#[test]
fn nobody_there_is_told_in_one_line_with_what_to_do() {
    let Nobody { endpoint, .. } = &Nobody::there();
    let asked = run(Path::new("/"), &["local", "status", "--endpoint", endpoint]);
    check_failed(&asked, &[endpoint, "refused", "`sluicegate local up` starts it"]);
    let text = String::from_utf8_lossy(&asked.stderr);
    assert_eq!(text.matches("because: ").count(), 1, "{text}");
}

#[test]
fn what_cannot_be_sent_is_refused_before_anyone_is_asked() {
    let send = |words: &[&str]| run(root(), &[&["local", "send"], words].concat());
    check_failed(&send(&["flights", "no.ndjson"]), &["no.ndjson", "because: No such", "next: "]);
    check_failed(
        &send(&["flights", "README.md"]),
        &["README.md", ".ndjson, .jsonl, .json or .csv"],
    );
    check_failed(&send(&["nights", "no.ndjson"]), &["nights", "next: "]);
    let outside = run(Path::new("/"), &["local", "send", "x", sample().to_str().unwrap()]);
    check_failed(&outside, &["there is no template.yaml", "give --bucket"]);
}

#[test]
fn what_cannot_be_compacted_is_refused_with_what_to_do() {
    let Nobody { endpoint, .. } = &Nobody::there();
    let compact = |folder: &Path, words: &[&str]| {
        run(folder, &[&["lake", "compact", "--endpoint", endpoint], words].concat())
    };
    check_failed(&compact(root(), &["--older-than", "5m"]), &["too short", "give at least 20m"]);
    check_failed(&compact(root(), &["--keep-replaced", "19m"]), &["too short", "20 minutes"]);
    check_failed(&compact(root(), &["--target-size", "128"]), &["--target-size", "such as 128MB"]);
    let outside = compact(Path::new("/"), &["--bucket", "lake"]);
    check_failed(&outside, &["there is no template.yaml", "--dedupe-table"]);
    let named = ["--bucket", "lake", "--dedupe-table", "dedupe"];
    let nobody = compact(Path::new("/"), &named);
    check_failed(&nobody, &["s3://lake cannot be listed", "`sluicegate local up` starts it"]);
}

#[test]
fn a_breaker_that_cannot_be_reached_is_told_of_with_what_to_do() {
    let Nobody { endpoint, .. } = &Nobody::there();
    let list = |folder: &Path, words: &[&str]| run(folder, &[&["breaker", "list"], words].concat());
    let here = ["--endpoint", endpoint];
    check_failed(&list(root(), &here), &["does not answer", "`sluicegate local up` starts it"]);
    check_failed(&list(Path::new("/"), &here), &["there is no template.yaml", "give --url"]);
    let url = format!("{endpoint}/function-urls/operators/");
    check_failed(&list(Path::new("/"), &["--url", &url]), &[&url[..20], "does not answer"]);
    let mut away = sluicegate(Path::new("/"), &["breaker", "list", "--endpoint", "aws"]);
    let away = away
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .env("AWS_REGION", "eu-west-1");
    check_failed(&away.output().unwrap(), &["OperatorsUrl", "give --stack, or --url"]);
}

#[test]
fn a_hung_answer_is_told_of() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // Each connection is closed without an answer, as long as the tests run.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let asked = run(Path::new("/"), &["local", "status", "--endpoint", &endpoint]);
    let told = ["/_sluicegate/status got no answer: asking SQS", &endpoint, "next: "];
    check_failed(&asked, &told);
}
