//! What a deployment of contracts changes, for people and for machines.

use serde_json::{Value, json};

use super::archive::Listing;
use crate::cloudformation::answers::ResourceChange;

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The stack has the contracts.
    Deployed,
    /// The stack had these contracts before.
    Unchanged,
    /// Nothing was changed, as was asked for.
    Planned,
}

/// The files that differ, by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileChanges {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

pub(super) struct Report<'a> {
    pub(super) stack: &'a str,
    pub(super) ending: Ending,
    /// Where the contracts were before.
    pub(super) before: String,
    /// Where they are now.
    pub(super) after: String,
    /// `None` if the archive from before cannot be read.
    pub(super) files: Option<FileChanges>,
    pub(super) changes: Vec<ResourceChange>,
}

impl FileChanges {
    pub(super) fn between(before: &Listing, after: &Listing) -> Self {
        let mut changes = Self::default();
        for (name, sum) in after {
            match before.get(name) {
                None => changes.added.push(name.clone()),
                Some(other) if other != sum => changes.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        changes.removed =
            before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        changes
    }
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let Self { stack, before, after, .. } = self;
        if self.ending == Ending::Unchanged {
            return format!("stack `{stack}` has these contracts already: {before}");
        }
        let mut lines = Vec::new();
        match &self.files {
            Some(files) => {
                for (what, names) in [
                    ("added", &files.added),
                    ("changed", &files.changed),
                    ("removed", &files.removed),
                ] {
                    lines.extend(names.iter().map(|name| format!("{what:<8} {name}")));
                }
            }
            None => lines.push(format!("{before} cannot be read: what differs in it is not known")),
        }
        for change in &self.changes {
            let ResourceChange { action, logical_resource_id, resource_type, .. } = change;
            lines.push(format!("{action:<8} {logical_resource_id} ({resource_type})"));
        }
        lines.push(match self.ending {
            Ending::Planned => format!("stack `{stack}` stays as it is: this was a dry run"),
            Ending::Deployed | Ending::Unchanged => format!(
                "stack `{stack}` has the contracts {after}, after {before}\n\
                 to go back: check out infra/contracts of the revision before, and deploy it by this verb"
            ),
        });
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let mut changes = Vec::new();
        for change in &self.changes {
            changes.push(json!({
                "action": change.action,
                "resource": change.logical_resource_id,
                "type": change.resource_type,
            }));
        }
        json!({
            "stack": self.stack,
            "ending": match self.ending {
                Ending::Deployed => "deployed",
                Ending::Unchanged => "unchanged",
                Ending::Planned => "planned",
            },
            "before": self.before,
            "after": self.after,
            "files": self.files.as_ref().map(|files| json!({
                "added": files.added, "changed": files.changed, "removed": files.removed,
            })),
            "changes": changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ending: Ending) -> Report<'static> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let files = FileChanges {
            added: names(&["tides/contract.yaml"]),
            changed: names(&["orders/contract.yaml"]),
            removed: Vec::new(),
        };
        let change = ResourceChange {
            action: "Modify".to_owned(),
            logical_resource_id: "IngestFunction".to_owned(),
            resource_type: "AWS::Lambda::Function".to_owned(),
            replacement: "False".to_owned(),
        };
        let (before, after) = ("s3://b/old".to_owned(), "s3://b/new".to_owned());
        Report { stack: "prod", ending, before, after, files: Some(files), changes: vec![change] }
    }

    #[test]
    fn people_see_what_changed_and_how_to_go_back() {
        let expected = "added    tides/contract.yaml
changed  orders/contract.yaml
Modify   IngestFunction (AWS::Lambda::Function)
stack `prod` has the contracts s3://b/new, after s3://b/old
to go back: check out infra/contracts of the revision before, and deploy it by this verb";
        assert_eq!(report(Ending::Deployed).text(), expected);
        let planned = report(Ending::Planned).text();
        assert!(planned.ends_with("stays as it is: this was a dry run"), "{planned}");
        let unchanged = report(Ending::Unchanged).text();
        assert_eq!(unchanged, "stack `prod` has these contracts already: s3://b/old");
    }
}
