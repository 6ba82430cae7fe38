//! Files of good rows among odd ones, the same for the same seed, and what must become of each record.
//!
//! Nothing of ingest is used: a record's fate is what RFC 4180, JSON and the contract's schema say of how
//! it was made.

use event::{Code, MAX_PAYLOAD_BYTES};
use serde_json::{Map, Value, json};
use sluicegate_tests::Flight;
use testkit::csv::{self, Row};

/// Records of a file.
const RECORDS: u32 = 40;

pub(crate) struct OddFile {
    /// `csv` or `ndjson`.
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<OddRecord>,
}

pub(crate) struct OddRecord {
    /// On which it begins.
    pub(crate) line: u64,
    pub(crate) fate: Fate,
}

#[derive(Clone)]
pub(crate) enum Fate {
    Written(Flight),
    /// With this code, and the JSON Pointer that it names, if it names one.
    Refused(Code, Option<&'static str>),
}

impl OddFile {
    /// Its records, by whoever reads such files and has nothing to do with this project.
    pub(crate) fn count_independently(&self) -> usize {
        let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
        if self.name == "csv" {
            let rows = csv::read(&self.bytes, MAX_PAYLOAD_BYTES);
            let is_nothing = |row: &&Row| !row.raw.is_empty() && is_blank(&row.raw);
            return rows.iter().skip(1).filter(|row| !is_nothing(row)).count();
        }
        let text = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        text.split(|&byte| byte == b'\n').filter(|line| !is_blank(line)).count()
    }
}

/// RandomNumbers the same for the same seed (SplitMix64: <https://prng.di.unimi.it/splitmix64.c>).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.roll(all.len())]
    }
}

/// A file as it grows.
struct Sheet {
    dice: Dice,
    bytes: Vec<u8>,
    records: Vec<OddRecord>,
}

impl Sheet {
    fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), bytes: Vec::new(), records: Vec::new() }
    }

    fn add(&mut self, raw: &[u8], fate: Fate) {
        let line = line_of(&self.bytes);
        self.bytes.extend_from_slice(raw);
        self.records.push(OddRecord { line, fate });
    }
}

/// The line on which whatever comes next begins: CR, LF and CRLF end one each.
fn line_of(before: &[u8]) -> u64 {
    let text: Vec<u8> = String::from_utf8_lossy(before).replace("\r\n", "\n").into_bytes();
    1 + text.iter().filter(|&&byte| byte == b'\r' || byte == b'\n').count() as u64
}

// CSV

/// Those of the flights' schema, each of which a lake has a column for, and one that it does not know.
const COLUMNS: [&str; 20] = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
    "minute",
    "time_hour",
    "note",
];

/// Fields as they are written, and the texts that they are.
const NOTES: &[(&str, &str)] = &[
    ("", ""),
    ("plain", "plain"),
    ("5\" pipe", "5\" pipe"),
    ("a\"b\"c\"", "a\"b\"c\""),
    ("\"5\" pipe", "5 pipe"),
    ("\"quoted\"", "quoted"),
    ("\"say \"\"hi\"\", he said\"", "say \"hi\", he said"),
    ("\"\"\"\"", "\""),
    ("\"one\ntwo\"", "one\ntwo"),
    ("\"one\r\ntwo\r\rthree\"", "one\r\ntwo\r\rthree"),
    ("\"\n\n\"", "\n\n"),
    ("  spaces  ", "  spaces  "),
    ("\u{ffff} and \u{fffe}", "\u{ffff} and \u{fffe}"),
    ("\u{0}\u{1}\u{1f}\u{7f}", "\u{0}\u{1}\u{1f}\u{7f}"),
    ("\u{feff}mark", "\u{feff}mark"),
    ("é \u{1f600} \u{10ffff}", "é \u{1f600} \u{10ffff}"),
    ("9007199254740993.000000000000000001", "9007199254740993.000000000000000001"),
    ("{\"a\":[1]}", "{\"a\":[1]}"),
    ("=1+1", "=1+1"),
];

/// The fields of a good row, and the flight that it is.
fn good_row(dice: &mut Dice, number: u32) -> (Vec<String>, Flight) {
    let (note, text) = NOTES[dice.roll(NOTES.len())];
    let delay = dice.pick(&["-3", "0", "12", "NA", ""]);
    let departed = dice.pick(&["517", "2359", "", "NA"]);
    let carrier = dice.pick(&["UA", "AA", "B6"]);
    let number = number.to_string();
    let fields = [
        "2013",
        "1",
        "1",
        departed,
        "515",
        delay,
        "830",
        "819",
        "",
        carrier,
        &number,
        "N14228",
        "EWR",
        "IAH",
        "NA",
        "1400",
        "5",
        "15",
        "2013-01-01T10:00:00Z",
        note,
    ];
    let mut flight = Map::new();
    for (name, field) in COLUMNS.iter().zip(fields) {
        let is_text = matches!(*name, "carrier" | "tailnum" | "origin" | "dest" | "time_hour");
        let value = match (*name, field) {
            ("note", _) if text.is_empty() => Value::Null,
            ("note", _) => text.into(),
            (_, "" | "NA") => Value::Null,
            (_, field) if is_text => field.into(),
            (_, field) => json!(field.parse::<i64>().unwrap()),
        };
        flight.insert((*name).to_owned(), value);
    }
    let flight = Flight::new(&Value::Object(flight).to_string());
    (fields.map(str::to_owned).to_vec(), flight)
}

fn place_of(column: &str) -> usize {
    COLUMNS.iter().position(|name| *name == column).unwrap()
}

/// The row with another field, or without one of its parts.
fn bad_row(dice: &mut Dice, mut fields: Vec<String>, number: u32) -> (Vec<u8>, Fate) {
    let mut put = |column: &str, text: &str| fields[place_of(column)] = text.to_owned();
    let fate = match dice.roll(9) {
        0 => {
            put("sched_dep_time", "early");
            Fate::Refused(Code::ContractViolation, Some("/sched_dep_time"))
        }
        1 => {
            put("flight", "");
            Fate::Refused(Code::KeyMissing, Some("/flight"))
        }
        2 => {
            put("time_hour", "2013-01-01 noon");
            Fate::Refused(Code::TimeInvalid, Some("/time_hour"))
        }
        3 => {
            fields.truncate(3 + dice.roll(COLUMNS.len() - 3));
            Fate::Refused(Code::DecodeCsv, None)
        }
        4 => {
            fields.push("one more".to_owned());
            Fate::Refused(Code::DecodeCsv, None)
        }
        5 => {
            fields.extend(vec![String::new(); 5_000]);
            Fate::Refused(Code::DecodeCsv, None)
        }
        6 => {
            let raw = [fields.join(",").as_bytes(), b"\xff\xfe"].concat();
            return (raw, Fate::Refused(Code::DecodeUtf8, None));
        }
        7 if number.is_multiple_of(5) => {
            // Too long with a quote open: the line ends it.
            put("note", &format!("\"{}", "x,".repeat(MAX_PAYLOAD_BYTES / 2)));
            Fate::Refused(Code::SizeExceeded, None)
        }
        _ => {
            put("distance", "far");
            Fate::Refused(Code::ContractViolation, Some("/distance"))
        }
    };
    (fields.join(",").into_bytes(), fate)
}

pub(crate) fn csv(seed: u64) -> OddFile {
    let mut sheet = Sheet::new(seed);
    if sheet.dice.roll(2) == 0 {
        sheet.bytes.extend_from_slice(b"\xef\xbb\xbf");
    }
    let lead = sheet.dice.pick(&["", "", "\n", "\r\n\r"]);
    sheet.bytes.extend_from_slice(lead.as_bytes());
    sheet.bytes.extend_from_slice(COLUMNS.join(",").as_bytes());
    for number in 1..=RECORDS {
        end_line(&mut sheet);
        let (fields, flight) = good_row(&mut sheet.dice, number);
        // A file whose first rows are all bad is refused whole.
        if number == 1 || sheet.dice.roll(5) > 1 {
            sheet.add(fields.join(",").as_bytes(), Fate::Written(flight));
        } else {
            let (raw, fate) = bad_row(&mut sheet.dice, fields, number);
            sheet.add(&raw, fate);
        }
    }
    match sheet.dice.roll(4) {
        0 => {}
        1 => {
            end_line(&mut sheet);
            let open = b"2013,1,1,\"never closed,\nand on\r\n";
            sheet.add(open, Fate::Refused(Code::DecodeCsv, None));
        }
        _ => end_line(&mut sheet),
    }
    OddFile { name: "csv", bytes: sheet.bytes, records: sheet.records }
}

/// One of the line ends, and perhaps lines of nothing.
fn end_line(sheet: &mut Sheet) {
    let end = sheet.dice.pick(&["\n", "\r\n", "\r"]);
    let blank = match sheet.dice.roll(6) {
        0 => sheet.dice.pick(&["\n", "\r\n", "\r", "   \n", "\t\r\n", "\n\n\r\r\n"]),
        _ => "",
    };
    sheet.bytes.extend_from_slice(end.as_bytes());
    sheet.bytes.extend_from_slice(blank.as_bytes());
}

// NDJSON

/// Texts as they are in JSON.
const TEXTS: &[&str] = &[
    r#""""#,
    r#""plain""#,
    r#""\u0041\n\ud83d\ude00\u0000""#,
    "\"\u{ffff} and \u{fffe} and \\uffff\"",
    "\"\u{feff}\u{7f}\u{80}\u{2028}\"",
    r#""\\\"{[""#,
    r#"{"deep":[[[[{"a":[null,true,-1]}]]]]}"#,
];

fn good_line(dice: &mut Dice, number: u32) -> String {
    let text = TEXTS[dice.roll(TEXTS.len())];
    let delay = dice.pick(&["-3", "0", "12", "null"]);
    let space = dice.pick(&["", " ", "\t", " \r "]);
    format!(
        "{{\"year\":{space}2013,\"month\":1,\"day\":2,\"dep_time\":null,\"sched_dep_time\":515,\
         \"dep_delay\":{delay},\"arr_time\":830,\"sched_arr_time\":819,\"arr_delay\":11,\
         \"carrier\":\"UA\",\"flight\":{number},{space}\"tailnum\":\"N14228\",\"origin\":\"EWR\",\
         \"dest\":\"IAH\",\"air_time\":null,\"distance\":1400,\"hour\":5,\"minute\":15,\
         \"time_hour\":\"2013-01-02T10:00:00Z\",\"note\":{text}}}"
    )
}

fn bad_line(dice: &mut Dice, good: &str, number: u32) -> (Vec<u8>, Fate) {
    let refused = |raw: String, code| (raw.into_bytes(), Fate::Refused(code, None));
    let at = |raw: String, code, pointer| (raw.into_bytes(), Fate::Refused(code, Some(pointer)));
    let note = format!("\"note\":{}", "[".repeat(90) + &"]".repeat(90));
    match dice.roll(13) {
        0 => refused(good[..good.len() / 2].to_owned(), Code::DecodeJson),
        1 => refused(format!("[{good}]"), Code::DecodeJson),
        2 => refused(format!("{good} {good}"), Code::DecodeJson),
        3 => refused(format!("{good}\r{good}"), Code::DecodeJson),
        4 => refused(good.replace("\"dest\":\"IAH\"", "\"dest\":\"\u{1}\""), Code::DecodeJson),
        5 => refused(good.replace("IAH", "\\ud800"), Code::DecodeJson),
        6 => refused(
            good.replace("\"dest\":\"IAH\"", &format!("\"dest\":\"IAH\",{note}")),
            Code::DepthExceeded,
        ),
        7 => {
            let raw = good.as_bytes().iter().map(|&byte| if byte == b'H' { 0xff } else { byte });
            (raw.collect(), Fate::Refused(Code::DecodeUtf8, None))
        }
        8 => at(good.replace("515", "\"515\""), Code::ContractViolation, "/sched_dep_time"),
        9 => at(good.replace("\"carrier\":\"UA\",", ""), Code::KeyMissing, "/carrier"),
        10 => at(good.replace("T10", " at 10"), Code::TimeInvalid, "/time_hour"),
        11 => {
            let big = good.replace("\"note\":", "\"big\":1e300,\"note\":");
            at(big, Code::NumberOutOfRange, "/big")
        }
        _ if number.is_multiple_of(5) => {
            let long = format!("\"dest\":\"{}", "x".repeat(MAX_PAYLOAD_BYTES));
            refused(good.replace("\"dest\":\"", &long), Code::SizeExceeded)
        }
        _ => refused("5".to_owned(), Code::DecodeJson),
    }
}

pub(crate) fn ndjson(seed: u64) -> OddFile {
    let mut sheet = Sheet::new(!seed);
    if sheet.dice.roll(2) == 0 {
        sheet.bytes.extend_from_slice(b"\xef\xbb\xbf");
    }
    let mut line = 1;
    for number in 1..=RECORDS {
        let good = good_line(&mut sheet.dice, number);
        let (raw, fate) = if number == 1 || sheet.dice.roll(5) > 1 {
            let flight = Flight::new(&good);
            (good.into_bytes(), Fate::Written(flight))
        } else {
            bad_line(&mut sheet.dice, &good, number)
        };
        sheet.bytes.extend_from_slice(&raw);
        sheet.records.push(OddRecord { line, fate });
        // Only a line feed ends a line of NDJSON.
        let end = sheet.dice.pick(&["\n", "\r\n", "\n\n", "\n  \t\r\n"]);
        if number < RECORDS || sheet.dice.roll(2) == 0 {
            sheet.bytes.extend_from_slice(end.as_bytes());
            line += end.matches('\n').count() as u64;
        }
    }
    OddFile { name: "ndjson", bytes: sheet.bytes, records: sheet.records }
}
