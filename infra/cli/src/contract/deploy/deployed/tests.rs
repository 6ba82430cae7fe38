use serde_json::{Value, json};

use super::*;

/// As SAM writes it.
const YAML: &str = "AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: provided.al2023}}
Resources:
  # Code.
  Live:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      CodeUri: s3://packages/code
      Layers:
      - Ref: ContractsLayer
  Pinned:
    Type: AWS::Serverless::Function
    Properties: {Layers: [!Ref ContractsLayer], AutoPublishAlias: live, AutoPublishCodeSha256: old}
  Plain:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: s3://packages/code
      Layers: [!Ref ContractsLayer]
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: s3://packages/code, AutoPublishAlias: live}
  ContractsLayer:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: s3://packages/sluicegate/0123  # the contracts
";

fn place() -> ObjectPlace {
    ObjectPlace { bucket: "packages".to_owned(), key: "sluicegate/new.zip".to_owned() }
}

/// What a reader of YAML reads that shares nothing with the writer. Tags are left out.
fn value_of(text: &str) -> Value {
    serde_saphyr::from_str(&text.replace("!Ref ", ""))
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn nothing_but_the_contracts_and_the_versions_of_aliased_functions_changes() {
    let template = DeployedTemplate::read(YAML.to_owned()).unwrap();
    assert_eq!(template.contracts.uri(), "s3://packages/sluicegate/0123");
    let text = template.with_contracts(&place(), "abc");
    let (mut before, mut after) = (value_of(YAML), value_of(&text));
    let layer = &after["Resources"]["ContractsLayer"]["Properties"]["ContentUri"];
    assert_eq!(layer, &json!("s3://packages/sluicegate/new.zip"));
    for function in ["Live", "Pinned"] {
        let hash = &after["Resources"][function]["Properties"][CODE_HASH];
        assert_eq!(hash.as_str().map(str::len), Some(64), "{function}");
    }
    for value in [&mut before, &mut after] {
        for function in ["Live", "Pinned"] {
            let properties = &mut value["Resources"][function]["Properties"];
            properties.as_object_mut().unwrap().remove(CODE_HASH);
        }
        value["Resources"]["ContractsLayer"]["Properties"]["ContentUri"] = Value::Null;
    }
    assert_eq!(before, after);
    assert!(text.contains("# Code.") && text.contains("# the contracts"), "{text}");
    let again = template.with_contracts(&place(), "abd");
    assert_ne!(text, again, "other contracts are another version");
}

#[test]
fn a_template_in_json_stays_json() {
    let template = json!({"Resources": {
        "Live": {"Type": FUNCTION_TYPE, "Properties": {
            "AutoPublishAlias": "live", "Layers": [{"Ref": "ContractsLayer"}]}},
        "ContractsLayer": {"Type": LAYER_TYPE, "Properties": {
            "ContentUri": {"Bucket": "packages", "Key": "0123"}}}}});
    for text in [template.to_string(), serde_json::to_string_pretty(&template).unwrap()] {
        let read = DeployedTemplate::read(text).unwrap();
        assert_eq!(read.contracts.uri(), "s3://packages/0123");
        let after: Value = serde_json::from_str(&read.with_contracts(&place(), "abc")).unwrap();
        let content = &after["Resources"]["ContractsLayer"]["Properties"]["ContentUri"];
        assert_eq!(content, &json!({"Bucket": "packages", "Key": "sluicegate/new.zip"}));
        assert!(after["Resources"]["Live"]["Properties"][CODE_HASH].is_string());
    }
}

#[track_caller]
fn check_refused(layer: &str, told: &str) {
    let text = format!("Resources:\n  Queue: {{Type: AWS::SQS::Queue}}\n  {layer}\n");
    let failure = DeployedTemplate::read(text).err().unwrap().to_string();
    assert!(failure.contains(told), "{failure}");
}

#[test]
fn a_template_without_packaged_contracts_is_refused() {
    check_refused("A: {}", "it has no ContractsLayer");
    check_refused("ContractsLayer: {Type: AWS::Lambda::LayerVersion}", "is no AWS::Serverless");
    check_refused("ContractsLayer: {Type: AWS::Serverless::LayerVersion}", "has no ContentUri");
    for content in ["infra/contracts", "{Bucket: a}", "{Bucket: a, Key: b, Version: c}"] {
        let layer = format!(
            "ContractsLayer: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: {content}}}}}"
        );
        check_refused(&layer, "neither s3://BUCKET/KEY nor");
    }
    assert!(DeployedTemplate::read("Resources: [".to_owned()).is_err());
}
