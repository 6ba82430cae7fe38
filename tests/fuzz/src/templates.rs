//! Any text as a template: it is read, or refused with lines; never a panic, and nothing grows.

use std::collections::BTreeMap;
use std::path::Path;

use template::{HttpRoute, Options, Stack, TemplateError, parameter_names, read};

/// What a report keeps, at most; in bytes, a message.
const MAX_PROBLEMS: usize = 100;
const MAX_MESSAGE_BYTES: usize = 1_003;

/// Reads a text, and panics where what comes of it is neither a stack nor an error.
pub(crate) fn check(text: &[u8]) {
    // A template comes from a file that was read as text.
    let Ok(text) = std::str::from_utf8(text) else { return };
    let names = parameter_names(text);
    let values = names.iter().map(|name| (name.clone(), "http://w".to_owned()));
    for parameters in [BTreeMap::new(), values.collect()] {
        let options = Options { parameters, ..Options::default() };
        match read(text, Path::new("/project"), &options) {
            Ok(stack) => check_stack(&stack),
            Err(error) => check_error(text, &error),
        }
    }
}

/// Who is named in a mapping is there, and each name is there once.
fn check_stack(stack: &Stack) {
    let functions = names(stack.functions.iter().map(|each| each.name.as_str()));
    let queues = names(stack.queues.iter().map(|each| each.arn.as_str()));
    names(stack.tables.iter().map(|each| each.name.as_str()));
    let streams = names(stack.tables.iter().filter_map(|each| each.stream_arn.as_deref()));
    names(stack.buckets.iter().map(|each| each.name.as_str()));
    for mapping in &stack.mappings {
        assert!(functions.contains(&mapping.function.as_str()), "{mapping:?}");
        assert!(queues.contains(&mapping.queue_arn.as_str()), "{mapping:?}");
    }
    for mapping in &stack.stream_mappings {
        assert!(functions.contains(&mapping.function.as_str()), "{mapping:?}");
        assert!(streams.contains(&mapping.stream_arn.as_str()), "{mapping:?}");
        let told = mapping.on_failure.as_deref();
        assert!(told.is_none_or(|queue| queues.contains(&queue)), "{mapping:?}");
    }
    for api in &stack.http_apis {
        let keys: Vec<_> = api.routes.iter().map(|route| route.key()).collect();
        names(keys.iter().map(String::as_str));
        let known = |route: &HttpRoute| functions.contains(&route.function.as_str());
        assert!(!keys.is_empty() && api.routes.iter().all(known), "{api:?}");
    }
    for function in &stack.functions {
        assert!(!function.binary.is_empty() && !function.timeout.is_zero(), "{function:?}");
    }
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = all.collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    names
}

fn check_error(text: &str, error: &TemplateError) {
    let lines = text.split(['\n', '\r']).count() + 1;
    assert!((1..=MAX_PROBLEMS).contains(&error.problems.len()), "{error}");
    for problem in &error.problems {
        assert!((1..=lines).contains(&problem.line), "{} of {lines}: {error}", problem.line);
        assert!((1..=MAX_MESSAGE_BYTES).contains(&problem.message.len()), "{error}");
    }
    assert!(error.more == 0 || error.problems.len() == MAX_PROBLEMS, "{error}");
}
