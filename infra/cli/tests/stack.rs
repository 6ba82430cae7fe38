//! Finds a pipeline on AWS by the name of its stack. A server on this machine plays AWS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// SSO, CloudFormation and the operators' function at one address.
struct Aws {
    url: String,
    /// All requests, with head and body.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (served, here) = (Arc::clone(&asked), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (served, here) = (Arc::clone(&served), here.clone());
                std::thread::spawn(move || serve(&mut stream.unwrap(), &here, &served));
            }
        });
        Self { url, asked }
    }

    fn asked(&self, about: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| request.contains(about)).cloned().collect()
    }
}

/// Answers one request of a connection.
fn serve(stream: &mut TcpStream, here: &str, asked: &Mutex<Vec<String>>) {
    let request = read(stream);
    let body = answer(&request, here);
    asked.lock().unwrap().push(request);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
}

fn answer(request: &str, here: &str) -> String {
    if request.starts_with("GET /federation/credentials") {
        return r#"{"roleCredentials": {"accessKeyId": "SSO", "secretAccessKey": "secret",
            "sessionToken": "token", "expiration": 32472144000000}}"#
            .to_owned();
    }
    if request.starts_with("POST / ") {
        return format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs><member>\
             <OutputKey>OperatorsUrl</OutputKey><OutputValue>{here}/operators/</OutputValue>\
             </member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        );
    }
    r#"{"breakers": []}"#.to_owned()
}

/// Reads the head of a request, and the body by its length.
fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the request broke off: {text}");
        request.extend_from_slice(&buffer[..read]);
    }
}

/// Runs the program with the fixture's profiles and no other variables.
fn sluicegate(aws: &Aws, words: &[&str]) -> Output {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles");
    Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(words)
        .env_clear()
        .env("HOME", profiles.join("home"))
        .env("AWS_CONFIG_FILE", profiles.join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", profiles.join("credentials"))
        .env("AWS_ENDPOINT_URL", &aws.url)
        .current_dir("/")
        .output()
        .unwrap()
}

#[test]
fn whoever_is_signed_in_reaches_the_operators_function_by_the_stacks_name() {
    let aws = Aws::start();
    let words =
        ["breaker", "list", "--stack", "prod", "--profile", "signed-in", "--format", "json"];
    let done = sluicegate(&aws, &words);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), r#"{"breakers":[]}"#);
    let [signed_in] = &aws.asked("GET /federation/credentials")[..] else { panic!("asked once") };
    assert!(signed_in.contains("cached-token"), "{signed_in}");
    let [operated] = &aws.asked("GET /operators/v1/breakers ")[..] else { panic!("asked once") };
    assert!(operated.contains("Credential=SSO/"), "{operated}");
    assert!(operated.contains("/eu-west-1/lambda/aws4_request"), "{operated}");
}

#[test]
fn whoever_is_not_signed_in_is_told_so_before_anything_is_asked() {
    let aws = Aws::start();
    let words = ["breaker", "list", "--stack", "prod", "--profile", "signed-out"];
    let done = sluicegate(&aws, &words);
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("aws sso login --profile signed-out"), "{told}");
    assert!(aws.asked("").is_empty());
}

#[test]
fn a_shell_gets_its_completions() {
    let aws = Aws::start();
    let done = sluicegate(&aws, &["completions", "bash"]);
    let script = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && script.contains("force-open"), "{script}");
    assert_eq!(sluicegate(&aws, &["completions", "cmd"]).status.code(), Some(2));
}
