//! Reads whole templates, and compares the stacks and errors.

mod deployed;
mod errors;
mod hostile;
mod http_api;
mod intrinsics;
mod passed_over;
mod resources;
mod roles;
mod sections;
mod streams;

use std::path::Path;

use super::{Options, Stack, TemplateError, read};

const DEPLOYED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../template.yaml"));

fn options(parameters: &[(&str, &str)]) -> Options {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options { parameters: parameters.iter().map(pair).collect(), ..Options::default() }
}

fn try_read(text: &str, parameters: &[(&str, &str)]) -> Result<Stack, TemplateError> {
    let mut options = options(parameters);
    if super::parameter_names(text).contains("Monitoring") {
        // Its nested stacks are files of the repository.
        options.parameters.entry("Monitoring".to_owned()).or_insert_with(|| "false".to_owned());
    }
    read(text, Path::new("/project"), &options)
}

#[track_caller]
fn read_with(text: &str, parameters: &[(&str, &str)]) -> Stack {
    match try_read(text, parameters) {
        Ok(stack) => stack,
        Err(error) => panic!("{error}"),
    }
}

/// The errors of a template, as they are displayed.
#[track_caller]
fn errors(text: &str) -> String {
    match try_read(text, &[]) {
        Ok(stack) => panic!("read without an error: {stack:?}"),
        Err(error) => error.to_string(),
    }
}

/// The shortest function that consumes a queue `Queue`.
const CONSUMER: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Function:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: consumer}}
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
";
