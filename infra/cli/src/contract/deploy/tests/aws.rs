//! CloudFormation and S3 at one address, with one stack.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/>

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::root;

pub(super) const STACK: &str = "prod";
pub(super) const CONTRACTS_BEFORE: &str = "s3://packages/sluicegate/0123";

/// One call: an action of CloudFormation with its form, or the method of a request to S3.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) name: String,
    pub(super) form: BTreeMap<String, String>,
}

pub(super) struct State {
    pub(super) template: String,
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) called: Vec<Called>,
    pub(super) status: &'static str,
    pub(super) environment: &'static str,
    /// The action, type and replacement of a change besides those of versions and functions.
    pub(super) change: (&'static str, &'static str, &'static str),
    /// How an update ends.
    pub(super) ending: &'static str,
    /// The token of what is executed.
    token: String,
}

pub(super) struct Aws {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

/// The repository's template as SAM deploys it.
pub(super) fn template() -> String {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let text =
        text.replace("ContentUri: infra/contracts", &format!("ContentUri: {CONTRACTS_BEFORE}"));
    text.replace("CodeUri: .", "CodeUri: s3://packages/sluicegate/code").trim_end().to_owned()
}

impl Aws {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            template: template(),
            objects: BTreeMap::new(),
            called: Vec::new(),
            status: "UPDATE_COMPLETE",
            environment: "production",
            change: ("Modify", "AWS::Lambda::Function", "False"),
            ending: "UPDATE_COMPLETE",
            token: String::new(),
        }));
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let served = Arc::clone(&served);
                std::thread::spawn(move || serve(&mut stream.unwrap(), &served));
            }
        });
        Self { url, state }
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(super) fn called(&self) -> Vec<Called> {
        self.state.lock().unwrap().called.clone()
    }

    pub(super) fn object(&self, place: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().objects.get(place).cloned()
    }
}

/// Answers one request of a connection.
fn serve(stream: &mut TcpStream, state: &Mutex<State>) {
    let Some((head, body)) = read(stream) else { return };
    let mut state = state.lock().unwrap();
    let (status, answer) = answer(&head, body, &mut state);
    let length = answer.len();
    let head =
        format!("HTTP/1.1 {status} S\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&answer).unwrap();
}

/// Reads the head of a request, and its body by its length. `None` if the connection ends without one.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut request, mut buffer) = (Vec::new(), [0; 65_536]);
    loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(request[..end].to_vec()).unwrap();
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            if request.len() >= end + 4 + length {
                return Some((head, request[end + 4..].to_vec()));
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
}

fn answer(head: &str, body: Vec<u8>, state: &mut State) -> (u16, Vec<u8>) {
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if path == "/" {
        assert!(head.contains("/cloudformation/aws4_request"), "{head}");
        let mut form = form_of(&String::from_utf8(body).unwrap());
        assert_eq!(form.remove("Version").as_deref(), Some("2010-05-15"));
        let name = form.remove("Action").unwrap();
        assert_eq!(form["StackName"], STACK);
        state.called.push(Called { name: name.clone(), form: form.clone() });
        return (200, of_action(&name, &form, state).into_bytes());
    }
    assert!(head.contains("/s3/aws4_request"), "{head}");
    let place = path.split('?').next().unwrap().trim_start_matches('/').to_owned();
    state.called.push(Called { name: method.to_owned(), form: BTreeMap::new() });
    match method {
        "PUT" => {
            state.objects.insert(place, body);
            (200, Vec::new())
        }
        "GET" => match state.objects.get(&place) {
            Some(object) => (200, object.clone()),
            None => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        },
        other => panic!("{other}"),
    }
}

fn form_of(body: &str) -> BTreeMap<String, String> {
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn of_action(name: &str, form: &BTreeMap<String, String>, state: &mut State) -> String {
    let result = match name {
        "DescribeStacks" => format!(
            "<Stacks><member><StackName>{STACK}</StackName><StackStatus>{}</StackStatus><Parameters>\
             <member><ParameterKey>Environment</ParameterKey><ParameterValue>{}</ParameterValue></member>\
             <member><ParameterKey>LogLevel</ParameterKey><ParameterValue>info</ParameterValue></member></Parameters>\
             <Capabilities><member>CAPABILITY_IAM</member></Capabilities>\
             <Tags><member><Key>team</Key><Value>data &amp; more</Value></member></Tags></member></Stacks>",
            state.status, state.environment
        ),
        "GetTemplate" => {
            assert_eq!(form["TemplateStage"], "Original");
            let text =
                state.template.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!(
                "<StagesAvailable><member>Original</member></StagesAvailable><TemplateBody>{text}</TemplateBody>"
            )
        }
        "CreateChangeSet" => "<Id>arn:aws:cloudformation:eu-west-1:1:changeSet/c/1</Id>".to_owned(),
        "DescribeChangeSet" => change_set(form, state),
        "ExecuteChangeSet" => {
            state.token.clone_from(&form["ClientRequestToken"]);
            String::new()
        }
        "DeleteChangeSet" => String::new(),
        "DescribeStackEvents" => events(state),
        other => panic!("{other}"),
    };
    format!("<{name}Response><{name}Result>{result}</{name}Result></{name}Response>")
}

/// It is not there at once, and has two pages.
fn change_set(form: &BTreeMap<String, String>, state: &State) -> String {
    let looks = state.called.iter().filter(|call| call.name == "DescribeChangeSet").count();
    if looks == 1 {
        return "<Status>CREATE_IN_PROGRESS</Status>".to_owned();
    }
    let change = |id: &str, (action, kind, replacement): (&str, &str, &str)| {
        format!(
            "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
             <LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <Replacement>{replacement}</Replacement></ResourceChange></member>"
        )
    };
    let (changes, more) = match form.get("NextToken").map(String::as_str) {
        None => {
            let layer = "AWS::Lambda::LayerVersion";
            let added = change("ContractsLayer1", ("Add", layer, ""));
            (
                added + &change("ContractsLayer0", ("Remove", layer, "")),
                "<NextToken>two</NextToken>",
            )
        }
        Some("two") => (change("IngestFunction", state.change), ""),
        Some(other) => panic!("{other}"),
    };
    format!("<Status>CREATE_COMPLETE</Status><Changes>{changes}</Changes>{more}")
}

/// The newest are the first. Those of an earlier update are there too.
fn events(state: &State) -> String {
    let event = |id: &str, status: &str, reason: &str, token: &str| {
        format!(
            "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason>\
             <ClientRequestToken>{token}</ClientRequestToken></member>"
        )
    };
    let earlier = event(STACK, "UPDATE_COMPLETE", "", "earlier");
    let looks = state.called.iter().filter(|call| call.name == "DescribeStackEvents").count();
    let token = state.token.as_str();
    let own = match looks {
        1 => String::new(),
        2 => event(STACK, "UPDATE_IN_PROGRESS", "User Initiated", token),
        _ => {
            let mut all = event(STACK, state.ending, "", token);
            if state.ending != "UPDATE_COMPLETE" {
                all +=
                    &event("EnrichFunction", "UPDATE_FAILED", "Resource update cancelled", token);
                all += &event("IngestFunction", "UPDATE_FAILED", "the alarm went off", token);
            }
            all + &event(STACK, "UPDATE_IN_PROGRESS", "User Initiated", token)
        }
    };
    format!("<StackEvents>{own}{earlier}</StackEvents>")
}
