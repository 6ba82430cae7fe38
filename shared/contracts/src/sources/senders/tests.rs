use super::*;

const ROLE: &str = "AROACHECKOUT123456789";
const USER: &str = "AIDACHECKOUT123456789";

fn variables() -> Variables {
    let yaml = format!(
        "variables: {{CHECKOUT: {ROLE}, ACCOUNT: '123456789012', WORD: checkout, TOKEN: 'secret:a'}}"
    );
    Variables::parse("variables/test.yaml", &yaml).unwrap()
}

fn senders(texts: &[&str], naming: Naming) -> Result<Senders, SenderError> {
    Senders::parse(texts.iter().map(|&text| text.to_owned()).collect(), naming)
}

#[track_caller]
fn check_id(listed: &str, id: &str, expected: bool) {
    let sender = Sender { id: Some(id), arn: None };
    let found = senders(&[listed], Naming::Ids).unwrap().include(sender, &variables(), Naming::Ids);
    assert_eq!(found, Ok(expected), "{listed} and {id}");
}

/// The forms of `SenderId` and `aws:userid` are those of IAM's table of principals.
#[test]
fn a_message_is_known_by_the_id_of_its_role_user_or_account() {
    check_id(ROLE, &format!("{ROLE}:i-a123b456"), true);
    check_id("{CHECKOUT}", &format!("{ROLE}:i-a123b456"), true);
    check_id(USER, USER, true);
    check_id("123456789012", "123456789012", true);
    check_id("{ACCOUNT}", "123456789012", true);
    // Another role, a session that is called like it, a longer id, and a federated user of the account.
    check_id(ROLE, "AROAOTHER12345678901:i-a123b456", false);
    check_id(ROLE, &format!("AROAOTHER12345678901:{ROLE}"), false);
    check_id(ROLE, &format!("{ROLE}0:i-a123b456"), false);
    check_id(USER, &format!("{USER}0"), false);
    check_id("123456789012", "123456789012:somebody", false);
    check_id(ROLE, "", false);
}

#[track_caller]
fn check_arn(listed: &str, arn: &str, expected: bool) {
    let naming = Naming::IdsAndArns;
    let sender = Sender { id: Some("AROA0000000000000000:s"), arn: Some(arn) };
    let found = senders(&[listed], naming).unwrap().include(sender, &variables(), naming);
    assert_eq!(found, Ok(expected), "{listed} and {arn}");
}

#[test]
fn a_request_is_known_by_the_arn_of_its_role_or_user() {
    let session = "arn:aws:sts::123456789012:assumed-role/checkout/i-a123b456";
    check_arn("arn:aws:iam::123456789012:role/checkout", session, true);
    check_arn("arn:aws:iam::{ACCOUNT}:role/checkout", session, true);
    check_arn("arn:aws:iam::123456789012:role/shop/eu/checkout", session, true);
    check_arn("AROA0000000000000000", session, true);
    let user = "arn:aws:iam::123456789012:user/shop/ada";
    check_arn(user, user, true);
    let root = "arn:aws:iam::123456789012:root";
    check_arn(root, root, true);
    // Other accounts, partitions, names and kinds of principals.
    check_arn("arn:aws:iam::999999999999:role/checkout", session, false);
    check_arn("arn:aws-cn:iam::123456789012:role/checkout", session, false);
    check_arn("arn:aws:iam::123456789012:role/check", session, false);
    check_arn("arn:aws:iam::123456789012:role/i-a123b456", session, false);
    check_arn("arn:aws:iam::123456789012:user/checkout", session, false);
    check_arn("arn:aws:iam::123456789012:user/ada", user, false);
    check_arn(root, user, false);
}

#[test]
fn nobody_is_listed_whom_aws_does_not_name() {
    let nobody = Sender::default();
    let found = senders(&[ROLE], Naming::Ids).unwrap().include(nobody, &variables(), Naming::Ids);
    assert_eq!(found, Ok(false));
}

#[track_caller]
fn check_refused(text: &str, naming: Naming, told: &str) {
    let error = senders(&[text], naming)
        .and_then(|senders| senders.check(&variables(), naming))
        .unwrap_err()
        .to_string();
    assert!(error.contains(told), "{text}: {error}");
}

#[test]
fn what_names_nobody_is_refused_with_what_was_expected() {
    let arn = "arn:aws:iam::123456789012:role/checkout";
    check_refused(arn, Naming::Ids, "SQS tells only the unique id");
    check_refused("checkout", Naming::Ids, "`checkout` is no unique id; expected one such as AROA");
    check_refused("{WORD}", Naming::IdsAndArns, "`checkout` is no unique id");
    check_refused(&format!("{ROLE}:session"), Naming::Ids, "no unique id");
    check_refused("*", Naming::IdsAndArns, "no unique id");
    check_refused("", Naming::Ids, "no unique id");
    for bad in [
        "arn:aws:sts::123456789012:assumed-role/checkout/session",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::12345:role/checkout",
        "arn:aws:iam::123456789012:root/x",
        "arn:aws:iam::123456789012:group/checkout",
    ] {
        check_refused(bad, Naming::IdsAndArns, "no ARN of a role");
    }
    check_refused("{OTHER}", Naming::Ids, "variables/test.yaml has no OTHER; expected `OTHER: <");
    check_refused("{TOKEN}", Naming::Ids, "TOKEN is a secret");
    check_refused("{/customer}", Naming::Ids, "expected variables only");
    check_refused("{secret:a}", Naming::Ids, "expected variables only");
    check_refused("{checkout}", Naming::Ids, "`{checkout}`: `checkout` is neither a variable");
    check_refused("{AWS_ACCESS_KEY_ID}", Naming::Ids, "a name of Lambda's own environment");
}

/// A variable that is missing stops those only whom nothing else names.
#[test]
fn one_sender_that_cannot_be_used_does_not_refuse_the_others() {
    let listed = senders(&["{OTHER}", ROLE], Naming::Ids).unwrap();
    let id = format!("{ROLE}:session");
    let known = Sender { id: Some(&id), arn: None };
    assert_eq!(listed.include(known, &variables(), Naming::Ids), Ok(true));
    let other = Sender { id: Some(USER), arn: None };
    let error = listed.include(other, &variables(), Naming::Ids).unwrap_err();
    assert!(error.to_string().contains("has no OTHER"), "{error}");
}
