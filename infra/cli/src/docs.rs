//! Checks that this program accepts each command line in the documentation.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Args;

const PAGES: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "events/README.md",
];
const FOLDERS: &[&str] = &["docs", "infra/runbooks"];

/// The beginnings of log lines that look like commands.
const LOG_LINES: &[&str] = &["breaker not closed"];

/// The values of the shell variables in runbooks.
const VARIABLES: &[(&str, &str)] = &[
    ("file", "events/flights-2013-01.ndjson.gz"),
    ("service", "weather"),
    ("group", "1-d7fbe72759a91ea3"),
    ("letter", "0123456789abcdef0123"),
    ("plan", "20261129T031000Z-0123456789abcdef"),
    ("run", "20261129T031000Z-0123456789abcdef"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts of the pages, by their paths.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = PAGES.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = Path::new(folder).join(entry.unwrap().file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        pages.push((path, text));
    }
    pages
}

/// The shell commands in a page's code blocks. A line that ends with a backslash is joined with
/// the next.
fn shell_lines(page: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut is_shell = false;
    for line in page.lines().map(str::trim) {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            line if is_shell => {
                let begun = lines.last_mut().unwrap();
                begun.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    lines.push(String::new());
                }
            }
            _ => {}
        }
    }
    lines
}

/// The texts between backticks outside of code blocks.
fn inline_code(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_prose = true;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_prose = !is_prose;
        } else if is_prose {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The words of a simple command as a shell splits them, up to a comment, a pipe or the end of a substitution.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars().peekable();
    while let Some(it) = characters.next() {
        match (it, quote) {
            (it, Some(opened)) if it == opened => quote = None,
            ('"' | '\'', None) => {
                quote = Some(it);
                word.get_or_insert_default();
            }
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(next) = characters.next_if(char::is_ascii_alphanumeric) {
                    name.push(next);
                }
                let known = VARIABLES.iter().find(|(variable, _)| *variable == name);
                let value = known.unwrap_or_else(|| panic!("`{command}`: what is ${name}?")).1;
                word.get_or_insert_default().push_str(value);
            }
            ('|' | ';' | ')' | '&' | '>', None) => break,
            ('#', None) if word.is_none() => break,
            (' ', None) => words.extend(word.take()),
            (it, _) => word.get_or_insert_default().push(it),
        }
    }
    assert!(quote.is_none(), "`{command}`: a quote does not end");
    words.extend(word);
    words
}

/// The arguments of this program in a line of shell. `None` if the line runs another program.
fn arguments(line: &str) -> Option<Vec<String>> {
    // The output of the command may be assigned to a variable: `plan=$(sluicegate …)`.
    let command = line.split_once("=$(").map_or(line, |(_, command)| command);
    let command = command.strip_prefix("target/debug/").unwrap_or(command);
    if command.split([' ', '#']).next() == Some("sluicegate") {
        return Some(words(command).split_off(1));
    }
    let rest = command.strip_prefix("cargo run")?;
    let words = words(rest);
    match words.first().map(String::as_str) {
        None => Some(words),
        Some("--") => Some(words[1..].to_vec()),
        Some(other) => panic!("`{line}`: cargo run {other}"),
    }
}

fn parse(arguments: &[String]) -> Result<(), clap::Error> {
    let program = std::iter::once("sluicegate".to_owned());
    Args::try_parse_from(program.chain(arguments.iter().cloned())).map(|_| ())
}

#[test]
fn each_command_line_of_the_docs_is_taken() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in pages() {
        for line in shell_lines(&text) {
            let Some(arguments) = arguments(&line) else { continue };
            count += 1;
            if let Err(error) = parse(&arguments) {
                wrong.push(format!("{}: `{line}`\n{error}", path.display()));
            }
        }
    }
    assert!(count > 80, "only {count} command lines were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A command within a sentence may be incomplete, but its verbs and options have to exist.
#[test]
fn each_command_in_a_sentence_of_the_docs_is_one() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in pages() {
        for code in inline_code(&text) {
            if code.contains('…') || LOG_LINES.contains(&code) {
                continue;
            }
            let verbs = ["dlq ", "breaker ", "lake ", "local ", "audit "];
            let arguments = match verbs.iter().any(|verb| code.starts_with(verb)) {
                true => Some(words(code)),
                false => arguments(code),
            };
            let Some(arguments) = arguments else { continue };
            count += 1;
            if let Err(error) = parse(&arguments)
                && !is_incomplete(error.kind())
            {
                wrong.push(format!("{}: `{code}`\n{error}", path.display()));
            }
        }
    }
    assert!(count > 40, "only {count} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_incomplete(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    #[track_caller]
    fn check(command: &str, expected: &[&str]) {
        assert_eq!(words(command), expected, "{command}");
    }
    check("dlq list    # each stage's letters", &["dlq", "list"]);
    check(
        "a --why \"back at five\" '[{\"op\": 1}]'",
        &["a", "--why", "back at five", "[{\"op\": 1}]"],
    );
    check("status \"$run\" --watch", &["status", VARIABLES[4].1, "--watch"]);
    check("dlq plan --format ids | head -1)", &["dlq", "plan", "--format", "ids"]);
    check("a \"\" b#c", &["a", "", "b#c"]);
}
