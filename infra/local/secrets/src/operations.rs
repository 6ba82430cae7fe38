//! The operations of the JSON 1.1 protocol: reads requests, and builds the answers.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::SecretError;
use super::errors::{invalid_parameter, invalid_request, unknown_operation, validation};
use super::secret::{CURRENT, Content, Secret};
use super::store::Store;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a deleted secret can be restored if the request does not say, in days.
const RECOVERY_DAYS: u64 = 30;
/// The longest content of a version, in bytes.
const MAX_CONTENT: usize = 65_536;

pub(super) fn answer(
    store: &mut Store,
    operation: &str,
    body: &[u8],
    now_ms: u64,
) -> Result<Value, SecretError> {
    if !["DescribeSecret", "GetSecretValue", "ListSecrets"].contains(&operation) {
        store.changes += 1;
    }
    match operation {
        "CreateSecret" => create(store, read(body)?, now_ms),
        "DeleteSecret" => delete(store, read(body)?, now_ms),
        "DescribeSecret" => describe(store, read(body)?, now_ms),
        "GetSecretValue" => get(store, read(body)?, now_ms),
        "ListSecrets" => list(store, read(body)?),
        "PutSecretValue" => put(store, read(body)?, now_ms),
        "RestoreSecret" => restore(store, read(body)?, now_ms),
        "UpdateSecret" => update(store, read(body)?, now_ms),
        "UpdateSecretVersionStage" => move_stage(store, read(body)?, now_ms),
        other => Err(unknown_operation(other)),
    }
}

/// Reads the members of a request. An unknown member is refused.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SecretError> {
    serde_json::from_slice(body).map_err(|error| validation(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

fn create(store: &mut Store, request: Create, now_ms: u64) -> Result<Value, SecretError> {
    let content = content(request.secret_string, request.secret_binary)?;
    let version = match content {
        Some(content) => Some((token(request.client_request_token)?, content)),
        None => None,
    };
    let id = version.as_ref().map(|(id, _)| id.clone());
    let version = version.as_ref().map(|(id, content)| (id.as_str(), content.clone()));
    let secret = store.create(&request.name, version, now_ms)?;
    secret.description = request.description;
    secret.kms_key_id = request.kms_key_id;
    secret.tags = request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok(named(store, &request.name, [("VersionId", id.map(Value::from))]))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

fn get(store: &mut Store, request: Get, now_ms: u64) -> Result<Value, SecretError> {
    let name = store.name_of(&request.secret_id).to_owned();
    let secret = store.find(&name, now_ms)?;
    let version =
        secret.version(request.version_id.as_deref(), request.version_stage.as_deref())?.clone();
    let (member, content) = match &version.content {
        Content::Text(text) => ("SecretString", Value::from(text.as_str())),
        Content::Bytes(bytes) => ("SecretBinary", Value::from(STANDARD.encode(bytes))),
    };
    let more = [
        (member, Some(content)),
        ("VersionId", Some(version.id.into())),
        ("VersionStages", Some(version.stages.into_iter().collect())),
        ("CreatedDate", Some(date(version.created_ms))),
    ];
    Ok(named(store, &name, more))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_stages: Option<BTreeSet<String>>,
}

fn put(store: &mut Store, request: Put, now_ms: u64) -> Result<Value, SecretError> {
    let id = token(request.client_request_token)?;
    let content = content(request.secret_string, request.secret_binary)?
        .ok_or_else(|| invalid_request("You must provide either SecretString or SecretBinary."))?;
    let stages = request.version_stages.unwrap_or_else(|| BTreeSet::from([CURRENT.to_owned()]));
    if stages.is_empty() {
        return Err(invalid_parameter("VersionStages must have at least one stage."));
    }
    let name = store.name_of(&request.secret_id).to_owned();
    let secret = store.find(&name, now_ms)?;
    secret.put(&id, content, &stages, now_ms)?;
    let stages = secret.version(Some(&id), None)?.stages.iter().cloned().collect();
    Ok(named(store, &name, [("VersionId", Some(id.into())), ("VersionStages", Some(stages))]))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    secret_id: String,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

fn update(store: &mut Store, request: Update, now_ms: u64) -> Result<Value, SecretError> {
    let name = store.name_of(&request.secret_id).to_owned();
    let content = content(request.secret_string, request.secret_binary)?;
    let secret = store.find(&name, now_ms)?;
    let mut id = None;
    if let Some(content) = content {
        let token = token(request.client_request_token)?;
        secret.put(&token, content, &BTreeSet::from([CURRENT.to_owned()]), now_ms)?;
        id = Some(token);
    }
    secret.description = request.description.or(secret.description.take());
    secret.kms_key_id = request.kms_key_id.or(secret.kms_key_id.take());
    secret.changed_ms = now_ms;
    Ok(named(store, &name, [("VersionId", id.map(Value::from))]))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    secret_id: String,
}

fn describe(store: &mut Store, request: Named, now_ms: u64) -> Result<Value, SecretError> {
    let name = store.name_of(&request.secret_id).to_owned();
    let secret = store.find_any(&name, now_ms)?.clone();
    Ok(description(store, &name, &secret, "VersionIdsToStages"))
}

/// Filters and pages are not implemented.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    include_planned_deletion: Option<bool>,
}

fn list(store: &Store, request: List) -> Result<Value, SecretError> {
    let includes_deleted = request.include_planned_deletion.unwrap_or_default();
    let mut secrets = Vec::new();
    for (name, secret) in &store.secrets {
        if includes_deleted || secret.deleted_ms.is_none() {
            secrets.push(description(store, name, secret, "SecretVersionsToStages"));
        }
    }
    Ok(json!({ "SecretList": secrets }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    secret_id: String,
    recovery_window_in_days: Option<u64>,
    force_delete_without_recovery: Option<bool>,
}

fn delete(store: &mut Store, request: Delete, now_ms: u64) -> Result<Value, SecretError> {
    let is_forced = request.force_delete_without_recovery.unwrap_or_default();
    let days = request.recovery_window_in_days;
    if is_forced && days.is_some() {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    if days.is_some_and(|days| !(7..=30).contains(&days)) {
        return Err(invalid_parameter(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let name = store.name_of(&request.secret_id).to_owned();
    let secret = match is_forced {
        true => store.find_any(&name, now_ms)?,
        false => store.find(&name, now_ms)?,
    };
    let days = if is_forced { 0 } else { days.unwrap_or(RECOVERY_DAYS) };
    let deleted_ms = now_ms + days * DAY_MS;
    secret.deleted_ms = Some(deleted_ms);
    Ok(named(store, &name, [("DeletionDate", Some(date(deleted_ms)))]))
}

fn restore(store: &mut Store, request: Named, now_ms: u64) -> Result<Value, SecretError> {
    let name = store.name_of(&request.secret_id).to_owned();
    store.find_any(&name, now_ms)?.deleted_ms = None;
    Ok(named(store, &name, []))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MoveStage {
    secret_id: String,
    version_stage: String,
    remove_from_version_id: Option<String>,
    move_to_version_id: Option<String>,
}

fn move_stage(store: &mut Store, request: MoveStage, now_ms: u64) -> Result<Value, SecretError> {
    let name = store.name_of(&request.secret_id).to_owned();
    let secret = store.find(&name, now_ms)?;
    let (stage, to) = (request.version_stage.as_str(), request.move_to_version_id.as_deref());
    if let Some(to) = to {
        secret.version(Some(to), None)?;
    }
    let has = secret.version(None, Some(stage)).ok().map(|version| version.id.clone());
    if has != request.remove_from_version_id && has.as_deref() != to {
        return Err(invalid_parameter(format!(
            "The parameter RemoveFromVersionId must name the version that has the staging label {stage}."
        )));
    }
    secret.move_stage(stage, to);
    secret.changed_ms = now_ms;
    Ok(named(store, &name, []))
}

/// The id of the new version, which callers send as `ClientRequestToken`.
fn token(given: Option<String>) -> Result<String, SecretError> {
    let token = given.ok_or_else(|| {
        invalid_request(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        )
    })?;
    match (32..=64).contains(&token.len()) {
        true => Ok(token),
        false => Err(invalid_parameter("ClientRequestToken must be 32-64 characters long.")),
    }
}

fn content(text: Option<String>, bytes: Option<String>) -> Result<Option<Content>, SecretError> {
    let content = match (text, bytes) {
        (Some(_), Some(_)) => {
            return Err(invalid_parameter(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            ));
        }
        (Some(text), None) => Content::Text(text),
        (None, Some(bytes)) => {
            let bytes = STANDARD.decode(bytes);
            Content::Bytes(bytes.map_err(|_| validation("SecretBinary is not valid base64."))?)
        }
        (None, None) => return Ok(None),
    };
    let length = match &content {
        Content::Text(text) => text.len(),
        Content::Bytes(bytes) => bytes.len(),
    };
    match (1..=MAX_CONTENT).contains(&length) {
        true => Ok(Some(content)),
        false => Err(invalid_parameter("The secret value must be from 1 to 65536 bytes long.")),
    }
}

/// The answer about a secret: its ARN, its name and those of `more` that have a value.
fn named<const N: usize>(store: &Store, name: &str, more: [(&str, Option<Value>); N]) -> Value {
    let mut answer = Map::new();
    answer.insert("ARN".to_owned(), store.arn(name).into());
    answer.insert("Name".to_owned(), name.into());
    for (member, value) in more {
        answer.extend(value.map(|value| (member.to_owned(), value)));
    }
    answer.into()
}

fn description(store: &Store, name: &str, secret: &Secret, stages: &str) -> Value {
    let versions: BTreeMap<_, _> = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty())
        .map(|version| (version.id.as_str(), &version.stages))
        .collect();
    let tags = secret.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
    let more = [
        ("Description", secret.description.as_deref().map(Value::from)),
        ("KmsKeyId", secret.kms_key_id.as_deref().map(Value::from)),
        ("CreatedDate", Some(date(secret.created_ms))),
        ("LastChangedDate", Some(date(secret.changed_ms))),
        ("DeletedDate", secret.deleted_ms.map(date)),
        ("Tags", Some(tags.collect())),
        (stages, (!versions.is_empty()).then(|| json!(versions))),
    ];
    named(store, name, more)
}

/// Seconds since the Unix epoch.
fn date(ms: u64) -> Value {
    let seconds = std::time::Duration::from_millis(ms).as_secs_f64();
    json!(seconds)
}
