//! A poison record harms itself alone, and says why, at whatever stage it is found.

use std::io::Read;

use event::{Code, Encoding, Fingerprint};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sluicegate_tests::{Flight, World, flights, gzip, lines};

const FLIGHTS: &[(&str, &str)] = &[("dataset", "flights")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_message_is_a_dead_letter_and_its_neighbours_are_written() {
    let world = World::start().await;
    let sample = flights(0, 40);
    let (good, spare) = sample.split_at(30);
    let poison = |index: usize| spare[index].clone();
    let nested = |depth: usize| {
        let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    // Between the good ones, so that each shares a batch with some.
    let mut good_ones = good.chunks(3);
    let mut send = |body: &str, attributes: &[(&str, &str)]| {
        world.send_flights(good_ones.next().unwrap_or_default());
        world.send("Inbox", body, attributes);
    };
    send(&poison(0).line[..60], FLIGHTS);
    send(&poison(1).line, &[("dataset", "trains")]);
    send(&poison(2).line, &[]);
    send(&poison(3).line.replace(r#""carrier""#, r#""courier""#), FLIGHTS);
    send(&poison(5).with("note", nested(64)).line, FLIGHTS);
    send(&poison(6).with("distance", "far".into()).line, FLIGHTS);
    // Within what ingest reads, and beyond what an item holds: the sink's to refuse.
    let deep = poison(7).with("note", nested(40));
    let large = poison(8).with("note", "x".repeat(500 * 1024).into());
    send(&deep.line, FLIGHTS);
    send(&large.line, FLIGHTS);
    // No column holds it: the lake's to refuse.
    let number = poison(9).with("air_time", u64::MAX.into());
    send(&number.line, FLIGHTS);
    send("[1]", FLIGHTS);
    world.send("EnrichQueue", "garbage", &[]);
    world.send("EnrichQueue", r#"{"specversion":"1.0"}"#, &[]);
    world.send("SinkQueue", "\u{1f525}", &[]);
    world.send("SinkQueue", r#"{"Records":[]}"#, &[]);
    world.send("LakeQueue", "\u{1f525}", &[]);
    world.settle().await;

    // Each sink is its own: what no record can hold was counted, and is in the lake.
    world.assert_in_table(&[good, std::slice::from_ref(&number)].concat());
    world.assert_in_totals(&[good, &[deep.clone(), large.clone(), number]].concat());
    world.assert_in_lake(&[good, &[deep, large]].concat());
    world.assert_letters(
        "InboxDlq",
        &[
            (Code::DecodeJson, "EOF"),
            (Code::UnknownDataset, "trains"),
            (Code::UnknownDataset, "no message attribute `dataset`"),
            (Code::KeyMissing, "[/carrier]"),
            (Code::DepthExceeded, "64 levels"),
            (Code::ContractViolation, "[/distance]"),
            (Code::DecodeJson, "found an array"),
        ],
    );
    world.assert_letters(
        "EnrichDlq",
        &[(Code::DecodeEnvelope, "garbage"), (Code::DecodeEnvelope, "missing field")],
    );
    world.assert_letters(
        "SinkDlq",
        &[
            (Code::DecodeEnvelope, "\u{1f525}"),
            (Code::DecodeEnvelope, "missing field"),
            (Code::DepthExceeded, "31 levels"),
            (Code::SizeExceeded, "DynamoDB takes 409600"),
        ],
    );
    world.assert_letters(
        "LakeDlq",
        &[(Code::DecodeEnvelope, "\u{1f525}"), (Code::ContractViolation, "[/air_time]")],
    );
    let body = poison(0).line[..60].to_owned();
    let letters = world.letters("InboxDlq");
    assert!(letters.iter().any(|letter| letter.body == body), "its body is as it came");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_line_of_a_file_is_a_dead_letter_and_its_neighbours_are_written() {
    let world = World::start().await;
    let good = flights(0, 30);
    let mut file = lines(&good[..10]);
    file.extend(b"{\"carrier\":\"\xff\xfe\"}\n");
    file.extend(lines(&good[10..20]));
    file.extend(b"{\"year\":2013,\n\n");
    file.extend(vec![b'x'; 5 * 1024 * 1024]);
    file.extend(b"\n");
    file.extend(lines(&good[20..]));
    world.land("flights/mixed.ndjson.gz", gzip(&file));
    world.settle().await;

    world.assert_written_once(&good);
    world.assert_letters(
        "InboxDlq",
        &[
            (Code::DecodeUtf8, "[line 11]"),
            (Code::DecodeJson, "[line 22]"),
            (Code::SizeExceeded, "[line 24] 5242880 bytes"),
        ],
    );
    let letters = world.letters("InboxDlq");
    let of = |code| letters.iter().find(|l| l.failure.as_ref().is_some_and(|f| f.code == code));
    let bytes = of(Code::DecodeUtf8).unwrap();
    assert_eq!(
        Encoding::Base64.decode(&bytes.body).unwrap(),
        b"{\"carrier\":\"\xff\xfe\"}",
        "its bytes are kept, though no message can hold them as they are"
    );
    world.end().await;
}

/// As large as SQS takes: there is no room beside it for why it failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_fills_its_message_says_why_it_failed_and_is_kept_byte_for_byte() {
    let world = World::start().await;
    let good = flights(0, 3);
    let flight = flights(3, 1).remove(0);
    let rest = 1_048_500 - flight.with("note", "".into()).line.len();
    let full = flight.with("note", "\u{e9}".repeat(rest / 2).into()).line;
    // It has no carrier, by which a flight is known.
    let full = full.replace("\"carrier\"", "\"courier\"");
    assert!((1_048_499..=1_048_500).contains(&full.len()));
    world.send_flights(&good);
    world.send("Inbox", &full, FLIGHTS);
    for redrives in 0..2 {
        world.settle().await;
        let expected = format!("redrives {redrives}");
        world.assert_letters("InboxDlq", &[(Code::KeyMissing, &expected)]);
        let letter = world.letters("InboxDlq").remove(0);
        let failure = letter.failure.unwrap();
        assert_eq!((failure.stage.as_str(), failure.encoding.as_str()), ("ingest", "claim"));
        assert_eq!(failure.at.as_deref(), Some("/carrier"), "{}", failure.reason);
        let claim: Value = serde_json::from_str(&letter.body).unwrap();
        assert_eq!(claim["bytes"], full.len());
        let (bucket, key) = (claim["bucket"].as_str().unwrap(), claim["key"].as_str().unwrap());
        let kept = world.emulation().s3().get(bucket, key).unwrap();
        let mut line = Vec::new();
        GzDecoder::new(&kept.body[..]).read_to_end(&mut line).unwrap();
        let kept: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(kept["body"].as_str(), Some(full.as_str()));
        assert_eq!(kept["attributes"]["dataset"]["value"], "flights");
        assert_eq!(world.redrive("ingest").await["sent"], 1);
    }
    world.settle().await;
    world.assert_written_once(&good);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_is_one_dead_letter() {
    let world = World::start().await;
    let good = flights(0, 20);
    let zipped = gzip(&lines(&good[..10]));
    // Nights without data.
    world.land("flights/none.ndjson", Vec::new());
    world.land("flights/none.ndjson.gz", gzip(b"\n\n"));
    world.land(
        "flights/none.csv",
        "year,month,day,sched_dep_time,carrier,flight,origin,dest,time_hour\n",
    );
    // What was not written.
    world.land("flights/empty.csv", Vec::new());
    world.land("flights/empty.ndjson.gz", Vec::new());
    world.land("flights/plain.ndjson.gz", lines(&good[..10]));
    world.land("flights/zipped.ndjson", zipped.clone());
    world.land("flights/text.ndjson", "not an event\n".repeat(50));
    world.land("flights/image.png", b"\x89PNG".to_vec());
    world.land("flights/cut.ndjson.gz", zipped[..zipped.len() - 8].to_vec());
    world.land("trains/a.ndjson", lines(&good[..1]));
    world.land("a.ndjson", lines(&good[..1]));
    world.land("flights/good one+.ndjson", lines(&good[10..]));
    world.settle().await;

    // What a broken file held before its end may be written: it was read.
    let written = world.records();
    let whole: Vec<Flight> = good[10..].to_vec();
    assert!(whole.iter().all(|flight| written.contains_key(&flight.id())), "{written:?}");
    let kept: Vec<Flight> =
        good.iter().filter(|flight| written.contains_key(&flight.id())).cloned().collect();
    world.assert_written_once(&kept);
    world.assert_letters(
        "InboxDlq",
        &[
            (Code::InputEmpty, "without a header"),
            (Code::InputEmpty, "no byte"),
            (Code::DecodeFormat, "not gzip"),
            (Code::DecodeFormat, "it is gzip"),
            (Code::DecodeFormat, "none of its first 16 lines"),
            (Code::DecodeFormat, "its name ends with none"),
            (Code::DecodeGzip, "cut short"),
            (Code::UnknownDataset, "trains"),
            (Code::UnknownDataset, "has no folder"),
        ],
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_payload_under_a_used_key_is_a_conflict_that_names_both() {
    let world = World::start().await;
    let sample = flights(0, 20);
    let first = &sample[0];
    let changed = first.with("arr_delay", json!(999));
    world.send_flights(&sample);
    world.settle().await;
    world.send_flights(&[changed.clone(), first.clone()]);
    world.settle().await;

    world.assert_written_once(&sample);
    let (held, refused) = (Fingerprint::of(&first.value), Fingerprint::of(&changed.value));
    let (held, refused) = (held.unwrap().to_string(), refused.unwrap().to_string());
    assert_ne!(held, refused);
    for (stage, queue) in [("sink", "SinkDlq"), ("lake", "LakeDlq")] {
        world.assert_letters(queue, &[(Code::Conflict, &held)]);
        world.assert_letters(queue, &[(Code::Conflict, &refused)]);
        assert!(world.letters(queue)[0].body.contains(r#""arr_delay":999"#));
        assert_eq!(world.logs.sum(stage, "events.duplicate"), 1);
        assert_eq!(world.logs.sum(stage, "events.conflict"), 1);
    }
    world.end().await;
}
