//! Secrets, through the official SDK.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use sluicegate_local_emulation::{Emulation, Options};

use super::injected_faults::config;
use super::{Root, TEMPLATE};

/// A function whose role may read secrets with names that begin with `own/`.
const READER: &str = r"
  Reader:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties: {FunctionName: reader, Role: !GetAtt ReaderRole.Arn}
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: reads
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: secretsmanager:GetSecretValue
                Resource: 'arn:aws:secretsmanager:eu-west-1:000000000000:secret:own/*'
";

fn root() -> Root {
    Root::new(&format!("{TEMPLATE}{READER}"))
}

fn client(world: &Emulation) -> Client {
    Client::new(&config(world))
}

/// A client with the credentials of a function.
fn client_of(world: &Emulation, function: &str) -> Client {
    let credentials =
        aws_sdk_secretsmanager::config::Credentials::new(function, "local", None, None, "a test");
    let config = aws_sdk_secretsmanager::config::Builder::from(&config(world));
    Client::from_conf(config.credentials_provider(credentials).build())
}

async fn text(client: &Client, id: &str) -> Result<String, (String, String)> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| {
        let (code, message) = (error.code(), error.message());
        (code.unwrap_or_default().to_owned(), message.unwrap_or_default().to_owned())
    });
    Ok(answer?.secret_string.unwrap_or_default())
}

#[tokio::test]
async fn a_secret_is_made_read_and_rotated() {
    let root = root();
    let world = Emulation::start(root.options()).await.unwrap();
    let client = client(&world);
    let made = client.create_secret().name("own/weather").secret_string("first").send().await;
    let arn = made.unwrap().arn.unwrap();
    assert_eq!(text(&client, &arn).await.unwrap(), "first");
    let put = client.put_secret_value().secret_id(&arn).secret_string("second").send().await;
    assert_eq!(put.unwrap().version_stages.unwrap(), ["AWSCURRENT"]);
    assert_eq!(text(&client, "own/weather").await.unwrap(), "second");
    let described = client.describe_secret().secret_id(&arn).send().await.unwrap();
    assert_eq!(described.version_ids_to_stages.unwrap().len(), 2);
    let (code, _) = text(&client, "own/other").await.unwrap_err();
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(world.secrets().text("own/weather").unwrap(), "second");
    world.shutdown().await;
}

#[tokio::test]
async fn a_function_reads_the_secrets_that_its_role_names_and_no_others() {
    let root = root();
    let world = Emulation::start(root.options()).await.unwrap();
    world.secrets().put("own/weather", "hush").unwrap();
    world.secrets().put("other/weather", "hush").unwrap();
    let reader = client_of(&world, "reader");
    assert_eq!(text(&reader, "own/weather").await.unwrap(), "hush");
    let (code, message) = text(&reader, "other/weather").await.unwrap_err();
    assert_eq!(code, "AccessDeniedException");
    let told = "is not authorized to perform: secretsmanager:GetSecretValue on resource: \
                arn:aws:secretsmanager:eu-west-1:000000000000:secret:other/weather-";
    assert!(message.contains(told), "{message}");
    let put = reader.put_secret_value().secret_id("own/weather").secret_string("x").send().await;
    assert_eq!(put.unwrap_err().code(), Some("AccessDeniedException"));
    // A caller that may read the name is told that the secret is missing, not that it is forbidden.
    assert_eq!(text(&reader, "own/gone").await.unwrap_err().0, "ResourceNotFoundException");
    let calls = world.calls();
    let reads = calls
        .iter()
        .find(|(call, _)| call.caller == "reader" && call.operation == "GetSecretValue");
    assert_eq!(reads.map(|(call, count)| (call.service, *count)), Some(("secretsmanager", 3)));
    world.shutdown().await;
}

#[tokio::test]
async fn secrets_are_part_of_the_state_that_is_kept() {
    let root = root();
    let options = || Options { state: Some(root.path.join("kept")), ..root.options() };
    let world = Emulation::start(options()).await.unwrap();
    world.secrets().put("own/weather", "first").unwrap();
    world.secrets().put("own/weather", "second").unwrap();
    world.close().await.unwrap();
    let world = Emulation::start(options()).await.unwrap();
    let previous = client(&world).get_secret_value().secret_id("own/weather");
    let previous = previous.version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string.unwrap(), "first");
    assert_eq!(world.secrets().text("own/weather").unwrap(), "second");
    world.shutdown().await;
}
