//! Reads which actions on tables a role in `template.yaml` allows, and adds one.

use super::edits::{Edit, line_end};
use super::yaml::{Node, Value};

/// The statements of a role.
pub(super) struct Rights<'a> {
    statements: &'a Node,
}

impl<'a> Rights<'a> {
    /// The statements of the role's first policy that has a list of them. `None` if there is
    /// none.
    pub(super) fn of(role: &'a Node) -> Option<Self> {
        let policies = role.at(&["Properties", "Policies"])?.items();
        let mut all = policies.iter().filter_map(|it| it.at(&["PolicyDocument", "Statement"]));
        let statements =
            all.find(|it| matches!(it.value, Value::Sequence { is_flow: false, .. }))?;
        Some(Self { statements })
    }

    pub(super) fn has(&self, action: &str, table: &str) -> bool {
        self.allowing(action).any(|statement| tables_of(statement).contains(&table))
    }

    /// Allows an action on another table.
    ///
    /// If a statement allows only this action, and only on tables in `known`, the table is added
    /// there. Otherwise a new statement is added at the end. `None` if the statements are not
    /// written one below the other.
    pub(super) fn grant(
        &self,
        text: &str,
        action: &str,
        table: &str,
        known: &[&str],
    ) -> Option<Edit> {
        for statement in self.allowing(action) {
            let tables = tables_of(statement);
            let is_of_tables = !tables.is_empty() && tables.iter().all(|it| known.contains(it));
            let resource = statement.at(&["Resource"])?;
            let is_alone = statement.at(&["Action"])?.items().len() == 1;
            if is_alone && is_of_tables && tables.len() == resource.items().len() {
                return Some(one_more(text, resource, &format!("!GetAtt {table}.Arn")));
            }
        }
        let last = self.statements.items().last()?;
        let line = text[..last.start].rfind('\n')? + 1;
        let (dash, indent) = (&text[line..last.start], " ".repeat(last.start - line));
        let statement = format!(
            "\n{dash}Effect: Allow\n{indent}Action: {action}\n{indent}Resource: !GetAtt {table}.Arn"
        );
        let is_block = dash.trim() == "-";
        is_block.then(|| Edit::insert(line_end(text, last.end), statement))
    }

    /// The statements that name the action and allow it.
    fn allowing(&self, action: &str) -> impl Iterator<Item = &'a Node> {
        let statements = self.statements.items().iter();
        statements.filter(move |statement| {
            let effect = statement.at(&["Effect"]).and_then(Node::text);
            let actions = statement.at(&["Action"]).map(Node::items).unwrap_or_default();
            effect == Some("Allow") && actions.iter().any(|each| each.text() == Some(action))
        })
    }
}

/// The logical ids of a statement's resources that are `!GetAtt TABLE.Arn`.
fn tables_of(statement: &Node) -> Vec<&str> {
    let resources = statement.at(&["Resource"]).map(Node::items).unwrap_or_default();
    let tables = resources.iter().filter_map(|each| each.tagged("!GetAtt")?.strip_suffix(".Arn"));
    tables.collect()
}

/// Adds an item to a list, or makes a single value a list of two.
fn one_more(text: &str, list: &Node, item: &str) -> Edit {
    match &list.value {
        Value::Sequence { is_flow: true, .. } => Edit::insert(list.end - 1, format!(", {item}")),
        Value::Sequence { is_flow: false, items } => {
            let last = items.last().unwrap_or(list);
            let line = text[..last.start].rfind('\n').map_or(0, |at| at + 1);
            let dash = &text[line..last.start];
            Edit::insert(line_end(text, last.end), format!("\n{dash}{item}"))
        }
        Value::Scalar(_) | Value::Mapping(_) => {
            let own = &text[list.start..list.end];
            Edit { at: list.start, length: own.len(), text: format!("[{own}, {item}]") }
        }
    }
}
