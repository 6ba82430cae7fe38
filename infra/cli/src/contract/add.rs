//! Adds the tables of a dataset's sinks to `template.yaml`: the resources, their names in the
//! variables of functions, and the permissions.

use std::collections::BTreeMap;

use super::edits::{Edit, Written, apply, line_end};
use super::needs::TableNeeds;
use super::rights::Rights;
use super::template::{TablesFunction, Template};
use super::yaml::Unreadable;

/// Why the template was not changed.
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

/// Adds everything that a sink needs to the template, and appends what was added to `written`. It
/// changes nothing if the template has it already.
pub(super) fn add(
    template: &mut String,
    sink: &str,
    needs: &TableNeeds,
    written: &mut Vec<Written>,
) -> Result<(), NotAdded> {
    let table = table_of(template, sink)?;
    // An edit moves everything after it, so that the text is parsed again for the next one.
    while let Some((edit, what)) = next(template, sink, &table, needs)? {
        apply(template, &edit, what, written);
    }
    Ok(())
}

/// The logical id of the sink's table: the one that functions know, or a new one.
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

/// The first addition that is still missing. The table comes last, because the others refer to
/// it.
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
            let mut tables: Vec<&str> = known.values().map(String::as_str).collect();
            tables.extend(function.dedupe_table());
            let permission = Permission { action, table };
            match permission.grant(text, &template, function, &tables) {
                Some(Granted::Already) => {}
                Some(Granted::By(edit, role)) => {
                    return Ok(Some((edit, format!("{role}: {action} on {table}"))));
                }
                None => {
                    return Err(NotAdded::Role {
                        line: template.line_of(function.logical_id),
                        function: function.logical_id.to_owned(),
                    });
                }
            }
        }
    }
    if template.resource(table).is_some() {
        return Ok(None);
    }
    let anchor = functions.first().and_then(|first| anchor(&template, first));
    let Some(before) = anchor.and_then(|id| template.resource(id)) else {
        return Err(NotAdded::NoPlace { table: table.to_owned() });
    };
    let edit = Edit::insert(line_end(text, before.end), resource(table, needs.expires));
    let expiry = if needs.expires { ", and expires_at as its time to live" } else { "" };
    Ok(Some((edit, format!("{table}: a table with the key pk{expiry}"))))
}

/// An action on a table.
struct Permission<'a> {
    action: &'a str,
    table: &'a str,
}

enum Granted {
    /// The role has the permission.
    Already,
    /// This edit adds it to the role of this logical id.
    By(Edit, String),
}

impl Permission<'_> {
    /// Grants the permission to the role of a function, beside the permissions on the tables that
    /// it knows. `None` if the role is not written in a way that can be edited.
    fn grant(
        &self,
        text: &str,
        template: &Template,
        function: &TablesFunction<'_>,
        known: &[&str],
    ) -> Option<Granted> {
        let role = function.role()?;
        let rights = template.resource(role).and_then(Rights::of)?;
        if rights.has(self.action, self.table) {
            return Some(Granted::Already);
        }
        let edit = rights.grant(text, self.action, self.table, known)?;
        Some(Granted::By(edit, role.to_owned()))
    }
}

fn known_of(function: &TablesFunction<'_>) -> Result<BTreeMap<String, String>, NotAdded> {
    function.known().ok_or_else(|| NotAdded::Tables {
        line: function.tables.line,
        function: function.logical_id.to_owned(),
    })
}

/// The resource after which a new table is inserted: the last table in TABLES, or that of the
/// dedupe records.
fn anchor<'a>(template: &'a Template, function: &'a TablesFunction<'_>) -> Option<&'a str> {
    let text = function.tables.text()?;
    let named = text.rsplit("${").filter_map(|rest| rest.split('}').next());
    named.chain(function.dedupe_table()).find(|id| template.resource(id).is_some())
}

/// Inserts another name into TABLES, before its last brace.
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

/// The logical id of a new table: `OrderTotalsTable` for the sink `order-totals`.
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

/// A table in the form that the sink function writes to. It is kept when the stack is deleted.
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
    DeletionPolicy: RetainExceptOnCreate
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
      DeletionProtectionEnabled: !Ref DeletionProtection
      SSESpecification:
        SSEEnabled: true
        SSEType: KMS
        KMSMasterKeyId: !If [OwnKey, !Ref KmsKeyArn, !Ref AWS::NoValue]"
    )
}

#[cfg(test)]
mod tests;
