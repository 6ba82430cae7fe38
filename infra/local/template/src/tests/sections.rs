//! Parameters, conditions, globals and the template around them.

use std::time::Duration;

use super::{CONSUMER, errors, read_with, try_read};

const QUEUE: &str = "Resources: {Queue: {Type: AWS::SQS::Queue}}\n";

#[track_caller]
fn check_parameter(declaration: &str, given: Option<&str>, expected: Result<&str, &str>) {
    let text = format!(
        "Parameters:\n  P: {declaration}\n{QUEUE}Outputs: {{It: {{Value: !Join ['|', [!Ref P]]}}}}\n"
    );
    let parameters = given.map(|value| ("P", value));
    let found = try_read(&text, parameters.as_slice());
    match (found, expected) {
        (Ok(stack), Ok(expected)) => assert_eq!(stack.outputs["It"], expected),
        (Err(error), Err(expected)) => {
            let message = error.to_string();
            assert!(message.starts_with("template.yaml:2: "), "{message}");
            assert!(message.contains(expected), "{message}");
            assert_eq!(error.problems.len(), 1, "{message}");
        }
        (found, expected) => panic!("{declaration}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn a_parameter_is_what_is_given_or_its_default() {
    check_parameter("{Type: String, Default: a}", None, Ok("a"));
    check_parameter("{Type: String, Default: a}", Some("b"), Ok("b"));
    check_parameter("{Type: String}", Some(""), Ok(""));
    check_parameter("{Type: Number, Default: 5}", None, Ok("5"));
    check_parameter("{Type: String, AllowedPattern: '[a-z]+'}", Some("b"), Ok("b"));
}

#[test]
fn a_parameter_that_breaks_its_rules_is_named() {
    check_parameter("{Type: String}", None, Err("add P=<value> to the parameters"));
    check_parameter("{Type: String, Description: what}", None, Err("(what)"));
    check_parameter("{Type: Number}", Some("five"), Err("parameter P: five is not a number"));
    check_parameter("{Type: Number, MinValue: 3}", Some("2"), Err("2 is less than 3"));
    check_parameter("{Type: Number, MaxValue: 3}", Some("4"), Err("4 is more than 3"));
    check_parameter("{Type: String, MinLength: 2}", Some("a"), Err("shorter than 2"));
    check_parameter("{Type: String, MaxLength: 2}", Some("abc"), Err("longer than 2"));
    check_parameter(
        "{Type: String, AllowedValues: [a, b]}",
        Some("c"),
        Err("c must be one of a, b"),
    );
    check_parameter(
        "{Type: CommaDelimitedList, AllowedValues: [a, b]}",
        Some("a,c"),
        Err("must be one of a, b"),
    );
    check_parameter("{Type: AWS::SSM::Parameter::Name}", Some("a"), Err("is not emulated"));
    check_parameter(
        "{Type: String, Colour: red, Default: a}",
        None,
        Err("P.Colour is not emulated"),
    );
}

#[test]
fn a_secret_parameter_is_not_shown() {
    let text = format!("Parameters: {{P: {{Type: Number, NoEcho: true}}}}\n{QUEUE}");
    let error = try_read(&text, &[("P", "hunter2")]).unwrap_err().to_string();
    assert!(!error.contains("hunter2") && error.contains("its value is not a number"), "{error}");
}

#[test]
fn a_value_for_no_parameter_is_refused() {
    let error = try_read(QUEUE, &[("Typo", "1")]).unwrap_err().to_string();
    assert_eq!(error, "template.yaml:1: a value is given for Typo, which is no parameter");
}

#[test]
fn conditions_that_cannot_be_evaluated_are_named() {
    #[track_caller]
    fn check(conditions: &str, expected: &str) {
        let errors = errors(&format!("Conditions: {conditions}\n{QUEUE}"));
        assert!(errors.contains(expected), "{conditions}: {errors}");
    }
    check("{A: !Condition A}", "condition A refers to itself");
    check("{A: !Not [!Condition B], B: !Not [!Condition A]}", "refers to itself");
    check("{A: !Not [!Condition B]}", "there is no condition B");
    check("{A: !Equals [!Ref Queue, b]}", "there is no parameter or resource Queue");
    check("{A: !Equals [a]}", "a condition is Equals of two values");
    check("{A: !And [!Equals [a, b]]}", "And or Or of 2 to 10");
    check("{A: true}", "a condition is");
    check("[]", "Conditions must be a mapping");
}

#[test]
fn a_resource_whose_condition_is_false_is_not_there() {
    let text = "
Conditions: {Never: !Equals [a, b]}
Resources:
  Queue: {Type: AWS::SQS::Queue, DependsOn: Other}
  Other: {Type: AWS::SQS::Queue, Condition: Never}
Outputs:
  Other: {Condition: Never, Value: !Ref Other}
";
    let stack = read_with(text, &[]);
    assert_eq!(stack.queues.len(), 1);
    assert!(stack.outputs.is_empty());
    let unknown = text.replace("Condition: Never}", "Condition: Ever}");
    assert!(errors(&unknown).contains("template.yaml:5: Other: there is no condition Ever"));
}

#[test]
fn globals_are_merged_as_sam_merges_them() {
    let text = format!(
        "{CONSUMER}
      Timeout: 20
      Environment: {{Variables: {{OWN: 1, BOTH: own}}}}
      Layers: [!Ref Second]
  First: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: one}}}}
  Second: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: two}}}}
Globals:
  Function:
    Timeout: 10
    MemorySize: 512
    Environment: {{Variables: {{SHARED: a, BOTH: b}}}}
    Layers: [!Ref First]
"
    );
    let function = &read_with(&text, &[]).functions[0];
    assert_eq!(function.timeout, Duration::from_secs(20));
    assert_eq!(function.memory_mb, 512);
    let variables = function.environment.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(variables.collect::<Vec<_>>(), ["BOTH=own", "OWN=1", "SHARED=a"]);
    let layers = function.layers.iter().map(|layer| layer.display().to_string());
    assert_eq!(layers.collect::<Vec<_>>(), ["/project/one", "/project/two"]);
}

#[test]
fn globals_that_sam_refuses_are_refused() {
    let errors = errors(&format!(
        "{CONSUMER}Globals:\n  Function: {{FunctionName: a}}\n  Api: {{Name: b}}\n"
    ));
    assert!(errors.contains("18: Globals.Function.FunctionName is not allowed by SAM"), "{errors}");
    assert!(errors.contains("19: Globals.Api is not emulated"), "{errors}");
}

#[test]
fn the_template_around_its_sections_is_checked() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let errors = errors(text);
        assert!(errors.contains(expected), "{text}: {errors}");
    }
    check("", "template.yaml:1: the template is empty");
    check("a", "the template must be a mapping, not a scalar");
    check("Description: none", "template.yaml:1: Resources is required");
    check("Resources: {}", "must declare at least one resource");
    check(&format!("{QUEUE}Rules: {{}}"), "template.yaml:2: Rules is not emulated");
    check(&format!("{QUEUE}Transform: AWS::Include"), "AWS::Include is not emulated");
    check(&format!("{QUEUE}---\n{QUEUE}"), "begins a second one");
    check(&format!("{QUEUE}Outputs:\n"), "2: null is not allowed in a template");
    check(&format!("{QUEUE}{QUEUE}"), "2: Resources is declared twice");
    check("a: &a [b]\nc: *a", "template.yaml:2: CloudFormation does not support aliases");
    check("a: [b", "template.yaml:1: column");
    let many = (0..201).map(|at| format!("P{at}: {{}}, ")).collect::<String>();
    check(&format!("{QUEUE}Outputs: {{{many}}}"), "2: Outputs has more than 200 entries");
    check(&format!("{QUEUE}Parameters: {{{many}}}"), "2: Parameters has more than 200 entries");
    check(&format!("{QUEUE}Mappings: {{A: {{{many}}}}}"), "Mappings.A has more than 200 entries");
    check(&format!("{QUEUE}Mappings: {{A: {{B: c}}}}"), "Mappings.A.B must be a mapping");
    check("? [a]\n: b", "a key must be a string");
    check(
        &CONSUMER.replace("Transform: AWS::Serverless-2016-10-31", ""),
        "template.yaml:5: Function needs Transform: AWS::Serverless-2016-10-31",
    );
}

#[test]
fn a_json_template_is_read_too() {
    let text = r#"{
	"Parameters": {"Name": {"Type": "String", "Default": "json"}},
	"Resources": {
		"Queue": {"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"Name"},"DelaySeconds":7}}
	},
	"Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
}"#;
    let stack = read_with(text, &[]);
    assert_eq!(stack.queues[0].name, "json");
    assert_eq!(stack.queues[0].attributes["DelaySeconds"], "7");
    assert_eq!(stack.outputs["Arn"], "arn:aws:sqs:eu-west-1:000000000000:json");
}
