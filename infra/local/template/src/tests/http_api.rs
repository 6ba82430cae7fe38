//! `HttpApi` events: the API that they make, where it is, and what is refused.

use std::time::Duration;

use super::{errors, read_with};

/// A function whose events are to follow, from line 12 on.
const FUNCTION: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: consumer}}
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
";

#[test]
fn events_become_the_routes_of_one_api() {
    let text = format!(
        "{FUNCTION}        One: {{Type: HttpApi, Properties: {{Path: '/flights/{{id}}', Method: get}}}}
        Files:
          Type: HttpApi
          Properties:
            ApiId: !Ref ServerlessHttpApi
            Path: /{{proxy+}}
            Method: any
            PayloadFormatVersion: '2.0'
            TimeoutInMillis: 1500
        Rest: {{Type: HttpApi}}
"
    );
    let stack = read_with(&text, &[]);
    assert_eq!(stack.http_apis.len(), 1);
    assert_eq!(stack.http_apis[0].logical_id, "ServerlessHttpApi");
    let routes = &stack.http_apis[0].routes;
    let keys: Vec<_> = routes.iter().map(|route| route.key()).collect();
    assert_eq!(keys, ["GET /flights/{id}", "ANY /{proxy+}", "$default"]);
    assert!(routes.iter().all(|route| route.function == "sluicegate-Function"));
    assert_eq!(routes[0].logical_id, "FunctionOne");
    assert_eq!((routes[0].timeout, routes[1].timeout.as_millis()), (Duration::from_secs(30), 1500));
    assert!(stack.warnings.is_empty(), "{:?}", stack.warnings);
}

#[test]
fn the_apis_url_is_the_one_that_it_has_here_however_it_is_put_together() {
    let text = format!(
        "{FUNCTION}        One: {{Type: HttpApi}}
Outputs:
  Attribute: {{Value: !GetAtt ServerlessHttpApi.ApiEndpoint}}
  Region: {{Value: !Sub 'https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.amazonaws.com/v1'}}
  Suffix: {{Value: !Sub 'https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/'}}
  Joined: {{Value: !Join ['', ['https://', !Ref ServerlessHttpApi, '.execute-api.eu-west-1.amazonaws.com']]}}
  Other: {{Value: !Sub 'https://other.execute-api.${{AWS::Region}}.amazonaws.com/'}}
"
    );
    let outputs = read_with(&text, &[]).outputs;
    let here = "http://127.0.0.1:4566/http-apis/ServerlessHttpApi";
    assert_eq!(outputs["Attribute"], here);
    assert_eq!(outputs["Region"], format!("{here}/v1"));
    assert_eq!(outputs["Suffix"], format!("{here}/"));
    assert_eq!(outputs["Joined"], here);
    assert_eq!(outputs["Other"], "https://other.execute-api.eu-west-1.amazonaws.com/");
}

#[test]
fn without_an_event_there_is_no_api() {
    let text = "
Resources:
  Queue: {Type: AWS::SQS::Queue}
Outputs:
  Url: {Value: !Ref ServerlessHttpApi}
";
    assert_eq!(
        errors(text),
        "template.yaml:5: there is no parameter or resource ServerlessHttpApi"
    );
}

#[test]
fn a_function_of_the_api_cannot_be_told_its_url() {
    let text = format!(
        "{FUNCTION}        One: {{Type: HttpApi}}
      Environment: {{Variables: {{URL: !GetAtt ServerlessHttpApi.ApiEndpoint}}}}
"
    );
    let expected = "template.yaml:4: circular dependency between resources: Function";
    assert_eq!(errors(&text), expected);
}

#[test]
fn what_is_not_emulated_or_no_route_is_refused_with_its_line() {
    let check = |properties: &str, expected: &str| {
        let event = format!("        One: {{Type: HttpApi, Properties: {{{properties}}}}}");
        let place = "template.yaml:12: Function.Properties.Events.One.Properties.";
        assert_eq!(errors(&format!("{FUNCTION}{event}\n")), format!("{place}{expected}"));
    };
    check("Auth: {Authorizer: Mine}", "Auth is not emulated");
    check("RouteSettings: {ThrottlingRateLimit: 1}", "RouteSettings is not emulated");
    check("ApiId: abc123", "ApiId abc123 is not emulated (only ServerlessHttpApi)");
    let format = "PayloadFormatVersion 1.0 is not emulated (only 2.0)";
    check("PayloadFormatVersion: '1.0'", format);
    let range = "TimeoutInMillis is 30001, and must be an integer from 50 to 30000";
    check("TimeoutInMillis: 30001", range);
    check("Path: /a", "Method is required");
    check("Method: GET", "Path is required");
    check(
        "Path: /a, Method: fetch",
        "Method is FETCH, and must be ANY or one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    );
    check("Path: $default, Method: GET", "Method is GET: $default takes every method");
    let path = |path: &str, rule: &str| {
        check(&format!("Path: '{path}', Method: ANY"), &format!("Path is {path}: {rule}"));
    };
    path("a", "it must begin with a slash");
    path("/a{b}", "a variable must be a whole segment");
    path("/{a+}/b", "a greedy variable must be at the end");
    let name = "a variable's name is letters, digits, periods, hyphens and underscores";
    path("/{}", name);
    path("/{a b}", name);
    path("/{a}/{a}", "a variable is there twice");
}

#[test]
fn a_route_that_is_there_twice_is_refused() {
    let event = "{Type: HttpApi, Properties: {Path: /a, Method: get}}";
    let text = format!("{FUNCTION}        One: {event}\n        Two: {event}\n");
    assert_eq!(errors(&text), "template.yaml:13: FunctionTwo: there is another route GET /a");
}
