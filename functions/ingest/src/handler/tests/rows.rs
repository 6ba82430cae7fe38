//! Redriven dead letters of CSV records. Each is read by the header that it carries.

use contracts::Catalog;
use event::{CSV_ATTRIBUTE, CsvHeader};
use runtime::{MAX_BATCH_BYTES, Outgoing};

use super::letters::redriven;
use super::*;
use crate::memory::{HEADER, ingest_under, row};

/// The outcome of a file with a header and rows: the dead letters, and the events of the other rows.
struct Landed {
    objects: MemoryObjects,
    letters: Vec<(DeadLetter, Outgoing)>,
    events: Vec<Envelope>,
}

async fn land(etag: &str, header: &str, rows: &[String]) -> Landed {
    let queue = MemoryQueue::default();
    let file = format!("{header}\n{}\n", rows.join("\n"));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", etag, file.as_bytes());
    let announced = announcement(&["flights/a.csv"]);
    let body = announced.body.replace("\"e1\"", &format!("\"{etag}\""));
    run(&objects, &queue, vec![Record { body, ..announced }]).await;
    Landed { objects, letters: letters(&queue), events: events(&queue) }
}

/// Redrives a letter, with another body if one is given. Returns what was sent.
async fn redrive(landed: &Landed, body: Option<&str>) -> MemoryQueue {
    let (_, dead) = &landed.letters[0];
    let back = redriven(dead);
    let body = body.map_or_else(|| back.body.clone(), str::to_owned);
    let queue = MemoryQueue::default();
    run(&landed.objects, &queue, vec![Record { body, ..back }]).await;
    queue
}

fn bad_row() -> String {
    row(2).replace(",UA,2,", ",UA,two,")
}

#[tokio::test]
async fn a_row_that_is_still_wrong_keeps_its_place_and_its_group() {
    let landed = land("e1", HEADER, &[row(1), bad_row()]).await;
    let (first, _) = &landed.letters[0];
    assert_eq!((first.dataset.as_deref(), first.contract_version), (Some("flights"), Some(1)));
    let again = redrive(&landed, None).await;
    assert!(events(&again).is_empty());
    let (letter, sent) = letters(&again).remove(0);
    assert_eq!((letter.code, letter.at.as_deref()), (first.code, Some("line 3, /flight")));
    assert_eq!((&letter.reason, letter.fingerprint()), (&first.reason, first.fingerprint()));
    assert_eq!((letter.redrives, letter.message_id.as_str()), (1, "e1:3"));
    assert_eq!((letter.first_failed_at, &sent.body), (first.first_failed_at, &bad_row()));

    // After a second redrive, the header is still there.
    let last = MemoryQueue::default();
    run(&landed.objects, &last, vec![Record { body: row(2), ..redriven(&sent) }]).await;
    assert_eq!(events(&last).len(), 1);
}

/// The event has the same key as if the row had been right in its file, so that a new file with it is a duplicate.
#[tokio::test]
async fn a_row_that_was_edited_is_the_event_that_it_would_have_been() {
    let mended = land("e1", HEADER, &[row(1), row(2)]).await;
    for bad in [bad_row(), "2013,1,1".to_owned(), format!("{}\"", row(2).replace("UA", "\"UA"))] {
        let landed = land("e1", HEADER, &[row(1), bad.clone()]).await;
        assert_eq!(landed.letters.len(), 1, "{bad}");
        let again = redrive(&landed, Some(&row(2))).await;
        let (event, expected) = (&events(&again)[0], &mended.events[1]);
        assert_eq!(event.to_json().unwrap(), expected.to_json().unwrap(), "{bad}");
        assert_eq!((event.id.as_str(), event.source.as_str()), ("e1:3", expected.source.as_str()));
        let trace = landed.letters[0].0.traceparent.as_deref();
        assert_eq!(trace, Some(event.traceparent.as_str()), "its letter has its trace");
    }
    // In another version of the file, the row has another id and the same key.
    let put_again = land("e2", HEADER, &[row(1), row(2)]).await;
    let (event, other) = (&mended.events[1], &put_again.events[1]);
    assert_eq!(
        (&event.idempotencykey, &event.fingerprint),
        (&other.idempotencykey, &other.fingerprint)
    );
    assert_ne!(event.id, other.id);
}

#[tokio::test]
async fn a_row_that_does_not_fit_its_header_comes_back_with_its_reason() {
    let landed = land("e1", HEADER, &[row(1), "2013,1,1".to_owned()]).await;
    let again = redrive(&landed, None).await;
    let (letter, _) = letters(&again).remove(0);
    assert_eq!((letter.code, letter.at.as_deref()), (Code::DecodeCsv, Some("line 3")));
    let two = redrive(&landed, Some(&format!("{}\n{}", row(2), row(3)))).await;
    let (letter, _) = letters(&two).remove(0);
    assert_eq!((letter.code, events(&two).len()), (Code::DecodeCsv, 0));
    assert!(letter.reason.contains("more than one record"), "{}", letter.reason);
}

/// The row was right and the contract was wrong, which has been mended since.
#[tokio::test]
async fn a_row_is_held_to_the_contract_as_it_is_when_it_comes_back() {
    let landed = land("e1", HEADER, &[row(1), bad_row()]).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contracts");
    let read = |name: &str| std::fs::read_to_string(folder.join("flights").join(name)).unwrap();
    let schema = read("v1.schema.json").replace(
        "\"flight\": {\"type\": \"integer\"}",
        "\"flight\": {\"type\": [\"integer\", \"string\"]}",
    );
    let mut mended = Catalog::default();
    let files = [("v1.schema.json".to_owned(), schema)].into();
    mended.add("flights", &read("contract.yaml"), &files).unwrap();

    let queue = MemoryQueue::default();
    let stage = ingest_under(mended, &landed.objects, &queue);
    run_stage(stage, &queue, vec![redriven(&landed.letters[0].1)]).await;
    let event = &events(&queue)[0];
    let payload: serde_json::Value = serde_json::from_str(event.data.get()).unwrap();
    assert_eq!((event.id.as_str(), &payload["flight"]), ("e1:3", &"two".into()));
}

/// The columns are those of the row's own file, in that file's order.
#[tokio::test]
async fn a_row_is_read_by_the_header_of_its_file() {
    let header =
        "flight,carrier,year,month,day,sched_dep_time,origin,dest,time_hour,\"odd, \"\"x\"\"\"";
    let good = "2,UA,2013,1,1,515,EWR,IAH,2013-01-01T10:00:00Z,z";
    let landed = land("e1", header, &["two".to_owned() + &good[1..], good.to_owned()]).await;
    let again = redrive(&landed, Some(good)).await;
    assert_eq!(events(&again)[0].data.get(), landed.events[0].data.get());
    assert!(events(&again)[0].data.get().contains(r#""odd, \"x\"":"z""#));
}

/// Earlier versions wrote letters without a header.
#[tokio::test]
async fn a_letter_without_a_header_comes_back_with_the_same_reason() {
    let mut landed = land("e1", HEADER, &[row(1), bad_row()]).await;
    let first = landed.letters[0].0.clone();
    landed.letters[0].1.attributes.remove(CSV_ATTRIBUTE);
    let again = redrive(&landed, Some(&row(2))).await;
    let (letter, _) = letters(&again).remove(0);
    assert!(events(&again).is_empty());
    assert_eq!((letter.code, &letter.reason, &letter.at), (first.code, &first.reason, &first.at));
}

/// A message has room for the row or for the header, but not for both.
#[tokio::test]
async fn a_row_that_leaves_no_room_for_its_header_is_kept_with_it_in_the_archive() {
    let header = format!("{HEADER},{}", "c".repeat(300_000));
    let wide = format!("{},{}", row(2), "x".repeat(800_000));
    let bad = wide.replace(",UA,2,", ",UA,two,");
    let landed = land("e1", &header, &[format!("{},", row(1)), bad.clone()]).await;
    let (letter, dead) = &landed.letters[0];
    assert_eq!((letter.form, letter.encoding), (Form::Csv, Encoding::Claim));
    assert_eq!(letter.at.as_deref(), Some("line 3, /flight"));
    assert!(dead.size() < 4_000, "{} bytes", dead.size());
    let claim: serde_json::Value = serde_json::from_str(&dead.body).unwrap();
    let kept = unzipped(&landed.objects.archived()[claim["key"].as_str().unwrap()]);
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["body"], bad);

    // The row and its header are read from the archive, and the row fails again.
    let again = redrive(&landed, None).await;
    let (second, back) = letters(&again).remove(0);
    assert_eq!((second.code, second.encoding), (letter.code, Encoding::Claim));
    assert_eq!((second.at.as_deref(), second.redrives), (Some("line 3, /flight"), 1));
    assert_eq!(back.body, dead.body);

    // The archive is unavailable, so the announcement stays in the inbox.
    let queue = MemoryQueue::default();
    let file = format!("{header}\n{bad}\n{},\n", row(1));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    objects.lose_letters();
    let left = run(&objects, &queue, vec![announcement(&["flights/a.csv"])]).await;
    assert_eq!((left, letters(&queue).len()), (vec!["n1".to_owned()], 0));
}

/// Each letter has at most the size that SQS allows, to the byte, and none is lost.
#[tokio::test]
async fn letters_around_the_most_that_a_message_holds_are_all_sent_and_come_back() {
    let bad = format!("{},{}", bad_row(), "x".repeat(700_000));
    let header_of = |bytes: usize| format!("{HEADER},{}", "c".repeat(bytes));
    let attribute_bytes = |bytes: usize| {
        let columns: Vec<String> = header_of(bytes).split(',').map(str::to_owned).collect();
        CsvHeader::new(&columns, b',').attribute().value.len()
    };
    let mut encodings = Vec::new();
    for less in [40_000, 32_768, 2_000, 1_000, 800, 600, 400, 200, 0] {
        let header = header_of(MAX_BATCH_BYTES - less - bad.len() - attribute_bytes(0));
        let landed = land("e1", &header, &[format!("{},", row(1)), bad.clone()]).await;
        let (letter, dead) = &landed.letters[0];
        assert!(dead.size() <= MAX_BATCH_BYTES, "{} bytes", dead.size());
        assert_eq!((letter.code, letter.form), (Code::ContractViolation, Form::Csv), "{less}");
        let again = redrive(&landed, None).await;
        let (second, dead) = letters(&again).remove(0);
        assert!(dead.size() <= MAX_BATCH_BYTES, "{} bytes", dead.size());
        assert_eq!((second.code, second.redrives), (Code::ContractViolation, 1), "{less}");
        assert_eq!(second.fingerprint(), letter.fingerprint(), "{less}");
        encodings.push(letter.encoding);
    }
    assert!(encodings.contains(&Encoding::Text) && encodings.contains(&Encoding::Claim));
}
