//! The notes of groups, and whether the triage rules of contracts are stopped.

use serde_json::json;

use super::answers::grouped_and_noted;
use super::{check, format_groups};
use crate::output::page::Page;

#[test]
fn a_list_says_who_has_halted_the_rules_and_what_starts_them() {
    check(
        "list-halted",
        80,
        "\
stage  dead  oldest  newest  groups  not collected  waiting
sink      0       -       -       0              0        ?

0 letters are dead
  not collected  none, as far as SQS counts
  rules          halted since 03:58:00 UTC (2 min ago) by
                 arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operators
                 _0123456789abcdef/ada@example.com: the fix was wrong
                 `sluicegate dlq start-triage --reason …` lets them act again",
    );
}

#[test]
fn what_was_said_of_a_group_is_below_it_and_what_is_muted_comes_last() {
    check(
        "groups-noted",
        80,
        "\
letters  came back  stage    code                first   last
      1          0  deliver  record.abandoned     30 s   30 s
    1-0000000000000000
    received 3 times, and each receive ended without an answer, by a crash or a…
    acknowledged by ada@example.com
    no more letters since; why: the airline mends it
  1,204         12  ingest   contract.violation    3 d  5 min
    1-d7fbe72759a91ea3  flights v1, v2  at line 17, /legs/0/distance
    expected integer, found a string
    muted by ada@example.com until 08:00:00 UTC (in 4 h)
    204 more letters since; why: the airline mends it

1,205 letters in 2 groups, dead
  next           `sluicegate dlq peek --group 1-0000000000000000` shows letters;
                 once the cause is mended, `sluicegate dlq plan --group
                 1-0000000000000000`",
    );
}

#[test]
fn only_what_is_muted_is_dimmed() {
    let page = Page { is_coloured: true, ..Page::plain(80) };
    let told = format_groups(&page, &grouped_and_noted());
    let dimmed = told.lines().filter(|line| line.starts_with("\u{1b}[2m"));
    assert_eq!(dimmed.count(), 5, "{told}");
    assert_eq!(told.matches('\u{1b}').count(), 10, "{told}");
}

#[test]
fn a_note_that_is_over_says_so_and_a_part_of_a_group_has_not_grown() {
    let mut answer = grouped_and_noted();
    let group = &mut answer["groups"][0];
    group["note"]["until"] = json!("2026-11-29T03:00:00.000Z");
    group["is_muted"] = json!(false);
    group["grown_by"] = json!(null);
    let told = format_groups(&Page::plain(80), &answer);
    let note = "    was muted by ada@example.com until 03:00:00 UTC (60 min ago)\n    why: ";
    assert!(told.contains(note), "{told}");
}

#[test]
fn what_is_said_of_a_group_is_told_with_where_it_is_written_down() {
    check(
        "mute",
        80,
        "\
group 1-d7fbe72759a91ea3 is muted, with 1,000 letters
  until          08:00:00 UTC (in 4 h)
  audit log      audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json
                 audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json",
    );
}
