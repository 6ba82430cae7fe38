//! Any payload is read back as it was sent, from columns and `_rest`.

use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A text of a member whose format is `date-time`: times in all ways to write them, and texts that are no times.
fn any_time() -> impl Strategy<Value = String> {
    let of_epoch = (-62_167_219_200_000_000_000..=253_402_300_799_999_999_999_i128)
        .prop_map(|nanos| Timestamp::from_unix_nanos(nanos).unwrap().to_string());
    let offset = "Z|z|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]|[+-][0-9]{4}";
    let written = (
        any_date(),
        "[Tt]",
        "([01][0-9]|2[0-4]):[0-5][0-9]",
        "[0-5][0-9]|60",
        "([.][0-9]{0,11})?",
        offset,
    )
        .prop_map(|(date, separator, minute, second, fraction, offset)| {
            format!("{date}{separator}{minute}:{second}{fraction}{offset}")
        });
    let plain = (0..4_102_444_800_000_000_i64, prop::sample::select(vec![1, 1_000, 1_000_000]));
    let plain = plain.prop_map(|(micros, unit)| {
        let nanos = i128::from(micros / unit * unit) * 1_000;
        Timestamp::from_unix_nanos(nanos).unwrap().to_string().replace(".000Z", "Z")
    });
    prop_oneof![of_epoch, written, plain, ".{0,12}"]
}

/// A text of a member whose format is `date`.
fn any_date() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[0-9]{4}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])",
        1 => "[0-9]{3,5}-[0-9]{1,2}-[0-9]{1,2}",
        1 => ".{0,12}",
    ]
}

/// A payload of [`SCHEMA`], with members that it does not know.
fn any_payload() -> impl Strategy<Value = Value> {
    fn maybe<T: Into<Value> + std::fmt::Debug>(
        strategy: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Option<Value>> {
        prop::option::of(strategy.prop_map(Into::into))
    }
    let known = (
        any::<i64>(),
        maybe(any::<i64>()),
        maybe(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        maybe(any::<bool>()),
        maybe(".{0,12}"),
        maybe(any_time()),
        maybe(any_time()),
        maybe(any_date()),
        maybe(prop::collection::vec(".{0,4}", 0..3)),
        maybe("[a-z]{0,3}"),
        maybe(any_json().prop_filter("null is no value", |value| !value.is_null())),
    );
    let unknown = prop::collection::btree_map("[A-Z]{1,3}", any_json(), 0..3);
    (known, unknown).prop_map(|(known, unknown)| {
        let (id, delay, kwh, ok, name, at, made, day, tags, either, weather) = known;
        let mut members: Map<String, Value> = unknown.into_iter().collect();
        members.insert("id".to_owned(), id.into());
        let optional = [
            ("delay", delay),
            ("kwh", kwh),
            ("ok", ok),
            ("name", name),
            ("at", at),
            ("made", made),
            ("day", day),
            ("tags", tags),
            ("either", either),
            ("weather", weather),
        ];
        for (name, value) in optional {
            members.extend(value.map(|value| (name.to_owned(), value)));
        }
        Value::Object(members)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(payloads in prop::collection::vec(any_payload(), 1..12)) {
        let file = read(&columns(), &payloads);
        let rows: Vec<Value> =
            file.get_row_iter(None).unwrap().map(|row| payload(&row.unwrap())).collect();
        prop_assert_eq!(rows, payloads);
    }

    #[test]
    fn no_bytes_make_reading_keys_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parquet_file::keys(Bytes::from(bytes));
    }
}
