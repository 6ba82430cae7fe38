//! `sluicegate contracts show` shows a contract, with the defaults of what it does not set.

use std::path::Path;
use std::process::ExitCode;

use contracts::{Contract, TimeRule, VersionState};
use serde_json::{Value, json};

use super::args::Show;
use super::list::{json_of_sinks, versions_of};
use super::versions::mode_of;
use crate::failure::Failure;
use crate::folder::folder_of;
use crate::options::{Color, Format};
use crate::output::Output;
use crate::output::page::Page;

pub(super) fn show(root: &Path, args: &Show, output: &Output) -> Result<ExitCode, Failure> {
    let folder = folder_of(root, &args.dataset)?;
    let contract = folder.usable_contract()?;
    match args.format {
        Format::Json => output.result(&json_of(&contract).to_string()),
        Format::Text => output.result(&text_of(&contract, &Page::new(output, Color::Never))),
    }
    Ok(ExitCode::SUCCESS)
}

/// The ways by which events may come, such as `files, inbox from {CHECKOUT_ROLE}`; empty if all are allowed.
fn text_of_sources(contract: &Contract) -> String {
    let mut texts = Vec::new();
    for source in contract.sources.listed().unwrap_or_default() {
        texts.push(match source.senders() {
            Some(senders) => format!("{} from {}", source.kind, senders.join(" ")),
            None => source.kind.to_string(),
        });
    }
    texts.join(", ")
}

/// The ways by which events may come, as a contract has them; `None` if all are allowed.
fn json_of_sources(contract: &Contract) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for source in contract.sources.listed()? {
        let name = source.kind.to_string();
        all.push(match source.senders() {
            Some(senders) => json!({ name: { "senders": senders } }),
            None => Value::from(name),
        });
    }
    Some(all)
}

/// Whose changes the events are, such as `dynamodb orders`; `None` if they are no changes.
fn changes_of(contract: &Contract) -> Option<String> {
    let changes = contract.changes.as_ref()?;
    let table = changes.table.as_deref().unwrap_or("any table");
    Some(format!("{} {table}", changes.kind))
}

fn text_of(contract: &Contract, page: &Page) -> String {
    let mut lines = Vec::new();
    let keys = &contract.keys;
    for (label, text) in [
        ("dataset", contract.dataset.clone()),
        ("what", contract.description.clone()),
        ("owner", contract.owner.clone()),
        ("contact", contract.contact.clone().unwrap_or_default()),
        ("domain", contract.domain.clone().unwrap_or_default()),
        ("tags", contract.tags.join(", ")),
        ("sources", text_of_sources(contract)),
        ("changes", changes_of(contract).unwrap_or_default()),
        ("versions", versions_of(contract)),
        ("keeps", mode_of(contract).to_string()),
        ("key", keys.idempotency.join(", ")),
        ("subject", keys.business.join(", ")),
        ("time", keys.event_time.to_string()),
        ("lateness", text_of_rule(contract.time.lateness)),
        ("skew", text_of_rule(contract.time.skew)),
        ("sequence", keys.sequence.clone().unwrap_or_default()),
        ("tenant", contract.tenant.clone().unwrap_or_default()),
        ("region", contract.region.clone().unwrap_or_default()),
        ("personal", contract.personal_data.join(", ")),
        ("known", format!("{} days", contract.retention_days)),
    ] {
        lines.extend(page.line_if_any(label, &text));
    }
    for enricher in &contract.enrichers {
        let text = format!(
            "{} into {} (dependency {})",
            enricher.name, enricher.into, enricher.dependency
        );
        lines.extend(page.line("enricher", &text));
    }
    for sink in &contract.sinks {
        lines.extend(page.line("sink", &format!("{} ({})", sink.name, sink.kind())));
    }
    lines.join("\n")
}

/// Such as `86400 s, beyond it divert`; empty if there is no limit.
fn text_of_rule(rule: Option<TimeRule>) -> String {
    rule.map(|TimeRule { allowed, beyond }| {
        format!("{} s, beyond it {}", allowed.as_secs(), beyond.as_str())
    })
    .unwrap_or_default()
}

fn json_of_rule(rule: Option<TimeRule>) -> Option<serde_json::Value> {
    rule.map(|TimeRule { allowed, beyond }| {
        json!({ "allowed_s": allowed.as_secs(), "beyond": beyond.as_str() })
    })
}

fn json_of(contract: &Contract) -> serde_json::Value {
    let keys = &contract.keys;
    let versions: Vec<_> = contract
        .versions
        .iter()
        .map(|version| {
            let (state, until, share) = match version.state {
                VersionState::Active => ("active", None, None),
                VersionState::Deprecated { until } => ("deprecated", Some(until.date()), None),
                VersionState::Canary { share } => ("canary", None, Some(share)),
            };
            json!({
                "version": version.version,
                "file": version.file,
                "state": state,
                "until": until,
                "share": share,
                "has_migration": version.migration.is_some(),
            })
        })
        .collect();
    json!({
        "dataset": contract.dataset,
        "description": contract.description,
        "owner": contract.owner,
        "contact": contract.contact,
        "domain": contract.domain,
        "tags": contract.tags,
        "sources": json_of_sources(contract),
        "changes": contract.changes.as_ref().map(|changes| json!({
            "kind": changes.kind.to_string(),
            "table": changes.table,
            "into": changes.into,
        })),
        "compatibility": mode_of(contract).to_string(),
        "versions": versions,
        "keys": {
            "idempotency": keys.idempotency,
            "business": keys.business,
            "event_time": keys.event_time.at,
            "event_time_format": keys.event_time.format(),
            "sequence": keys.sequence,
        },
        "time": {
            "lateness": json_of_rule(contract.time.lateness),
            "skew": json_of_rule(contract.time.skew),
        },
        "tenant": contract.tenant,
        "region": contract.region,
        "personal_data": contract.personal_data,
        "idempotency_days": contract.retention_days,
        "sinks": json_of_sinks(contract),
        "enrichers": contract.enrichers.iter().map(|each| &each.name).collect::<Vec<_>>(),
    })
}
