//! Stacks within the stack: `AWS::CloudFormation::Stack` and `AWS::Serverless::Application`, whose templates are files
//! below the root template's folder.
//!
//! Such a template may only have types that make no difference here, such as alarms and dashboards. Anything else is
//! an error, with the nested file and its line. Values in it are not resolved.

use std::path::{Component, Path};

use super::fields::Fields;
use super::names::Kind;
use super::report::{Problem, Report};
use super::yaml;

/// Reads the template of a nested stack. `location` is its path, relative to `root`.
///
/// Problems are reported at `line`, where the root template names the file, and warnings under `logical_id`.
pub(super) fn read(report: &Report, logical_id: &str, location: &str, line: usize, root: &Path) {
    let text = match text(location, root) {
        Ok(text) => text,
        Err(wrong) => {
            report.problem(line, format!("{logical_id}: its template {location} {wrong}"));
            return;
        }
    };
    let own = Report::default();
    let mut passed_over = Vec::new();
    if let Some(node) = yaml::parse(&text, &own) {
        let mut sections = Fields::open(&own, &node, "");
        sections.ignore(&["Conditions", "Description", "Mappings", "Metadata", "Outputs", "Rules"]);
        sections.ignore(&["Parameters"]);
        sections.one_of("AWSTemplateFormatVersion", &["2010-09-09"]);
        if let Some(resources) = sections.fields("Resources") {
            passed_over = self::resources(&own, resources);
        }
        sections.finish();
    }
    match own.finish(location) {
        Ok(_) => {
            for what in passed_over {
                report.harmless(what, logical_id);
            }
        }
        Err(error) => {
            for Problem { line: at, message } in error.problems {
                report.problem(line, format!("{logical_id}: {location}:{at}: {message}"));
            }
        }
    }
}

/// What a warning calls each resource.
fn resources(report: &Report, section: Fields<'_>) -> Vec<String> {
    let mut passed_over = Vec::new();
    for entry in section.into_entries() {
        let id = &entry.key;
        let mut fields = Fields::open(report, &entry.value, id.as_str());
        let properties = fields.fields("Properties");
        match fields.required_text("Type").map(|name| (name, Kind::of(name))) {
            Some((_, Some(Kind::PassedOver(known)))) => {
                if let Some(mut properties) = properties {
                    properties.ignore(known.properties);
                    properties.ignore(known.name.as_slice());
                    properties.finish();
                }
                passed_over.push(format!("{} ({})", known.what, known.type_name));
            }
            Some((name, _)) => {
                let rule = "a nested template may only have what makes no difference here";
                report.problem(entry.line, format!("{id}: {name} is not emulated there: {rule}"));
            }
            None => {}
        }
        fields.ignore(&["Condition", "DeletionPolicy", "DependsOn", "Metadata"]);
        fields.ignore(&["UpdateReplacePolicy"]);
        fields.finish();
    }
    passed_over
}

/// The text of the file. The error is the end of a sentence.
fn text(location: &str, root: &Path) -> Result<String, String> {
    let path = Path::new(location);
    let is_below =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.contains("://") || !is_below {
        return Err("must be a file below the folder of the template".to_owned());
    }
    let path = root.join(path);
    let length =
        std::fs::metadata(&path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > yaml::MAX_BYTES as u64 {
        return Err(format!("has more than {} bytes", yaml::MAX_BYTES));
    }
    std::fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}"))
}
