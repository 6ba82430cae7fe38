//! `AWS::Serverless::Function` and `AWS::Serverless::LayerVersion`.
//!
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html.
//! A function is a cargo binary on `provided.al2023` that `rust-cargolambda` builds. The emulation
//! runs it on this machine's architecture, whatever the template declares.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::fields::{Fields, Harmless};
use super::super::model::{Function, RecursiveLoop, Role, UrlAuth};
use super::mapping::Events;
use super::{Context, mapping, role};

const HARMLESS: &[Harmless] = &[
    ("Architectures", "a function's architecture"),
    ("AutoPublishAlias", "a function's alias"),
    ("DeploymentPreference", "gradual deployment"),
    ("EphemeralStorage", "the size of /tmp"),
    ("KmsKeyArn", "encryption"),
    ("PropagateTags", "tagging"),
    ("RuntimeManagementConfig", "runtime updates"),
    ("Tags", "tagging"),
    ("VpcConfig", "a function's network"),
];
const RUNTIMES: &[&str] = &["provided.al2023"];
const MAX_LAYERS: usize = 5;
/// The limit for all variables of a function together, in bytes.
const MAX_ENVIRONMENT_BYTES: usize = 4096;
/// The variables that Lambda sets itself:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
const RESERVED_VARIABLES: [&str; 18] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// A function, the role that SAM makes for it if it names none, and what its `Events` declare.
pub(super) fn read(
    context: &Context<'_>,
    mut fields: Fields<'_>,
    layers: &BTreeMap<String, PathBuf>,
) -> (Function, Option<Role>, Events) {
    for key in ["CodeUri", "Handler", "Runtime"] {
        fields.required(key);
    }
    fields.ignore(&[
        "AutoPublishAliasAllProperties",
        "AutoPublishCodeSha256",
        "VersionDescription",
    ]);
    fields.ignore(&["Description", "FunctionName"]);
    fields.harmless(context.id(), HARMLESS);
    fields.one_of("Runtime", RUNTIMES);
    fields.one_of("PackageType", &["Zip"]);
    let timeout = fields.integer("Timeout", 1..=900).unwrap_or(3);
    let memory_mb = fields.integer("MemorySize", 128..=10_240).unwrap_or(128);
    let reserved_concurrency = fields.integer("ReservedConcurrentExecutions", 0..=100_000);
    let url = fields.fields("FunctionUrlConfig").map(function_url);
    let recursive_loop = match fields.one_of("RecursiveLoop", &["Allow", "Terminate"]) {
        Some("Allow") => RecursiveLoop::Allow,
        _ => RecursiveLoop::Terminate,
    };
    let environment = fields.fields("Environment").map(environment).unwrap_or_default();
    let layers = used_layers(&mut fields, layers);
    let log_group = fields.fields("LoggingConfig").and_then(|config| log_group(context, config));
    let is_traced = fields.one_of("Tracing", &["Active", "PassThrough", "Disabled"]);
    if is_traced.is_some() {
        context.report.harmless("X-Ray tracing (Tracing)".to_owned(), context.id());
    }
    let events = fields.entry("Events").map(|entry| &entry.value);
    let events = events.map(|node| {
        let path = fields.path("Events");
        mapping::events(context, Fields::open(context.report, node, path))
    });
    let events = events.unwrap_or_default();
    let given = role::of_function(context, &mut fields, is_traced == Some("Active"), &events);
    fields.finish();
    let function = Function {
        logical_id: context.id().to_owned(),
        name: context.physical.name.clone(),
        arn: context.attribute("Arn"),
        role: given.arn,
        log_group,
        binary: binary(context),
        timeout: Duration::from_secs(timeout.into()),
        memory_mb,
        environment,
        layers,
        reserved_concurrency,
        url,
        recursive_loop,
    };
    (function, given.made, events)
}

/// The folder of a layer, which is relative to the template's.
pub(super) fn layer(context: &Context<'_>, mut fields: Fields<'_>) -> PathBuf {
    fields.required("ContentUri");
    if let Some(uri) = fields.text("ContentUri")
        && uri.contains("://")
    {
        fields.problem(fields.line(), "ContentUri", "must be a folder beside the template");
    }
    fields.ignore(&[
        "CompatibleArchitectures",
        "CompatibleRuntimes",
        "Description",
        "LayerName",
        "LicenseInfo",
        "RetentionPolicy",
    ]);
    fields.finish();
    PathBuf::from(&context.physical.name)
}

fn function_url(mut fields: Fields<'_>) -> UrlAuth {
    fields.required("AuthType");
    let auth = match fields.one_of("AuthType", &["AWS_IAM", "NONE"]) {
        Some("NONE") => UrlAuth::None,
        _ => UrlAuth::AwsIam,
    };
    fields.one_of("InvokeMode", &["BUFFERED"]);
    fields.finish();
    auth
}

/// The log group of a function. The format of log lines makes no difference here.
fn log_group(context: &Context<'_>, mut fields: Fields<'_>) -> Option<String> {
    let format = "a function's log format (LoggingConfig)";
    context.report.harmless(format.to_owned(), context.id());
    fields.ignore(&["ApplicationLogLevel", "LogFormat", "SystemLogLevel"]);
    let log_group = fields.text("LogGroup").map(str::to_owned);
    fields.finish();
    log_group
}

fn environment(mut fields: Fields<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let mut bytes = 0;
    if let Some(variables) = fields.fields("Variables") {
        for (entry, value) in variables.into_texts() {
            let name = entry.key.as_str();
            if let Some(wrong) = wrong_with_variable(name) {
                fields.problem(entry.line, &format!("Variables.{name}"), wrong);
            }
            bytes += name.len() + value.len();
            environment.insert(name.to_owned(), value.to_owned());
        }
    }
    if bytes > MAX_ENVIRONMENT_BYTES {
        let message = format!("hold {bytes} bytes: Lambda allows {MAX_ENVIRONMENT_BYTES}");
        fields.problem(fields.line(), "Variables", message);
    }
    fields.finish();
    environment
}

fn wrong_with_variable(name: &str) -> Option<&'static str> {
    let letter = name.starts_with(|char: char| char.is_ascii_alphabetic());
    let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if RESERVED_VARIABLES.contains(&name) {
        Some("is reserved: Lambda sets it")
    } else if !letter || !allowed || name.len() < 2 {
        Some("must be two or more letters, digits and underscores, a letter first")
    } else {
        None
    }
}

fn used_layers(fields: &mut Fields<'_>, known: &BTreeMap<String, PathBuf>) -> Vec<PathBuf> {
    let mut layers = Vec::new();
    let texts = fields.texts("Layers");
    if texts.len() > MAX_LAYERS {
        let line = texts.first().map_or(fields.line(), |(_, line)| *line);
        fields.problem(line, "Layers", format!("are {}: Lambda allows {MAX_LAYERS}", texts.len()));
    }
    for (text, line) in texts {
        match known.get(text) {
            Some(folder) => layers.push(folder.clone()),
            None => {
                fields.problem(line, "Layers", format!("has {text}, no layer of this template"))
            }
        }
    }
    layers
}

/// `Metadata.BuildProperties.Binary`: the binary of the workspace that is the function.
fn binary(context: &Context<'_>) -> String {
    let path = format!("{}.Metadata", context.id());
    let build = context.declared.metadata.map(|node| {
        let mut fields = Fields::open(context.report, node, &path);
        fields.one_of("BuildMethod", &["rust-cargolambda"]);
        fields.fields("BuildProperties")
    });
    let Some(mut properties) = build.flatten() else {
        let message =
            format!("{path}.BuildProperties.Binary is required: the function's cargo binary");
        context.report.problem(context.declared.line, message);
        return String::new();
    };
    let binary = properties.required_text("Binary").unwrap_or_default().to_owned();
    properties.finish();
    binary
}
