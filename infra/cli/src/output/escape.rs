//! Escapes texts from outside, so that a terminal shows their control characters instead of acting
//! on them.

use serde_json::Value;

/// A text on one line, in which everything that a terminal would act on or hide is escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON on one line without anything that a terminal would act on. It parses to the same value.
pub(crate) fn json_line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if is_unsafe(c) {
            // JSON is ASCII except within texts, where a UTF-16 escape has the same meaning.
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line
}

/// Whether it is a control character, a line or paragraph end, invisible, or changes the order of
/// text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A JSON text with one line for each member, indented by two columns for each level. The order
/// of members, duplicate members and the spelling of numbers stay, because they may be what is
/// wrong with it. `None` if it is not JSON.
pub(crate) fn indent_json(json: &str) -> Option<Vec<String>> {
    serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
    let mut lines = vec![String::new()];
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let mut before = ' ';
    for c in json.chars() {
        if is_text {
            push_to_last(&mut lines, c);
            is_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            before = c;
            continue;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        if matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !matches!(before, '{' | '[') {
                lines.push("  ".repeat(depth));
            }
        } else if matches!(before, '{' | '[' | ',') {
            lines.push("  ".repeat(depth));
        }
        push_to_last(&mut lines, c);
        match c {
            '"' => is_text = true,
            '{' | '[' => depth += 1,
            ':' => push_to_last(&mut lines, ' '),
            _ => {}
        }
        // Commas within texts do not reach this point. The last character of a text is its quote.
        before = c;
    }
    Some(lines.iter().map(|line| escape(line)).collect())
}

fn push_to_last(lines: &mut [String], c: char) {
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_or_hides_is_left() {
        for (hostile, expected) in [
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}drawkcab\u{2066}", "\\u{202e}drawkcab\\u{2066}"),
            ("\u{2028}\u{feff}\u{200b}", "\\u{2028}\\u{feff}\\u{200b}"),
            ("Zürich \\d+ 東京 👩‍👧", "Zürich \\d+ 東京 👩‍👧"),
        ] {
            assert_eq!(escape(hostile), expected);
            assert_eq!(escape(&escape(hostile)), expected);
        }
    }

    #[test]
    fn json_reads_back_as_it_was_and_holds_no_controls() {
        let value = json!({ "a\u{9b}": ["\x1b[31m", "\u{202e}", "\u{e0041}", "ü", 1] });
        let line = json_line(&value);
        assert!(!line.chars().any(is_unsafe), "{line:?}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn a_body_is_indented_and_otherwise_as_it_came() {
        let body = r#"{"b":1.00,"a":{"x":[],"y":["p,{q","\"\\"],"y":{}},"b":2}"#;
        let lines = indent_json(body).unwrap();
        let expected = [
            "{",
            "  \"b\": 1.00,",
            "  \"a\": {",
            "    \"x\": [],",
            "    \"y\": [",
            "      \"p,{q\",",
            "      \"\\\"\\\\\"",
            "    ],",
            "    \"y\": {}",
            "  },",
            "  \"b\": 2",
            "}",
        ];
        assert_eq!(lines, expected);
        assert_eq!(indent_json("[ 1 ,\n2 ]").unwrap(), ["[", "  1,", "  2", "]"]);
        assert_eq!(indent_json("\"\u{9b}\"").unwrap(), ["\"\\u{9b}\""]);
        assert_eq!(indent_json("{broken"), None);
    }
}
