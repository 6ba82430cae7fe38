//! Reads the functions that know tables of sinks from the text of `template.yaml`, with their
//! lines.

use std::collections::BTreeMap;

use super::yaml::{self, Node, Unreadable};
use crate::project::TABLES;

/// The variable with the table of dedupe records.
const DEDUPE_TABLE: &str = "DEDUPE_TABLE";

/// The tree of the template.
pub(super) struct Template {
    root: Node,
}

/// A function that has the variable `TABLES`.
pub(super) struct TablesFunction<'a> {
    pub(super) logical_id: &'a str,
    pub(super) binary: &'a str,
    pub(super) properties: &'a Node,
    /// The value of the variable.
    pub(super) tables: &'a Node,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        Ok(Self { root: yaml::parse(text)? })
    }

    pub(super) fn resource(&self, logical_id: &str) -> Option<&Node> {
        self.root.at(&["Resources", logical_id])
    }

    pub(super) fn functions(&self) -> Vec<TablesFunction<'_>> {
        let mut functions = Vec::new();
        let resources = self.root.at(&["Resources"]).map(Node::entries).unwrap_or_default();
        for resource in resources {
            let binary = resource.value.at(&["Metadata", "BuildProperties", "Binary"]);
            let Some(properties) = resource.value.at(&["Properties"]) else { continue };
            let Some(tables) = properties.at(&["Environment", "Variables", TABLES]) else {
                continue;
            };
            functions.push(TablesFunction {
                logical_id: &resource.key,
                binary: binary.and_then(Node::text).unwrap_or_default(),
                properties,
                tables,
            });
        }
        functions
    }

    /// The line of the variable `TABLES` of a function.
    pub(super) fn line_of_tables(&self, logical_id: &str) -> Option<usize> {
        let mut functions = self.functions().into_iter();
        functions.find(|each| each.logical_id == logical_id).map(|each| each.tables.line)
    }

    /// The line of a resource, or the first line of the template if it has no such resource.
    pub(super) fn line_of(&self, logical_id: &str) -> usize {
        let resources = self.root.at(&["Resources"]);
        let entry = resources.and_then(|resources| resources.entry(logical_id));
        entry.map_or(self.root.line, |entry| entry.line)
    }
}

impl TablesFunction<'_> {
    /// The logical ids of the tables by the names of their sinks, from `!Sub
    /// '{"records":"${RecordsTable}"}'`. `None` if it is written in another way.
    pub(super) fn known(&self) -> Option<BTreeMap<String, String>> {
        let text = self.tables.tagged("!Sub")?;
        let written: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        let mut known = BTreeMap::new();
        for (sink, table) in written {
            let id = table.strip_prefix("${")?.strip_suffix('}')?;
            known.insert(sink, id.to_owned());
        }
        Some(known)
    }

    /// The logical id of the table of dedupe records.
    pub(super) fn dedupe_table(&self) -> Option<&str> {
        self.properties.at(&["Environment", "Variables", DEDUPE_TABLE])?.tagged("!Ref")
    }

    /// The logical id of the role in `Role: !GetAtt SinkFunctionRole.Arn`.
    pub(super) fn role(&self) -> Option<&str> {
        self.properties.at(&["Role"])?.tagged("!GetAtt")?.strip_suffix(".Arn")
    }
}
