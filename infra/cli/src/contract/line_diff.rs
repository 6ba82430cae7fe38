//! The lines that differ between two texts, with those around them, as `diff -u` has them.

use crate::output::colour::{FAINT, GREEN, RED};
use crate::output::page::Page;

/// How many equal lines are shown before and after a change.
const CONTEXT: usize = 3;

/// The most cells of the table that finds the longest common subsequence. Beyond it, all lines between the first and
/// the last difference count as changed.
const MOST_CELLS: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// The differences of two texts for people. It is empty if the texts have equal lines.
pub(super) fn line_diff(file: &str, before: &str, after: &str, page: &Page) -> String {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let lines = compare(&old, &new);
    let mut text = format!("--- {file}\n+++ {file}");
    let mut is_changed = false;
    for hunk in hunks(&lines) {
        is_changed = true;
        let shown = &lines[hunk.start..hunk.end];
        let header = format!(
            "@@ -{} +{} @@",
            range(old_lines(&lines[..hunk.start]), old_lines(shown)),
            range(new_lines(&lines[..hunk.start]), new_lines(shown)),
        );
        text.push_str(&format!("\n{}", page.paint(&header, Some(FAINT))));
        for line in shown {
            let line = match line {
                Line::Same(line) => format!(" {line}"),
                Line::Gone(line) => page.paint(&format!("-{line}"), Some(RED)),
                Line::New(line) => page.paint(&format!("+{line}"), Some(GREEN)),
            };
            text.push_str(&format!("\n{line}"));
        }
    }
    if is_changed { text } else { String::new() }
}

fn old_lines(lines: &[Line<'_>]) -> usize {
    lines.iter().filter(|line| !matches!(line, Line::New(_))).count()
}

fn new_lines(lines: &[Line<'_>]) -> usize {
    lines.iter().filter(|line| !matches!(line, Line::Gone(_))).count()
}

/// The lines of a hunk: the first one and their number. A hunk without lines names the line before it.
fn range(before: usize, count: usize) -> String {
    let first = if count == 0 { before } else { before + 1 };
    format!("{first},{count}")
}

/// Part of the compared lines, by their indexes.
struct Hunk {
    start: usize,
    end: usize,
}

/// The parts with changes. Changes with few lines between them are in one part.
fn hunks(lines: &[Line<'_>]) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if matches!(line, Line::Same(_)) {
            continue;
        }
        let (start, end) = (at.saturating_sub(CONTEXT), (at + 1 + CONTEXT).min(lines.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => hunks.push(Hunk { start, end }),
        }
    }
    hunks
}

/// All lines of both texts, those that they share only once.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let shorter = old.len().min(new.len());
    let head = (0..shorter).take_while(|&at| old[at] == new[at]).count();
    let rest = shorter - head;
    let tail = (0..rest).take_while(|&at| old[old.len() - 1 - at] == new[new.len() - 1 - at]);
    let tail = tail.count();
    let mut lines: Vec<Line<'a>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    compare_middle(&old[head..old.len() - tail], &new[head..new.len() - tail], &mut lines);
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
}

/// Compares by the longest common subsequence of the lines.
fn compare_middle<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    let width = new.len() + 1;
    if (old.len() + 1) * width > MOST_CELLS {
        lines.extend(old.iter().map(|line| Line::Gone(line)));
        lines.extend(new.iter().map(|line| Line::New(line)));
        return;
    }
    // The length of the longest common subsequence of `old[i..]` and `new[j..]` is at `i * width + j`.
    let mut lengths = vec![0_usize; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len() || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
        {
            lines.push(Line::Gone(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        assert_eq!(line_diff("f", before, after, &Page::plain(80)), expected);
    }

    /// Expected as `diff -u` of GNU diffutils writes it, except that a count of 1 is written too.
    #[test]
    fn changed_lines_are_shown_with_three_around_them() {
        check("a\nb\n", "a\nb\n", "");
        check("a\nb\nc\n", "a\nx\nc\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c");
        check("", "a\n", "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a");
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        let after = "1\n2\n3\n4\n5x\n6\n7\n8\n9\n10\n11\n12\n13\n";
        let expected = "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+5x\n 6\n 7\n 8\n\
                        @@ -10,3 +10,4 @@\n 10\n 11\n 12\n+13";
        check(before, after, expected);
    }
}
