//! Texts and numbers, formatted for a person.

/// At most `width` characters of a line; `…` where it went on.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// `  label         what is said of it`, wrapped at words; what is longer than a line, anywhere.
pub(crate) fn labelled(label: &str, said: &str, width: usize) -> Vec<String> {
    const INDENT: usize = 17;
    let room = width.saturating_sub(INDENT).max(20);
    let mut lines = vec![String::new()];
    for word in said.split(' ') {
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
pub(crate) fn counted(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let many = if count == 1 { "" } else { "s" };
    format!("{} {what}{many}", grouped(count))
}

/// `1,240`.
pub(crate) fn grouped(number: u64) -> String {
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

/// `812 B`, `1.2 MB`, of 1,000 bytes each, as S3 and its bills count.
pub(crate) fn bytes(count: u64) -> String {
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
pub(crate) fn often(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", grouped(count)) }
}

/// The end of an ARN: a user's name, or that of a role's session.
pub(crate) fn who(arn: &str) -> String {
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
        let grouped = [0, 999, 1_000, 27_004, 1_000_000].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "27,004", "1,000,000"]);
        let counted = [0_u64, 1, 2_000].map(|count| counted(count, "seed"));
        assert_eq!(counted, ["0 seeds", "1 seed", "2,000 seeds"]);
    }
}
