//! What the documentation names exists: files, anchors, variables, parameters, outputs, targets and recipes.
//!
//! Its command lines are checked by the package of the command line, which has their parser.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod markdown;
mod named;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use sluicegate_tests::root;

use self::markdown::Page;

/// Pages outside of the folders that hold nothing else.
const SINGLE: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "events/README.md",
];
const FOLDERS: &[&str] = &["docs", "infra/runbooks"];

/// What one sitting reads, before it decides to read on.
const LONGEST_README: usize = 150;

fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = SINGLE.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                paths.push(Path::new(folder).join(name));
            }
        }
    }
    assert!(paths.len() > 30, "pages are missing: {paths:?}");
    paths.into_iter().map(|path| Page::read(&root(), path)).collect()
}

fn page(path: &str) -> Page {
    Page::read(&root(), PathBuf::from(path))
}

/// A path without `.` and `..`, as far as these can be resolved in the repository.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(normal.pop(), "{} leaves the repository", path.display())
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[track_caller]
fn check_nothing_is_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn each_relative_link_leads_to_a_file_and_its_anchor_to_a_heading() {
    let pages: BTreeMap<PathBuf, Page> =
        pages().into_iter().map(|page| (page.path.clone(), page)).collect();
    let mut wrong = Vec::new();
    for page in pages.values() {
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match target {
                "" => page.path.clone(),
                target => normal(&page.path.parent().unwrap().join(target)),
            };
            let has_anchor = pages
                .get(&target)
                .is_some_and(|page| page.anchors().iter().any(|known| known == anchor));
            if !root().join(&target).is_file() || !(anchor.is_empty() || has_anchor) {
                wrong.push(format!("{}: the link {link} leads nowhere", page.name()));
            }
        }
    }
    check_nothing_is_wrong(&wrong);
}

#[test]
fn each_file_that_code_names_exists() {
    let mut wrong = Vec::new();
    for page in pages().iter().filter(|page| page.path != Path::new("CHANGELOG.md")) {
        for path in named::files(page) {
            if !root().join(&path).exists() {
                wrong.push(format!("{}: there is no {path}", page.name()));
            }
        }
    }
    check_nothing_is_wrong(&wrong);
}

/// The changelog also names variables that are gone.
#[test]
fn each_environment_variable_that_is_named_is_read_or_set_somewhere() {
    let known = named::words_of_sources(&root());
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages().iter().filter(|page| page.path != Path::new("CHANGELOG.md")) {
        for variable in named::variables(page) {
            count += 1;
            if !known.contains(&variable) {
                wrong.push(format!("{}: nothing knows the variable {variable}", page.name()));
            }
        }
    }
    assert!(count > 15, "only {count} variables were found");
    check_nothing_is_wrong(&wrong);
}

#[track_caller]
fn check_section(title: &str, section: &str) {
    let page = page("docs/deploying.md");
    let rows = page.rows(title);
    let named: BTreeSet<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let declared = named::members_of(&template, section);
    assert_eq!(named, declared, "docs/deploying.md and {section} of template.yaml differ");
}

#[test]
fn the_parameters_of_the_template_are_those_of_the_docs() {
    check_section("parameter", "Parameters");
}

#[test]
fn the_outputs_of_the_template_are_those_of_the_docs() {
    check_section("output", "Outputs");
}

#[test]
fn each_test_and_benchmark_that_a_command_chooses_is_a_target() {
    let targets = named::cargo_targets(&root());
    let mut wrong = Vec::new();
    for page in pages() {
        for (kind, target) in named::chosen_targets(&page) {
            if !targets.contains(&(kind.clone(), target.clone())) {
                wrong.push(format!("{}: there is no {kind} {target}", page.name()));
            }
        }
    }
    check_nothing_is_wrong(&wrong);
}

#[test]
fn the_recipes_of_just_are_the_commands_of_contributing() {
    let page = page("CONTRIBUTING.md");
    let mut listed = BTreeMap::new();
    for row in page.rows("recipe") {
        let recipe = row[0].trim_matches('`').strip_prefix("just ").unwrap();
        listed.insert(recipe.to_owned(), row[1].trim_matches('`').to_owned());
    }
    let justfile = std::fs::read_to_string(root().join("justfile")).unwrap();
    assert_eq!(named::recipes(&justfile), listed);
}

#[test]
fn the_readme_is_short_and_leads_to_each_page_of_the_book() {
    let readme = page("README.md");
    let lines = readme.text.lines().count();
    assert!(lines <= LONGEST_README, "README.md has {lines} lines");
    let links = readme.links();
    for page in pages().iter().filter(|page| page.path.starts_with("docs")) {
        assert!(
            links.contains(&page.name().as_str()),
            "README.md does not lead to {}",
            page.name()
        );
    }
}
