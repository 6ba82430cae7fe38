use super::*;
use crate::attributes_size;

fn failure() -> DeadLetter {
    let why = Failure::permanent(Code::KeyMissing, "nothing at `/id`").at("/id");
    DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(1_000), "m-1")
}

fn attributes(count: usize) -> Attributes {
    (0..count).map(|n| (format!("a{n}"), Attribute::string("v"))).collect()
}

#[test]
fn a_dead_letter_tells_its_reason_from_its_attributes_alone() {
    let written = DeadLetter::read(&failure().write(attributes(2))).unwrap();
    assert_eq!(written, DeadLetter { fingerprint: Some(failure().fingerprint()), ..failure() });
}

#[test]
fn a_letter_is_grouped_by_its_place_as_it_was_before_it_was_shortened() {
    let why = Failure::permanent(Code::ContractViolation, "x").at(format!("/{}/7", "a".repeat(99)));
    let contract = ContractRef { dataset: "flights".to_owned(), version: Some(3) };
    let letter = DeadLetter::new("sink", &why, Timestamp::from_unix_ms(0), "m-1");
    let letter = letter.held_to(Some(contract));
    let whole = DeadLetter::read(&letter.clone().write(Attributes::new())).unwrap();
    assert_eq!((whole.dataset.as_deref(), whole.contract_version), (Some("flights"), Some(3)));
    let room = attributes_size(&letter.clone().write(Attributes::new())) - 60;
    let short = DeadLetter::read(&letter.clone().write_within(Attributes::new(), room)).unwrap();
    assert!(short.at.as_deref().is_some_and(|at| at.ends_with('…')), "{short:?}");
    assert_eq!(short.fingerprint(), whole.fingerprint());
    // The fingerprint is the same before the letter is written and after it was redriven.
    let revived = DeadLetter::revive(short.write(Attributes::new()), usize::MAX, None);
    assert_eq!(DeadLetter::read(&revived).unwrap().fingerprint(), letter.fingerprint());
}

/// A message can name any dataset.
#[test]
fn a_dataset_s_name_takes_no_more_room_than_a_contract_s_could() {
    let letter = failure().held_to(Some(ContractRef::of_dataset(&"é".repeat(5_000))));
    assert_eq!(letter.dataset.as_deref(), Some("é".repeat(64).as_str()));
}

/// By its mark, a message that fails again is recognized as the same letter.
#[test]
fn what_brought_a_message_back_is_in_its_next_letter() {
    let mark = RedriveMark {
        letter: "l-1".to_owned(),
        run: "r-1".to_owned(),
        count: 1,
        remembered_until: None,
    };
    let dead = failure().write(attributes(1));
    let revived = DeadLetter::revive(dead, usize::MAX, Some(mark.clone()));
    let earlier = DeadLetter::read(&revived);
    let why = Failure::permanent(Code::TimeInvalid, "again");
    let again = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(9), "m-2");
    let again = again.following(earlier.as_ref()).write(attributes(1));
    assert_eq!(DeadLetter::read(&again).unwrap().redrive, Some(mark));
    // When AWS's own redrive brings it back after that, it has no mark.
    let revived = DeadLetter::revive(again, usize::MAX, None);
    assert_eq!(DeadLetter::read(&revived).unwrap().redrive, None);
}

#[test]
fn a_second_failure_has_a_fingerprint_of_its_own() {
    let first = DeadLetter::read(&failure().write(attributes(1))).unwrap();
    let why = Failure::permanent(Code::TimeInvalid, "again").at("/at");
    let again = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(9), "m-2");
    let again = DeadLetter::read(&again.following(Some(&first)).write(attributes(1))).unwrap();
    assert_ne!(again.fingerprint(), first.fingerprint());
}

#[test]
fn ten_attributes_of_the_producer_come_back_with_the_redrive() {
    let before = attributes(10);
    let dead = failure().write(before.clone());
    assert_eq!(dead.len(), 10);
    assert_eq!(DeadLetter::read(&dead).unwrap().code, Code::KeyMissing);
    let revived = DeadLetter::revive(dead, usize::MAX, None);
    assert_eq!(revived.len(), 10);
    let letter = DeadLetter::read(&revived).unwrap();
    assert_eq!((letter.redrives, letter.original(revived)), (1, before.clone()));

    // Its second failure still has them.
    let why = Failure::permanent(Code::KeyMissing, "again");
    let again = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(9), "m-9");
    let dead = again.following(Some(&letter)).write(letter.original(before.clone()));
    let letter = DeadLetter::read(&dead).unwrap();
    assert_eq!((dead.len(), letter.original(dead)), (10, before));
}

#[test]
fn a_second_failure_remembers_the_first() {
    let first = DeadLetter { traceparent: Some("00-a-b-00".to_owned()), ..failure() };
    let revived = DeadLetter::revive(first.write(attributes(1)), usize::MAX, None);
    let earlier = DeadLetter::read(&revived);
    let why = Failure::transient(Code::DependencyUnavailable, "away");
    let again = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(9_000), "m-2")
        .following(earlier.as_ref());
    assert_eq!((again.redrives, again.message_id.as_str()), (1, "m-1"));
    assert_eq!(again.traceparent.as_deref(), Some("00-a-b-00"));
    assert_eq!(again.first_failed_at, Timestamp::from_unix_ms(1_000));
    assert_eq!(again.last_failed_at, Timestamp::from_unix_ms(9_000));
}

#[test]
fn the_time_at_which_it_was_taken_in_stays_through_further_lives() {
    let first = DeadLetter { taken_in_at: Some(Timestamp::from_unix_ms(7)), ..failure() };
    let why = Failure::permanent(Code::KeyMissing, "again");
    let mut letter = first;
    for life in 1..4 {
        let revived = DeadLetter::revive(letter.write(attributes(1)), usize::MAX, None);
        let earlier = DeadLetter::read(&revived).unwrap();
        let now = Timestamp::from_unix_ms(life * 100_000);
        letter = DeadLetter::new("ingest", &why, now, "m").following(Some(&earlier));
        letter.taken_in_at = Some(letter.taken_in());
    }
    assert_eq!((letter.taken_in(), letter.redrives), (Timestamp::from_unix_ms(7), 3));
}

/// Letters as earlier versions wrote them.
#[test]
fn a_letter_of_an_earlier_version_is_read() {
    const WRITTEN: &str = r#"{"stage":"ingest","code":"contract.violation","kind":"permanent","reason":"expected integer, found a string","at":"line 17, /distance","first_failed_at":"2026-01-01T00:00:00.000Z","last_failed_at":"2026-01-02T00:00:00.000Z","attempts":1,"redrives":2,"message_id":"9b2c:17","encoding":"base64","displaced":["z",{"type":"String","value":"v"}]}"#;
    let attribute = (FAILURE_ATTRIBUTE.to_owned(), Attribute::string(WRITTEN));
    let letter = DeadLetter::read(&Attributes::from([attribute])).unwrap();
    assert_eq!(letter.taken_in(), letter.first_failed_at);
    assert_eq!((letter.encoding, letter.form), (Encoding::Base64, Form::Message));
    assert_eq!(letter.original(attributes(1)).len(), 2);
    assert_eq!(letter.failure().at.as_deref(), Some("line 17, /distance"));
    let print = FailureFingerprint::of("ingest", letter.code, Some("/distance"), None, None);
    assert_eq!(letter.fingerprint(), print, "by what it says");
}

#[test]
fn a_message_that_sqs_moved_goes_back_as_it_is() {
    assert_eq!(DeadLetter::revive(attributes(3), usize::MAX, None), attributes(3));
}

/// What is shortened or left out if there is less room than the failure takes, and in which order: the reason, the
/// place, the trace, the contract, the fingerprint. No more is left out than necessary.
#[test]
fn what_a_failure_loses_is_as_little_as_can_be() {
    let why = Failure::permanent(Code::KeyMissing, "nothing at \"id\" here").at("/id/of/it");
    let mut letter = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(0), "m-1");
    letter.traceparent = Some("t".repeat(20));
    let letter =
        letter.held_to(Some(ContractRef { dataset: "flights".to_owned(), version: Some(1) }));
    let whole = attributes_size(&letter.clone().write(Attributes::new()));
    let within = |room: usize| {
        let written = letter.clone().write_within(Attributes::new(), room);
        let read = DeadLetter::read(&written).unwrap();
        let kept = [read.traceparent.is_some(), read.dataset.is_some(), read.fingerprint.is_some()];
        (read.reason, read.at.unwrap(), kept, attributes_size(&written))
    };
    let check = |less: usize, reason: &str, at: &str, kept: [bool; 3], size: usize| {
        let expected = (reason.to_owned(), at.to_owned(), kept, whole - size);
        assert_eq!(within(whole - less), expected, "{less} less");
    };
    let all = [true; 3];
    check(0, "nothing at \"id\" here", "/id/of/it", all, 0);
    // The character `…` has three bytes, and a quote takes two in JSON.
    check(1, "nothing at \"id\" …", "/id/of/it", all, 1);
    check(2, "nothing at \"id\"…", "/id/of/it", all, 2);
    check(3, "nothing at \"id…", "/id/of/it", all, 4);
    check(19, "…", "/id/of/it", all, 19);
    check(20, "…", "/id/o…", all, 20);
    check(25, "…", "…", all, 25);
    // `,"traceparent":""` and what it holds.
    check(26, "…", "…", [false, true, true], 25 + 37);
    // `,"dataset":"flights","contract_version":1`.
    check(25 + 37 + 1, "…", "…", [false, false, true], 25 + 37 + 41);
    // `,"fingerprint":"1-0123456789abcdef"`.
    check(25 + 37 + 41 + 1, "…", "…", [false; 3], 25 + 37 + 41 + 35);
    check(whole, "…", "…", [false; 3], 25 + 37 + 41 + 35);
}

#[test]
fn an_attribute_that_is_kept_elsewhere_is_not_in_the_letter() {
    let displaced = failure().write(attributes(10));
    let mut letter = DeadLetter::read(&displaced).unwrap();
    assert_eq!(letter.original(displaced.clone()), attributes(10));
    letter.forget_displaced();
    assert_eq!(letter.original(displaced), attributes(9));
}

#[test]
fn what_sqs_takes_in_no_body_is_in_base64() {
    for bytes in [&b""[..], b"\x00", b"a\x1f", b"\xff", "\u{ffff}".as_bytes()] {
        assert_eq!(Encoding::of(bytes).0, Encoding::Base64, "{bytes:?}");
    }
    for text in ["a", "\t\r\n", "\u{7f}", "\u{fffd}", "\u{10ffff}"] {
        assert_eq!(Encoding::of(text.as_bytes()).0, Encoding::Text, "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_come_back_from_a_body(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let (encoding, body) = Encoding::of(&bytes);
        proptest::prop_assert_eq!(encoding.decode(&body), Some(bytes));
    }

    /// Whatever the reason contains and however little room there is, as much of it is kept as fits.
    #[test]
    fn a_letter_takes_the_room_that_it_has_and_always_says_what_and_when(
        reason in "\\PC{0,300}", at in proptest::option::of("[a-z/\"]{0,40}"), less in 0_usize..400
    ) {
        let why = Failure::permanent(Code::KeyMissing, reason.clone());
        let now = Timestamp::from_unix_ms(1_000);
        let letter = DeadLetter { at, ..DeadLetter::new("ingest", &why, now, "m-1") };
        let whole = letter.clone().write(attributes(2));
        let least = DeadLetter { reason: "…".to_owned(), at: letter.at.as_ref().map(|_| "…".to_owned()), ..letter.clone() };
        let least = attributes_size(&least.write(attributes(2)));
        let room = attributes_size(&whole).saturating_sub(less);
        let fitted = letter.clone().write_within(attributes(2), room);
        let size = attributes_size(&fitted);
        if attributes_size(&whole) <= room {
            proptest::prop_assert_eq!(&fitted, &whole);
        } else if room >= least {
            proptest::prop_assert!(size <= room, "{size} bytes in {room}");
        }
        let read = DeadLetter::read(&fitted).unwrap();
        proptest::prop_assert_eq!((read.stage, read.code, read.kind), (letter.stage, letter.code, letter.kind));
        proptest::prop_assert_eq!((read.first_failed_at, read.last_failed_at), (now, now));
        let start = read.reason.trim_end_matches('…');
        proptest::prop_assert!(reason.starts_with(start), "`{}` of `{reason}`", read.reason);
    }

    #[test]
    fn text_that_sqs_takes_stays_readable(text in "[a-z{}\":\\t ]{1,20}") {
        proptest::prop_assert_eq!(Encoding::of(text.as_bytes()), (Encoding::Text, text.clone()));
    }
}
