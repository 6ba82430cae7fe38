//! Sends requests of the protocol, with a clock that the tests advance.

use std::time::Duration;

use serde_json::Value;

use super::*;

const START_MS: u64 = 1_700_000_000_500;
const FIRST: &str = "11111111-1111-1111-1111-111111111111";
const SECOND: &str = "22222222-2222-2222-2222-222222222222";
const THIRD: &str = "33333333-3333-3333-3333-333333333333";

fn service() -> (SecretsManager, Clock) {
    let clock = Clock::manual(START_MS);
    (SecretsManager::new(clock.clone(), "eu-west-1", "000000000000"), clock)
}

impl SecretsManager {
    #[track_caller]
    fn ask(&self, operation: &str, body: &Value) -> Value {
        let response = self.call(operation, body.to_string().as_bytes());
        let answer = String::from_utf8_lossy(response.body()).into_owned();
        assert_eq!(response.status(), 200, "{operation}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    #[track_caller]
    fn check_refused(&self, operation: &str, body: &Value, code: &str, told: &str) {
        let response = self.call(operation, body.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), &answer["__type"]), (400, &json!(code)));
        let message = answer["Message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }

    fn value(&self, stage: &str) -> Value {
        self.ask("GetSecretValue", &json!({ "SecretId": "s", "VersionStage": stage }))
    }
}

fn put(id: &str, text: &str) -> Value {
    json!({ "SecretId": "s", "ClientRequestToken": id, "SecretString": text })
}

#[test]
fn a_secret_is_made_and_read_by_name_and_arn() {
    let (service, _) = service();
    let create = json!({
        "Name": "stack/weather", "ClientRequestToken": FIRST, "SecretString": "hush",
        "Description": "a token", "Tags": [{ "Key": "team", "Value": "weather" }],
    });
    let made = service.ask("CreateSecret", &create);
    let arn = made["ARN"].as_str().unwrap();
    let start = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:stack/weather";
    assert!(arn.starts_with(&format!("{start}-")) && arn.len() == start.len() + 7, "{arn}");
    assert_eq!((&made["Name"], &made["VersionId"]), (&json!("stack/weather"), &json!(FIRST)));
    assert_eq!(service.ask("CreateSecret", &create), made, "the same request again");
    for id in ["stack/weather", arn, start] {
        let read = service.ask("GetSecretValue", &json!({ "SecretId": id }));
        assert_eq!(
            read,
            json!({
                "ARN": arn, "Name": "stack/weather", "SecretString": "hush", "VersionId": FIRST,
                "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_700_000_000.5,
            })
        );
    }
    let described = service.ask("DescribeSecret", &json!({ "SecretId": arn }));
    assert_eq!(described["Description"], "a token");
    assert_eq!(described["Tags"], json!([{ "Key": "team", "Value": "weather" }]));
    assert_eq!(described["VersionIdsToStages"], json!({ FIRST: ["AWSCURRENT"] }));
    assert!(!described.to_string().contains("hush"));
    let listed = service.ask("ListSecrets", &json!({}));
    assert_eq!(listed["SecretList"][0]["Name"], "stack/weather");
}

#[test]
fn a_new_version_is_current_and_the_one_before_is_previous() {
    let (service, _) = service();
    service.put("s", "first").unwrap();
    service.ask("PutSecretValue", &put(SECOND, "second"));
    assert_eq!(service.value("AWSCURRENT")["SecretString"], "second");
    assert_eq!(service.value("AWSPREVIOUS")["SecretString"], "first");
    let again = service.ask("PutSecretValue", &put(SECOND, "second"));
    assert_eq!(again["VersionStages"], json!(["AWSCURRENT"]));
    assert_eq!(service.value("AWSPREVIOUS")["SecretString"], "first", "a repeat changes nothing");
    service.check_refused("PutSecretValue", &put(SECOND, "x"), "ResourceExistsException", SECOND);
    let update = json!({ "SecretId": "s", "ClientRequestToken": THIRD, "SecretString": "third" });
    service.ask("UpdateSecret", &update);
    assert_eq!(service.value("AWSPREVIOUS")["SecretString"], "second");
    let first = json!({ "SecretId": "s", "VersionId": THIRD, "VersionStage": "AWSPREVIOUS" });
    service.check_refused("GetSecretValue", &first, "InvalidParameterException", "not associated");
}

/// AWS's rotation functions add a pending version, try it, and then make it the current one.
#[test]
fn a_rotation_goes_over_a_pending_version() {
    let (service, _) = service();
    service.ask(
        "CreateSecret",
        &json!({ "Name": "s", "ClientRequestToken": FIRST, "SecretString": "a" }),
    );
    let mut pending = put(SECOND, "b");
    pending["VersionStages"] = json!(["AWSPENDING"]);
    service.ask("PutSecretValue", &pending);
    assert_eq!(service.value("AWSCURRENT")["SecretString"], "a");
    assert_eq!(service.value("AWSPENDING")["SecretString"], "b");
    let finish = json!({
        "SecretId": "s", "VersionStage": "AWSCURRENT", "MoveToVersionId": SECOND,
        "RemoveFromVersionId": FIRST,
    });
    let mut wrong = finish.clone();
    wrong["RemoveFromVersionId"] = json!(THIRD);
    let told = "RemoveFromVersionId";
    service.check_refused("UpdateSecretVersionStage", &wrong, "InvalidParameterException", told);
    service.ask("UpdateSecretVersionStage", &finish);
    let described = service.ask("DescribeSecret", &json!({ "SecretId": "s" }));
    let stages = json!({ FIRST: ["AWSPREVIOUS"], SECOND: ["AWSCURRENT", "AWSPENDING"] });
    assert_eq!(described["VersionIdsToStages"], stages);
}

#[test]
fn a_deleted_secret_can_be_restored_until_its_time_is_over() {
    let (service, clock) = service();
    service.put("s", "text").unwrap();
    let secret = json!({ "SecretId": "s" });
    service.ask("DeleteSecret", &json!({ "SecretId": "s", "RecoveryWindowInDays": 7 }));
    let gone = "InvalidRequestException";
    service.check_refused("GetSecretValue", &secret, gone, "marked for deletion");
    let create = json!({ "Name": "s", "ClientRequestToken": FIRST, "SecretString": "a" });
    service.check_refused("CreateSecret", &create, gone, "already scheduled for deletion");
    service.ask("RestoreSecret", &secret);
    assert_eq!(service.text("s").unwrap(), "text");
    service.ask("DeleteSecret", &secret);
    clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
    let missing = "ResourceNotFoundException";
    service.check_refused("GetSecretValue", &secret, missing, "can't find the specified secret.");
    service.ask("CreateSecret", &create);
    service.ask("DeleteSecret", &json!({ "SecretId": "s", "ForceDeleteWithoutRecovery": true }));
    service.check_refused("DescribeSecret", &secret, missing, "can't find");
}

#[test]
fn what_aws_refuses_is_refused() {
    let (service, _) = service();
    service.put("s", "text").unwrap();
    let check = |operation: &str, body: Value, code: &str, told: &str| {
        service.check_refused(operation, &body, code, told);
    };
    let name =
        |name: &str| json!({ "Name": name, "ClientRequestToken": FIRST, "SecretString": "a" });
    check("CreateSecret", name("s"), "ResourceExistsException", "the secret s already exists");
    check("CreateSecret", name("a b"), "ValidationException", "Invalid name");
    check(
        "CreateSecret",
        json!({ "Name": "a", "SecretString": "a" }),
        "InvalidRequestException",
        "Token",
    );
    check("PutSecretValue", put("short", "a"), "InvalidParameterException", "32-64");
    check("PutSecretValue", put(FIRST, &"x".repeat(65_537)), "InvalidParameterException", "65536");
    let nothing = json!({ "SecretId": "s", "ClientRequestToken": FIRST });
    check("PutSecretValue", nothing, "InvalidRequestException", "either SecretString");
    let both = json!({ "SecretId": "s", "ClientRequestToken": FIRST, "SecretString": "a", "SecretBinary": "YQ==" });
    check("PutSecretValue", both, "InvalidParameterException", "both a binary");
    let stage = json!({ "SecretId": "s", "VersionStage": "AWSPENDING" });
    check("GetSecretValue", stage, "ResourceNotFoundException", "staging label: AWSPENDING");
    let days = json!({ "SecretId": "s", "RecoveryWindowInDays": 6 });
    check("DeleteSecret", days, "InvalidParameterException", "between 7 and 30");
    check("RotateSecret", json!({}), "UnknownOperationException", "RotateSecret is not emulated");
    let unknown = json!({ "SecretId": "s", "Filters": [] });
    check("DescribeSecret", unknown, "ValidationException", "Filters");
    check("GetSecretValue", json!([]), "ValidationException", "");
}

#[test]
fn bytes_are_kept_as_they_are() {
    let (service, _) = service();
    let create = json!({ "Name": "s", "ClientRequestToken": FIRST, "SecretBinary": "AP8=" });
    service.ask("CreateSecret", &create);
    assert_eq!(service.value("AWSCURRENT")["SecretBinary"], "AP8=");
    assert!(service.text("s").is_err());
}

#[test]
fn old_versions_without_a_stage_are_forgotten_and_the_others_never() {
    let (service, _) = service();
    for number in 0..150 {
        service.put("s", &number.to_string()).unwrap();
    }
    assert_eq!(service.value("AWSPREVIOUS")["SecretString"], "148");
    assert_eq!(service.store().secrets["s"].versions.len(), 100);
}

#[test]
fn a_snapshot_holds_all_that_there_is() {
    let (before, clock) = service();
    before.put("s", "first").unwrap();
    before.ask("PutSecretValue", &put(SECOND, "second"));
    before.ask(
        "CreateSecret",
        &json!({ "Name": "b", "ClientRequestToken": FIRST, "SecretBinary": "AP8=" }),
    );
    before.ask("DeleteSecret", &json!({ "SecretId": "b" }));
    let text = serde_json::to_vec(&before.snapshot()).unwrap();
    let after = SecretsManager::new(clock, "eu-west-1", "000000000000");
    after.restore(serde_json::from_slice(&text).unwrap());
    for (operation, body) in [
        ("GetSecretValue", json!({ "SecretId": "s" })),
        ("DescribeSecret", json!({ "SecretId": "s" })),
        ("GetSecretValue", json!({ "SecretId": "s", "VersionStage": "AWSPREVIOUS" })),
        ("DescribeSecret", json!({ "SecretId": "b" })),
    ] {
        assert_eq!(after.ask(operation, &body), before.ask(operation, &body));
    }
    let mark = before.mark();
    before.value("AWSCURRENT");
    assert_eq!(before.mark(), mark, "reading changes nothing");
    before.put("s", "third").unwrap();
    assert_ne!(before.mark(), mark);
}
