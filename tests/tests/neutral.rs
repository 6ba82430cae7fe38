//! The framework knows no dataset: the sample's names are nowhere in the template, the emulation and the functions,
//! their tests aside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;
use std::path::{Path, PathBuf};

/// What only the sample is about.
const WORDS: [&str; 2] = ["flights", "weather"];

/// Files and folders, below the repository's root, whose code and comments are the framework's.
const FRAMEWORK: [&str; 3] = ["template.yaml", "infra/local", "functions"];

/// Folders in which there are tests, what is built, and what fuzzers begin with.
const NOT_OURS: [&str; 5] = ["tests", "target", "examples", "corpus", "artifacts"];

/// The sample's files, by what is in their paths.
const SAMPLE: [&str; 4] =
    ["contracts/flights", "contracts/weather", "events/flights", "events/weather"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All files of a folder that are not tests by their name, in the order of their paths.
fn files(path: &Path, found: &mut Vec<PathBuf>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.is_file() {
        found.push(path.to_path_buf());
        return;
    }
    if NOT_OURS.contains(&name.as_str()) {
        return;
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        files(&entry, found);
    }
}

/// The modules that are compiled for tests alone, as `#[cfg(test)] mod NAME;` of this source says.
fn test_modules(source: &Path, text: &str) -> Vec<PathBuf> {
    let folder = source.parent().unwrap();
    let stem = source.file_stem().unwrap().to_string_lossy();
    let own = match stem.as_ref() {
        "lib" | "main" | "mod" => folder.to_path_buf(),
        stem => folder.join(stem),
    };
    let mut modules = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]"
            && let Some(module) = lines.next().and_then(|next| next.strip_suffix(';'))
            && let Some(name) = module.rsplit_once("mod ").map(|(_, name)| name)
        {
            modules.extend([own.join(format!("{name}.rs")), own.join(name)]);
        }
    }
    modules
}

/// Each line with its number, without what `#[cfg(test)]` is before.
fn lines_that_ship(text: &str) -> Vec<(usize, &str)> {
    let mut shipping = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            shipping.push((at + 1, line));
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let ends = |line: &str| line == format!("{indent}}}") || line.ends_with(';');
        let Some((_, mut item)) = lines.next() else { break };
        while !ends(item) {
            let Some((_, next)) = lines.next() else { break };
            // What an item has inside is indented, and may end with a semicolon.
            if next.len() - next.trim_start().len() <= indent.len() {
                item = next;
            }
        }
    }
    shipping
}

/// `template.yaml:327: # like this`, for each line with one of the words.
fn named_in(path: &Path, text: &str) -> Vec<String> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display();
    let mut found = Vec::new();
    for (number, line) in lines_that_ship(text) {
        let lower = line.to_lowercase();
        if WORDS.iter().any(|word| lower.contains(word)) {
            found.push(format!("{shown}:{number}: {}", line.trim()));
        }
    }
    found
}

#[test]
fn the_framework_names_no_dataset_of_the_sample() {
    let mut all = Vec::new();
    for place in FRAMEWORK {
        files(&root().join(place), &mut all);
    }
    let mut texts = Vec::new();
    let mut of_tests = Vec::new();
    for path in all {
        // What is no text names nothing.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        of_tests.extend(test_modules(&path, &text));
        texts.push((path, text));
    }
    let mut found = Vec::new();
    for (path, text) in &texts {
        let is_test = path.ends_with("tests.rs") || of_tests.iter().any(|it| path.starts_with(it));
        if !is_test {
            found.extend(named_in(path, text));
        }
    }
    assert!(texts.len() > 200, "only {} files were read", texts.len());
    assert_eq!(found, [""; 0], "the sample is named:\n{}", found.join("\n"));
}

/// What is tested is what is shipped, as long as it is.
#[test]
fn the_tests_have_the_sample_s_contracts_as_they_are_shipped() {
    for name in ["flights", "weather"] {
        for file in ["contract.yaml", "v1.schema.json"] {
            let of_tests = root().join("tests/contracts").join(name).join(file);
            let of_tests = fs::read_to_string(of_tests).unwrap();
            if let Ok(shipped) =
                fs::read_to_string(root().join("infra/contracts").join(name).join(file))
            {
                assert_eq!(
                    shipped, of_tests,
                    "copy infra/contracts/{name}/{file} to tests/contracts"
                );
            }
        }
    }
}

/// Without the sample's files everything still compiles, tests too.
#[test]
fn nothing_is_compiled_with_the_sample_in_it() {
    let mut all = Vec::new();
    for place in ["functions", "infra", "shared", "tests"] {
        sources(&root().join(place), &mut all);
    }
    assert!(all.len() > 700, "only {} files were read", all.len());
    let mut found = Vec::new();
    for path in &all {
        let text = fs::read_to_string(path).unwrap();
        // A path may be on the line after.
        for included in text.split("include_").skip(1) {
            let argument = included.split(')').next().unwrap_or_default();
            let is_sample = SAMPLE.iter().any(|file| argument.contains(file));
            if is_sample && (included.starts_with("str!") || included.starts_with("bytes!")) {
                found.push(format!("{}: include_{argument})", path.display()));
            }
        }
    }
    assert_eq!(found, [""; 0], "{}", found.join("\n"));
}

/// All files of Rust in a folder, of tests too.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_what_is_for_tests_is_left_out() {
    let text = "\
/// Weather.
fn one() {}
#[cfg(test)]
fn two() {
    flights();
}
fn three() { flights() }
#[cfg(test)]
mod samples;
    #[cfg(test)]
    use weather;
mod tests {
    // Flights
}
#[cfg(test)]
mod tests {
    // weather
    fn four() {
    }
}
fn five() -> WeatherUrl {}
";
    let expected = [
        "a/b.rs:1: /// Weather.",
        "a/b.rs:7: fn three() { flights() }",
        "a/b.rs:13: // Flights",
        "a/b.rs:21: fn five() -> WeatherUrl {}",
    ];
    assert_eq!(named_in(Path::new("a/b.rs"), text), expected);
    let modules = test_modules(Path::new("a/b.rs"), text);
    assert!(modules.contains(&PathBuf::from("a/b/samples.rs")), "{modules:?}");
    assert!(
        !modules.contains(&PathBuf::from("a/b/tests.rs")),
        "that has its code in it: {modules:?}"
    );
}
