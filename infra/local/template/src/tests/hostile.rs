//! No text, however broken, makes the reader panic or grow.

use proptest::prelude::*;

use super::{DEPLOYED, errors, try_read};

const MEBIBYTE: usize = 1_048_576;

/// Fragments that have a meaning somewhere in a template.
const FRAGMENTS: [&str; 20] = [
    "!Ref ",
    "!Sub '${A",
    "!GetAtt [",
    "!If [",
    "!Select [9, ",
    "!Split ['', ",
    "Fn::Sub: ",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "- ",
    "{",
    "]",
    ": ",
    "\n  ",
    "|\n",
    "null",
    "-1",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = try_read(&text, &[]);
    }

    #[test]
    fn any_mix_of_fragments_is_read_or_refused(
        picks in prop::collection::vec(0..FRAGMENTS.len(), 0..60),
    ) {
        let text = picks.into_iter().map(|at| FRAGMENTS[at]).collect::<String>();
        let _ = try_read(&format!("Resources:\n  A: {text}"), &[]);
        let _ = try_read(&text, &[]);
    }

    #[test]
    fn a_damaged_template_is_read_or_refused(
        start in 0..DEPLOYED.len(),
        length in 0_usize..200,
        pick in 0..FRAGMENTS.len(),
    ) {
        let end = (start + length).min(DEPLOYED.len());
        if DEPLOYED.is_char_boundary(start) && DEPLOYED.is_char_boundary(end) {
            let text = format!("{}{}{}", &DEPLOYED[..start], FRAGMENTS[pick], &DEPLOYED[end..]);
            let _ = try_read(&text, &[("Environment", "local")]);
        }
    }

    #[test]
    fn a_template_with_two_lines_swapped_is_read_or_refused(
        one in 0..DEPLOYED.lines().count(),
        other in 0..DEPLOYED.lines().count(),
    ) {
        let mut lines = DEPLOYED.lines().collect::<Vec<_>>();
        lines.swap(one, other);
        let _ = try_read(&lines.join("\n"), &[("Environment", "local")]);
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let errors = errors(text);
    assert!(errors.contains(expected), "{:.200}: {errors:.2000}", text);
}

#[test]
fn deep_nesting_is_refused() {
    check(&"[".repeat(10_000), "column");
    check(&"- ".repeat(10_000), "column");
    check(&"{a: ".repeat(10_000), "column");
    let blocks = "- ".repeat(40);
    check(&format!("{blocks}{}x{}", "[".repeat(40), "]".repeat(40)), "nested deeper than 64");
    check(&format!("Resources: {}1{}", "!Sub [".repeat(200), "]".repeat(200)), "column");
}

#[test]
fn a_large_text_is_refused() {
    check(&"a".repeat(MEBIBYTE + 1), "the template is larger than");
}

#[test]
fn what_multiplies_is_refused() {
    let sub = "${P}".repeat(1_000);
    let outputs =
        (0..150).map(|at| format!("  O{at}: {{Value: !Sub '{sub}'}}\n")).collect::<String>();
    let text = format!(
        "Parameters: {{P: {{Type: String, Default: {}}}}}\nResources: {{Q: {{Type: \
         AWS::SQS::Queue}}}}\nOutputs:\n{outputs}",
        "x".repeat(4_000)
    );
    check(&text, "a resolved string is too long");
    let text = text.replace(&sub, &"${P}".repeat(200));
    check(&text, "the resolved template is larger than");
}

#[test]
fn globals_that_multiply_are_refused() {
    let variables = (0..20_000).map(|at| format!("V{at}: x, ")).collect::<String>();
    let functions = (0..400)
        .map(|at| format!("  F{at}: {{Type: AWS::Serverless::Function}}\n"))
        .collect::<String>();
    let text = format!(
        "Transform: AWS::Serverless-2016-10-31\nGlobals: {{Function: {{Environment: {{Variables: \
         {{{variables}}}}}}}}}\nResources:\n{functions}"
    );
    check(&text, "the resolved template is larger than");
}

#[test]
fn a_long_chain_of_conditions_is_refused() {
    let chain = (0..5_000)
        .map(|at| format!("  C{at}: !Not [!Condition C{}]\n", at + 1))
        .collect::<String>();
    check(
        &format!(
            "Conditions:\n{chain}  C5000: !Equals [a, a]\nResources: {{Q: {{Type: AWS::SQS::Queue}}}}\n"
        ),
        "conditions nested deeper",
    );
}

#[test]
fn too_many_resources_are_refused() {
    let queues =
        (0..501).map(|at| format!("  Q{at}: {{Type: AWS::SQS::Queue}}\n")).collect::<String>();
    check(&format!("Resources:\n{queues}"), "at most 500 resources");
}
