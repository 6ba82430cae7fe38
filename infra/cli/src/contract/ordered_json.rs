//! JSON text for people: members in a given order, and on one line what fits on it. Texts may come from anyone, so that
//! whatever a terminal would act on is escaped in them.

use crate::output::escape::json_line;

/// The widest line, in characters.
const WIDEST: usize = 110;

/// A JSON value whose members keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// The JSON text of a value.
    Plain(String),
    List(Vec<Json>),
    Members(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn text(text: &str) -> Self {
        Self::Plain(quoted(text))
    }

    /// The text, indented by two spaces a level.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0, 0);
        text
    }

    /// Writes the value at a level. `used` characters of its line are taken.
    fn write(&self, text: &mut String, level: usize, used: usize) {
        let on_one_line = self.line();
        let is_root = level == 0;
        let is_short = used + on_one_line.chars().count() < WIDEST;
        let (open, close, parts) = match self {
            Self::Plain(_) => return text.push_str(&on_one_line),
            _ if is_short && !is_root && !self.holds_members() => {
                return text.push_str(&on_one_line);
            }
            Self::List(items) if items.iter().all(|item| matches!(item, Self::Plain(_))) => {
                return write_filled(text, items, level);
            }
            Self::List(items) => {
                ('[', ']', items.iter().map(|item| (String::new(), item)).collect::<Vec<_>>())
            }
            Self::Members(members) => {
                let named =
                    members.iter().map(|(name, value)| (format!("{}: ", quoted(name)), value));
                ('{', '}', named.collect())
            }
        };
        text.push(open);
        let indent = "  ".repeat(level + 1);
        for (place, (name, value)) in parts.iter().enumerate() {
            text.push_str(if place == 0 { "\n" } else { ",\n" });
            text.push_str(&indent);
            text.push_str(name);
            value.write(text, level + 1, indent.len() + name.chars().count());
        }
        text.push_str(&format!("\n{}{close}", "  ".repeat(level)));
    }

    /// Whether it has members that have members, each of which gets a line of its own.
    fn holds_members(&self) -> bool {
        match self {
            Self::Members(members) => members
                .iter()
                .any(|(_, value)| matches!(value, Self::Members(inner) if !inner.is_empty())),
            Self::Plain(_) | Self::List(_) => false,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::line).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Members(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{}: {}", quoted(name), value.line()))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }
}

/// Writes scalars as many to a line as fit.
fn write_filled(text: &mut String, items: &[Json], level: usize) {
    let indent = "  ".repeat(level + 1);
    text.push('[');
    let mut used = WIDEST;
    for (place, item) in items.iter().enumerate() {
        let item = item.line();
        let width = item.chars().count() + 2;
        text.push_str(if place == 0 { "" } else { "," });
        if used + width > WIDEST {
            text.push_str(&format!("\n{indent}"));
            used = indent.len();
        } else {
            text.push(' ');
        }
        text.push_str(&item);
        used += width;
    }
    text.push_str(&format!("\n{}]", "  ".repeat(level)));
}

fn quoted(text: &str) -> String {
    json_line(&serde_json::Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_on_one_line_and_members_keep_their_order() {
        let number = |text: &str| Json::Plain(text.to_owned());
        let short = Json::Members(vec![("type".to_owned(), Json::text("a\"b"))]);
        let long = Json::List((0..40).map(|at| number(&format!("{at}00"))).collect());
        let all = Json::Members(vec![
            ("z".to_owned(), number("1.50")),
            ("a".to_owned(), Json::Members(vec![("x".to_owned(), short)])),
            ("list".to_owned(), Json::List(vec![number("1"), number("2")])),
            ("long".to_owned(), long),
            ("none".to_owned(), Json::Members(Vec::new())),
        ]);
        let text = all.render();
        let expected = "{\n  \"z\": 1.50,\n  \"a\": {\n    \"x\": {\"type\": \"a\\\"b\"}\n  },\n  \
                        \"list\": [1, 2],\n  \"long\": [\n    000, 100, 200, ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(", 3900\n  ],\n  \"none\": {}\n}"), "{text}");
    }
}
