//! A contract in the Open Data Contract Standard (ODCS) 3.1:
//! <https://bitol-io.github.io/open-data-contract-standard/v3.1.0/>.

use contracts::{AllowedSource, Contract, Target, TimeRule, VersionState};

use super::merged::Part;
use super::properties::{Describer, Places, member};
use crate::contract::ordered_json::Json;
use crate::contract::versions::mode_of;

/// The version of the standard.
const STANDARD: &str = "v3.1.0";

/// The document of a contract. What the standard has no word for is in `customProperties`.
pub(super) fn document_of(contract: &Contract) -> Json {
    let mut members = vec![
        member("apiVersion", Json::text(STANDARD)),
        member("kind", Json::text("DataContract")),
        member("id", Json::text(&contract.dataset)),
        member("name", Json::text(&contract.dataset)),
        member("version", Json::text(&contract.version.to_string())),
        member("status", Json::text("active")),
        member(
            "description",
            Json::Members(vec![member("purpose", Json::text(&contract.description))]),
        ),
        member("team", Json::Members(vec![member("name", Json::text(&contract.owner))])),
    ];
    members.extend(contract.domain.as_ref().map(|domain| member("domain", Json::text(domain))));
    if !contract.tags.is_empty() {
        members.push(member("tags", list(&contract.tags)));
    }
    members.extend([
        member("schema", Json::List(vec![events_of(contract)])),
        member("slaProperties", Json::List(levels_of(contract))),
        member("customProperties", Json::List(custom_of(contract))),
    ]);
    Json::Members(members)
}

/// The events of the active version.
fn events_of(contract: &Contract) -> Json {
    let merged = Part::root(&contract.schema).merged();
    let places = Places { keys: &contract.keys.idempotency, personal: &contract.personal_data };
    let mut members = vec![
        member("name", Json::text(&contract.dataset)),
        member("logicalType", Json::text("object")),
        member("physicalType", Json::text("event")),
    ];
    members.extend(merged.text("title").map(|title| member("businessName", Json::text(title))));
    let description = merged.text("description").unwrap_or(&contract.description);
    members.push(member("description", Json::text(description)));
    let properties = Describer::new(places).properties(&merged, "", 1);
    members.push(member("properties", Json::List(properties)));
    Json::Members(members)
}

/// The objectives, and for how long rows of tables are kept, where they expire.
fn levels_of(contract: &Contract) -> Vec<Json> {
    let mut levels = objectives_of(contract);
    for sink in &contract.sinks {
        let Target::Table(table) = &sink.target else { continue };
        if let Some(days) = table.ttl_days {
            levels.push(Json::Members(vec![
                member("property", Json::text("retention")),
                member("value", number(days)),
                member("unit", Json::text("d")),
                member("element", Json::text(&contract.dataset)),
                member(
                    "description",
                    Json::text(&format!("Rows of the sink {} expire.", sink.name)),
                ),
            ]));
        }
    }
    levels
}

fn objectives_of(contract: &Contract) -> Vec<Json> {
    let objectives = &contract.objectives;
    let seconds = |time: std::time::Duration| time.as_secs().to_string();
    let promises = [
        ("frequency", objectives.freshness.map(seconds), "s"),
        ("completeness", objectives.delivered_percent.map(|it| it.to_string()), "%"),
        ("latency", objectives.latency_p99.map(seconds), "s"),
        ("duplicates", objectives.duplicate_percent.map(|it| it.to_string()), "%"),
    ];
    let mut levels = Vec::new();
    for (property, value, unit) in promises {
        let Some(value) = value else { continue };
        levels.push(Json::Members(vec![
            member("property", Json::text(property)),
            member("value", Json::Plain(value)),
            member("unit", Json::text(unit)),
            member("element", Json::text(&contract.dataset)),
        ]));
    }
    levels
}

fn custom_of(contract: &Contract) -> Vec<Json> {
    let keys = &contract.keys;
    let mut all = vec![
        custom("idempotencyKey", list(&keys.idempotency)),
        custom("businessKey", list(&keys.business)),
        custom("eventTime", Json::text(&keys.event_time.to_string())),
        custom("idempotencyDays", number(contract.retention_days)),
        custom("compatibility", Json::text(&mode_of(contract).to_string())),
        custom("schemaVersions", Json::List(versions_of(contract))),
        custom("sinks", Json::List(sinks_of(contract))),
    ];
    all.extend(contract.contact.as_ref().map(|contact| custom("contact", Json::text(contact))));
    if let Some(sources) = contract.sources.listed() {
        let names: Vec<String> = sources.iter().map(|source| source.kind.to_string()).collect();
        all.push(custom("sources", list(&names)));
        let senders = senders_of(sources);
        if !senders.is_empty() {
            all.push(custom("senders", Json::List(senders)));
        }
    }
    if let Some(changes) = &contract.changes {
        let table = changes.table.as_deref().unwrap_or_default();
        all.push(custom("changesOf", Json::text(&format!("{} {table}", changes.kind))));
    }
    for (name, pointer) in [
        ("sequence", &keys.sequence),
        ("tenantPointer", &contract.tenant),
        ("regionPointer", &contract.region),
    ] {
        all.extend(pointer.as_ref().map(|pointer| custom(name, Json::text(pointer))));
    }
    for (name, rule) in
        [("allowedLateness", contract.time.lateness), ("allowedSkew", contract.time.skew)]
    {
        all.extend(rule.map(|rule| custom(name, json_of_rule(rule))));
    }
    for (name, values) in
        [("personalData", &contract.personal_data), ("csvMissing", &contract.csv.missing)]
    {
        if !values.is_empty() {
            all.push(custom(name, list(values)));
        }
    }
    if !contract.enrichers.is_empty() {
        let enrichers = contract.enrichers.iter();
        all.push(custom(
            "enrichers",
            Json::List(enrichers.map(|it| Json::text(&it.name)).collect()),
        ));
    }
    all
}

fn json_of_rule(TimeRule { allowed, beyond }: TimeRule) -> Json {
    Json::Members(vec![
        member("seconds", Json::Plain(allowed.as_secs().to_string())),
        member("beyond", Json::text(beyond.as_str())),
    ])
}

fn versions_of(contract: &Contract) -> Vec<Json> {
    let mut versions = Vec::new();
    for version in contract.versions.iter() {
        let mut members = vec![member("version", number(version.version))];
        match version.state {
            VersionState::Active => members.push(member("state", Json::text("active"))),
            VersionState::Canary { .. } => members.push(member("state", Json::text("canary"))),
            VersionState::Deprecated { until } => {
                members.push(member("state", Json::text("deprecated")));
                members.push(member("until", Json::text(&until.date())));
            }
        }
        versions.push(Json::Members(members));
    }
    versions
}

fn sinks_of(contract: &Contract) -> Vec<Json> {
    let mut sinks = Vec::new();
    for sink in &contract.sinks {
        let kind = sink.kind().to_string();
        sinks.push(Json::Members(vec![
            member("name", Json::text(&sink.name)),
            member("kind", Json::text(&kind)),
        ]));
    }
    sinks
}

/// Who may send, for each way for which the contract says so.
fn senders_of(sources: &[AllowedSource]) -> Vec<Json> {
    let mut all = Vec::new();
    for source in sources {
        let Some(senders) = source.senders() else { continue };
        let senders: Vec<String> = senders.into_iter().map(str::to_owned).collect();
        all.push(Json::Members(vec![
            member("source", Json::text(&source.kind.to_string())),
            member("senders", list(&senders)),
        ]));
    }
    all
}

fn custom(name: &str, value: Json) -> Json {
    Json::Members(vec![member("property", Json::text(name)), member("value", value)])
}

fn list(texts: &[String]) -> Json {
    Json::List(texts.iter().map(|text| Json::text(text)).collect())
}

fn number(value: u32) -> Json {
    Json::Plain(value.to_string())
}
