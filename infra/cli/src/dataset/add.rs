//! The tables of a dataset's sinks, written into `template.yaml`: resources, their names for the functions, and rights.

use super::edits::{Edit, Written, apply, line_end};
use super::needs::TableNeeds;
use super::rights::Rights;
use super::template::{TablesFunction, Template};
use super::yaml::Unreadable;

/// Why the template was left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAdded {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(
        "line {line}: TABLES of {function} is not written as !Sub '{{\"sink\":\"${{Table}}\"}}'"
    )]
    Tables { line: usize, function: String },
    #[error("no function has the variable TABLES")]
    NoFunction,
    #[error("line {line}: TABLES of two functions have different tables for the sink `{sink}`")]
    Different { line: usize, sink: String },
    #[error("line {line}: there is a resource {table} already, which TABLES does not name")]
    Taken { line: usize, table: String },
    #[error("line {line}: {function} has no role with a list of statements in this template")]
    Role { line: usize, function: String },
    #[error("no table of a sink and no DEDUPE_TABLE is there to put {table} behind")]
    NoPlace { table: String },
}

/// The template with what a sink needs, and what was written; nothing where all is there.
pub(super) fn add(
    template: &mut String,
    sink: &str,
    needs: &TableNeeds,
    written: &mut Vec<Written>,
) -> Result<(), NotAdded> {
    let table = table_of(template, sink)?;
    // Each edit moves what comes after it: the text is read anew for the next one.
    while let Some((edit, what)) = next(template, sink, &table, needs)? {
        apply(template, &edit, what, written);
    }
    Ok(())
}

/// The logical id of the sink's table: as a function knows it, or of its own.
fn table_of(text: &str, sink: &str) -> Result<String, NotAdded> {
    let template = Template::parse(text)?;
    let functions = template.functions();
    let Some(first) = functions.first() else { return Err(NotAdded::NoFunction) };
    let mut known: Option<String> = None;
    for function in &functions {
        let Some(table) = known_of(function)?.remove(sink) else { continue };
        if known.as_ref().is_some_and(|known| *known != table) {
            let line = function.tables.line;
            return Err(NotAdded::Different { line, sink: sink.to_owned() });
        }
        known = Some(table);
    }
    if let Some(table) = known {
        return Ok(table);
    }
    let table = logical_id(sink);
    if template.resource(&table).is_some() {
        return Err(NotAdded::Taken { line: template.line_of(&table), table });
    }
    if anchor(&template, first).is_none() {
        return Err(NotAdded::NoPlace { table });
    }
    Ok(table)
}

/// The first of what is missing; the table last of all, as what the others name.
fn next(
    text: &str,
    sink: &str,
    table: &str,
    needs: &TableNeeds,
) -> Result<Option<(Edit, String)>, NotAdded> {
    let template = Template::parse(text)?;
    let functions = template.functions();
    for function in &functions {
        let known = known_of(function)?;
        if !known.contains_key(sink) {
            let what = format!("TABLES of {}: \"{sink}\":\"${{{table}}}\"", function.logical_id);
            return Ok(Some((entry(text, function, sink, table, known.is_empty()), what)));
        }
        for action in needs.actions(function.binary) {
            let without = || NotAdded::Role {
                line: template.line_of(function.logical_id),
                function: function.logical_id.to_owned(),
            };
            let role = function.role().ok_or_else(without)?;
            let rights = template.resource(role).and_then(Rights::of).ok_or_else(without)?;
            if rights.has(action, table) {
                continue;
            }
            let mut tables: Vec<&str> = known.values().map(String::as_str).collect();
            tables.extend(function.dedupe_table());
            let edit = rights.grant(text, action, table, &tables).ok_or_else(without)?;
            return Ok(Some((edit, format!("{role}: {action} on {table}"))));
        }
    }
    if template.resource(table).is_some() {
        return Ok(None);
    }
    let without = || NotAdded::NoPlace { table: table.to_owned() };
    let anchor = functions.first().and_then(|first| anchor(&template, first));
    let before = anchor.and_then(|id| template.resource(id)).ok_or_else(without)?;
    let edit = Edit::insert(line_end(text, before.end), resource(table, needs.expires));
    let expiry = if needs.expires { ", and expires_at as its time to live" } else { "" };
    Ok(Some((edit, format!("{table}: a table with the key pk{expiry}"))))
}

fn known_of(
    function: &TablesFunction<'_>,
) -> Result<std::collections::BTreeMap<String, String>, NotAdded> {
    function.known().ok_or_else(|| NotAdded::Tables {
        line: function.tables.line,
        function: function.logical_id.to_owned(),
    })
}

/// The table that a new one comes after: the last that TABLES names, or that of the dedupe records.
fn anchor<'a>(template: &'a Template, function: &'a TablesFunction<'_>) -> Option<&'a str> {
    let text = function.tables.text()?;
    let named = text.rsplit("${").filter_map(|rest| rest.split('}').next());
    named.chain(function.dedupe_table()).find(|id| template.resource(id).is_some())
}

/// One more name in TABLES, before its last brace.
fn entry(
    text: &str,
    function: &TablesFunction<'_>,
    sink: &str,
    table: &str,
    is_first: bool,
) -> Edit {
    let written = &text[function.tables.start..function.tables.end];
    let brace = written.rfind('}').unwrap_or(written.len());
    let comma = if is_first { "" } else { "," };
    let entry = format!("{comma}\"{sink}\":\"${{{table}}}\"");
    Edit::insert(function.tables.start + brace, entry)
}

/// `OrderTotalsTable` for the sink `order-totals`.
fn logical_id(sink: &str) -> String {
    let mut id = String::new();
    for word in sink.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id.push_str("Table");
    id
}

/// As the sink function writes to it, and kept when the stack is deleted.
fn resource(table: &str, expires: bool) -> String {
    let expiry = if expires {
        "
      TimeToLiveSpecification:
        AttributeName: expires_at
        Enabled: true"
    } else {
        ""
    };
    format!(
        "

  {table}:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - AttributeName: pk
          AttributeType: S
      KeySchema:
        - AttributeName: pk
          KeyType: HASH{expiry}
      PointInTimeRecoverySpecification:
        PointInTimeRecoveryEnabled: true
      SSESpecification:
        SSEEnabled: true"
    )
}

#[cfg(test)]
mod tests;
