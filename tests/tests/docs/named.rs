//! What pages name, and where it has to be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::markdown::Page;

/// Folders of the repository that pages name files of.
const FOLDERS: &[&str] =
    &[".ci", ".github", "docs", "events", "functions", "infra", "shared", "tests"];

/// Where a variable that a page names may be read or set.
const SOURCES: &[&str] = &["functions", "infra", "shared", "tests"];

/// Words of the commands and of the inline code of a page that are paths in the repository.
pub(crate) fn files(page: &Page) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let texts = page.code("sh").into_iter().chain(page.inline_code());
    for word in texts.flat_map(|text| text.split([' ', '"', '\'', '=', '@', '(', ')'])) {
        let path = word.strip_prefix("fileb://").unwrap_or(word);
        let path = path.strip_prefix("file://").unwrap_or(path).trim_end_matches([',', '/', ';']);
        let is_path = path.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first));
        if is_path && !path.contains(['<', '*', '{', '$', '…']) {
            found.insert(path.to_owned());
        }
    }
    found
}

/// Names such as `AWS_REGION`, in the inline code and in the exports of a page.
pub(crate) fn variables(page: &Page) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code = page.code("sh").into_iter().chain(page.code("yaml"));
    for word in page.inline_code().into_iter().chain(code).flat_map(|text| text.split(' ')) {
        let name =
            word.split_once('=').map_or(word, |(name, _)| name).trim_matches(['{', '}', '"']);
        let is_code = word == name || word.starts_with("AWS_");
        if is_code && is_variable(name) {
            found.insert(name.to_owned());
        }
    }
    found
}

/// Upper case with an underscore within: a single word in upper case is a placeholder, such as `FILE`.
fn is_variable(name: &str) -> bool {
    let is_upper = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    name.chars().all(is_upper) && name.trim_matches('_').contains('_') && !name.ends_with('_')
}

/// All words of the template, of the workflow that deploys, of the Rust code and of the contracts, in the sense of [`variables`].
pub(crate) fn words_of_sources(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    add_words(&root.join("template.yaml"), &mut found);
    add_words(&root.join(".github/workflows/deploy-environment.yml"), &mut found);
    for folder in SOURCES {
        // What this very test says is no source.
        add_words_below(&root.join(folder), &root.join("tests/tests/docs"), &mut found);
    }
    found
}

fn add_words_below(folder: &Path, except: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() && path != except {
            add_words_below(&path, except, found);
        } else if matches!(extension, Some("rs" | "yaml")) {
            add_words(&path, found);
        }
    }
}

fn add_words(path: &Path, found: &mut BTreeSet<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_'));
    found.extend(words.filter(|word| is_variable(word)).map(str::to_owned));
}

/// The names of the members of a top-level section of the template.
pub(crate) fn members_of<'a>(template: &'a str, section: &str) -> BTreeSet<&'a str> {
    let begins = format!("{section}:");
    let lines = template.lines().skip_while(|line| *line != begins).skip(1);
    let of_section = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let members = of_section.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    members.filter(|name| !name.starts_with([' ', '#'])).collect()
}

/// The kind and the name of each test and benchmark of the workspace.
pub(crate) fn cargo_targets(root: &Path) -> BTreeSet<(String, String)> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root.join("Cargo.toml")).no_deps();
    let metadata = command.exec().unwrap_or_else(|error| panic!("{error}"));
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    targets
        .flat_map(|target| target.kind.iter().map(|kind| (kind.to_string(), target.name.clone())))
        .collect()
}

/// What `--test` and `--bench` choose in the commands and in the inline code of a page.
pub(crate) fn chosen_targets(page: &Page) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let texts = page.code("sh").into_iter().chain(page.inline_code());
    for command in texts.filter(|text| text.starts_with("cargo ")) {
        let words: Vec<&str> = command.split(' ').collect();
        for pair in words.windows(2) {
            if let Some(kind @ ("test" | "bench")) = pair[0].strip_prefix("--") {
                found.push((kind.to_owned(), pair[1].to_owned()));
            }
        }
    }
    found
}

/// Each recipe of a justfile with its one command.
pub(crate) fn recipes(justfile: &str) -> BTreeMap<String, String> {
    let mut recipes = BTreeMap::new();
    let lines: Vec<&str> = justfile.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_suffix(':').filter(|_| !line.starts_with(['#', ' '])) {
            let commands = lines[at + 1..].iter().take_while(|line| line.starts_with("    "));
            let commands: Vec<&str> = commands.map(|line| line.trim()).collect();
            assert_eq!(commands.len(), 1, "the recipe {name} is not one command");
            recipes.insert(name.to_owned(), commands[0].to_owned());
        }
    }
    recipes
}
