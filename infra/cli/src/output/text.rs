//! Texts and numbers, formatted for a person.

/// The first `width` characters of a line. If it is longer, it ends with `…`.
pub(crate) fn truncate(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// Breaks a line at spaces into lines of at most `width` columns. All except the first are
/// indented by two more columns than it is. A word that is longer than a line is broken at the
/// line's end. Escape sequences for colours take no columns.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<String> {
    let own_indent = line.chars().take_while(|c| *c == ' ').count();
    let indent = " ".repeat(own_indent + 2);
    let mut lines = Vec::new();
    let mut rest = line.to_owned();
    while let Some(end) = end_of_column(&rest, width) {
        let own_indent = rest.chars().take_while(|c| *c == ' ').count();
        let space = match rest[end..].starts_with(' ') {
            true => Some(end),
            false => rest[..end].rfind(' '),
        };
        let end = space.filter(|at| *at > own_indent).unwrap_or(end);
        lines.push(rest[..end].trim_end().to_owned());
        rest = format!("{indent}{}", rest[end..].trim_start());
    }
    lines.push(rest);
    lines
}

/// The byte index at which a column ends. `None` if the line is not wider than that.
fn end_of_column(line: &str, column: usize) -> Option<usize> {
    let mut columns = 0;
    let mut is_escape = false;
    for (at, c) in line.char_indices() {
        if is_escape {
            is_escape = c != 'm';
        } else if c == '\x1b' {
            is_escape = true;
        } else if columns == column {
            return Some(at);
        } else {
            columns += 1;
        }
    }
    None
}

/// `  label         text`, wrapped at words. A longer word is broken anywhere.
pub(crate) fn label_lines(label: &str, text: &str, width: usize) -> Vec<String> {
    const INDENT: usize = 17;
    let room = width.saturating_sub(INDENT).max(20);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word.to_owned();
        loop {
            let line = lines.last().map_or(0, |line| line.chars().count());
            let gap = usize::from(line > 0);
            if line + gap + word.chars().count() <= room {
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.chars().skip(room).collect();
            lines.push(String::new());
            let at = lines.len() - 2;
            lines[at] = word.chars().take(room).collect();
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    let mut label = label;
    let indented = lines.into_iter().map(|line| {
        let line = format!("  {label:<15}{line}");
        label = "";
        line.trim_end().to_owned()
    });
    indented.collect()
}

/// `1 event`, `2,000 events`.
pub(crate) fn pluralize(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let many = if count == 1 { "" } else { "s" };
    format!("{} {what}{many}", group_digits(count))
}

/// `1,240`.
pub(crate) fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `812 B` or `1.2 MB`, in units of 1,000 bytes as S3 and its bills use.
pub(crate) fn format_bytes(count: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => {
            let tenths = count / (size / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

/// `once`, `12 times`.
pub(crate) fn times_in_words(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", group_digits(count)) }
}

/// The end of an ARN: the name of a user or of a role's session.
pub(crate) fn operator_name(arn: &str) -> String {
    let end = match arn.starts_with("arn:") {
        true => arn.rsplit(['/', ':']).next().unwrap_or(arn),
        false => arn,
    };
    end.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands_and_one_is_not_many() {
        let grouped = [0, 999, 1_000, 27_004, 1_000_000].map(group_digits);
        assert_eq!(grouped, ["0", "999", "1,000", "27,004", "1,000,000"]);
        let counted = [0_u64, 1, 2_000].map(|count| pluralize(count, "seed"));
        assert_eq!(counted, ["0 seeds", "1 seed", "2,000 seeds"]);
    }

    #[track_caller]
    fn check_wrap(line: &str, expected: &[&str]) {
        assert_eq!(wrap(line, 10), expected);
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_are_cut() {
        check_wrap("ten chars!", &["ten chars!"]);
        check_wrap("one two three", &["one two", "  three"]);
        check_wrap("  one two three", &["  one two", "    three"]);
        check_wrap("abcdefghijklmno", &["abcdefghij", "  klmno"]);
        check_wrap("one two thr", &["one two", "  thr"]);
        check_wrap("1234567890 1", &["1234567890", "  1"]);
        check_wrap("\x1b[31mone\x1b[0m two three", &["\x1b[31mone\x1b[0m two", "  three"]);
    }
}
