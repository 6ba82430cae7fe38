//! What the checks need of a Markdown page: its links, headings, tables, code blocks and inline code.

use std::path::{Path, PathBuf};

/// A page of the repository.
pub(crate) struct Page {
    /// From the repository's root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(root: &Path, path: PathBuf) -> Self {
        let text = std::fs::read_to_string(root.join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Each line, and the language of the code block that it is in: `None` outside of one, an empty text for a
    /// block without a language. The fences themselves are left out.
    fn lines(&self) -> Vec<(&str, Option<&str>)> {
        let mut lines = Vec::new();
        let mut language = None;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), language) {
                (Some(opened), None) => language = Some(opened.trim()),
                (Some(_), Some(_)) => language = None,
                (None, _) => lines.push((line, language)),
            }
        }
        assert!(language.is_none(), "{}: a code block does not end", self.name());
        lines
    }

    /// The lines of all code blocks of a language.
    pub(crate) fn code(&self, wanted: &str) -> Vec<&str> {
        let lines = self.lines().into_iter();
        lines
            .filter(|(_, language)| *language == Some(wanted))
            .map(|(line, _)| line.trim())
            .collect()
    }

    /// The lines outside of code blocks.
    fn prose(&self) -> Vec<&str> {
        let lines = self.lines().into_iter();
        lines.filter(|(_, language)| language.is_none()).map(|(line, _)| line).collect()
    }

    /// What stands between backticks in the prose.
    pub(crate) fn inline_code(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for line in self.prose() {
            let parts: Vec<&str> = line.split('`').collect();
            assert!(
                parts.len() % 2 == 1,
                "{}: inline code ends on another line: {line}",
                self.name()
            );
            found.extend(parts.into_iter().skip(1).step_by(2));
        }
        found
    }

    /// The targets of links and pictures.
    pub(crate) fn links(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for line in self.prose() {
            let ends = line.split("](").skip(1);
            found.extend(ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target));
        }
        found
    }

    /// The anchors of its headings, as GitHub and MkDocs make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The rows, without their header, of each table whose first column is called `title`.
    pub(crate) fn rows(&self, title: &str) -> Vec<Vec<&str>> {
        let mut rows = Vec::new();
        let mut is_wanted = None;
        for line in self.prose() {
            let Some(row) = line.strip_prefix("| ").map(cells) else {
                is_wanted = None;
                continue;
            };
            match is_wanted {
                None => is_wanted = Some(row[0] == title),
                Some(true) if !row[0].starts_with("---") => rows.push(row),
                Some(_) => {}
            }
        }
        rows
    }
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_end().trim_end_matches('|').split(" | ").map(str::trim).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
