//! How long messages wait and are kept, and what becomes of those that fail.

use super::*;

#[test]
fn every_mapping_reports_partial_failures_in_small_batches_but_for_those_that_write_objects() {
    let stack = deployed();
    for (mapping, _, function) in consumers(&stack) {
        let batches = (mapping.batch_size, mapping.maximum_concurrency, mapping.window);
        let expected = match function.binary.as_str() {
            "lake" => (10_000, Some(2), Duration::from_secs(20)),
            "collect" => (100, Some(2), Duration::from_secs(1)),
            _ => (10, Some(4), Duration::ZERO),
        };
        assert_eq!(batches, expected, "{}", mapping.logical_id);
        assert!(mapping.enabled && mapping.report_batch_item_failures);
        assert!(mapping.filters.is_empty());
    }
}

#[test]
fn a_function_knows_its_queue_and_when_that_gives_up() {
    let stack = deployed();
    assert_eq!(stages(&stack).len(), 5);
    for (_, queue, function) in stages(&stack) {
        let environment = &function.environment;
        let policy = redrive_policy(queue);
        assert_eq!(environment["QUEUE_URL"], queue.url, "{}", function.logical_id);
        assert_eq!(
            environment["MAX_RECEIVE_COUNT"],
            policy["maxReceiveCount"].to_string(),
            "{}",
            function.logical_id
        );
        let target = stack.queues.iter().find(|queue| policy["deadLetterTargetArn"] == queue.arn);
        let target = target.unwrap_or_else(|| panic!("{} has no dead letters", queue.logical_id));
        assert_eq!(environment["DEAD_LETTER_QUEUE_URL"], target.url, "{}", function.logical_id);
        assert_eq!(target.attributes["MessageRetentionPeriod"], "1209600");
    }
}

/// An event that is too large for a message is where every stage looks for it.
#[test]
fn all_stages_and_the_letter_store_have_one_archive_bucket() {
    let stack = deployed();
    for (_, _, function) in stages(&stack) {
        let bucket = &function.environment["ARCHIVE_BUCKET"];
        assert_eq!(bucket, "sluicegate-archivebucket", "{}", function.logical_id);
    }
    for name in ["CollectFunction", "RedriveFunction"] {
        assert_eq!(
            function(&stack, name).environment["LETTERS_BUCKET"],
            "sluicegate-archivebucket"
        );
    }
}

#[test]
fn a_message_stays_hidden_for_six_times_its_functions_timeout() {
    let stack = deployed();
    for (mapping, queue, function) in consumers(&stack) {
        let hidden: u64 = queue.attributes["VisibilityTimeout"].parse().unwrap();
        let least = 6 * function.timeout.as_secs() + mapping.window.as_secs();
        assert!(hidden >= least, "{}: {hidden} < {least}", queue.logical_id);
    }
}

/// A record that crashes its function each time comes back when its visibility timeout ends.
#[test]
fn crashes_are_tried_for_as_long_as_failures_and_end_days_before_the_queue_forgets() {
    let stack = deployed();
    for (_, queue, _) in stages(&stack) {
        let number = |name: &str| queue.attributes[name].parse::<u64>().unwrap();
        let receives = redrive_policy(queue)["maxReceiveCount"].as_u64().unwrap();
        let crashing = receives * number("VisibilityTimeout");
        let kept = number("MessageRetentionPeriod");
        assert!(crashing >= 45 * 60, "{}: {crashing} s", queue.logical_id);
        // A contract may allow a wait of four days. Two more days are left for people to react.
        let (longest_wait, spare) = (4 * 24 * 60 * 60, 2 * 24 * 60 * 60);
        assert!(crashing + longest_wait + spare <= kept, "{}: {crashing} s", queue.logical_id);
    }
}

#[test]
fn patience_is_one_parameter() {
    let parameters = [("Environment", "production"), ("MaxReceiveCount", "20")];
    let stack = read_with(DEPLOYED, &parameters);
    for (_, queue, function) in stages(&stack) {
        assert_eq!(redrive_policy(queue)["maxReceiveCount"], 20, "{}", queue.logical_id);
        assert_eq!(function.environment["MAX_RECEIVE_COUNT"], "20", "{}", function.logical_id);
    }
}

/// A stage sends a message that waits for more than a minute to its own queue again.
#[test]
fn a_function_may_send_to_its_own_queue() {
    let stack = deployed();
    for (_, queue, function) in stages(&stack) {
        let role = stack.roles.iter().find(|role| role.arn == function.role).unwrap();
        let own = Grant { action: "sqs:SendMessage".to_owned(), resource: queue.arn.clone() };
        assert!(role.rights.grants().contains(&own), "{}", function.logical_id);
    }
}

#[test]
fn every_dead_letter_can_be_redriven() {
    let stack = deployed();
    let routes: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&function(&stack, "RedriveFunction").environment["ROUTES"]).unwrap();
    for (_, queue, function) in stages(&stack) {
        let dead_letters = &function.environment["DEAD_LETTER_QUEUE_URL"];
        let route = &routes[&function.binary];
        assert_eq!((&route["dlq"], &route["queue"]), (dead_letters, &queue.url));
    }
    assert_eq!(routes.len(), stages(&stack).len());
}

/// A dead letter carries the name of the stage that gave up.
#[test]
fn every_dead_letter_is_collected() {
    let stack = deployed();
    let collect = function(&stack, "CollectFunction");
    let names: BTreeMap<String, String> =
        serde_json::from_str(&collect.environment["STAGES"]).unwrap();
    let mut collected = BTreeMap::new();
    for (mapping, _, _) in consumers(&stack).iter().filter(|it| it.2.binary == "collect") {
        collected.insert(&mapping.queue_arn, &names[&mapping.queue_arn]);
    }
    let mut dead = BTreeMap::new();
    for (_, queue, function) in stages(&stack) {
        let target = redrive_policy(queue)["deadLetterTargetArn"].as_str().unwrap().to_owned();
        let target = stack.queues.iter().find(|queue| queue.arn == target).unwrap();
        assert!(!target.attributes.contains_key("RedrivePolicy"), "what is not collected stays");
        dead.insert(&target.arn, &function.binary);
    }
    assert_eq!(collected, dead);
}
