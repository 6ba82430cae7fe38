//! Decides which of two events about the same row is newer.

use std::fmt;
use std::str::FromStr;

use event::{Code, Decimal, DecimalError, Failure, IdempotencyKey, Timestamp, kind_of};
use serde_json::Value;

use super::Order;

/// The version that an event gives to its row. A greater version is newer, and no two events have the same one.
///
/// A row has it as the attributes `version` and `idempotency_key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowVersion {
    /// What is compared first, which is the event time or a number of the payload.
    pub order: RowOrder,
    /// The idempotency key of the event, which is compared if the orders are equal.
    pub key: IdempotencyKey,
}

/// What orders the events of a row: an integer, or the event time in milliseconds since 1970 with a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowOrder {
    /// From [`i64::MIN`] to [`MOST`].
    whole: i128,
    /// The fraction, in millionths: 0 to 999,999.
    millionths: u32,
}

/// The greatest integer that orders events. Those of 64 bits would be too small for the numbers of DynamoDB Streams, and
/// with more than 32 digits there would be no room for a fraction in a number of a table.
const MOST: i128 = 10_i128.pow(32) - 1;

impl Order {
    /// The order of an event with this event time and payload.
    ///
    /// # Errors
    /// [`Code::ContractViolation`], permanent, if there is no integer of at most 32 digits at the pointer, or one below
    /// [`i64::MIN`].
    pub fn of(&self, time: Timestamp, payload: &Value) -> Result<RowOrder, Failure> {
        let pointer = match self {
            Self::EventTime => return Ok(RowOrder::of_time(time)),
            Self::Pointer(pointer) => pointer,
        };
        Ok(RowOrder { whole: integer_at(payload, pointer)?, millionths: 0 })
    }
}

/// The integer at a JSON Pointer, from [`i64::MIN`] to [`MOST`]. `7.0` counts as one.
///
/// # Errors
/// [`Code::ContractViolation`], permanent, if there is none.
pub(crate) fn integer_at(payload: &Value, pointer: &str) -> Result<i128, Failure> {
    let found = payload.pointer(pointer).unwrap_or(&Value::Null);
    let integer = found.as_number().and_then(|number| Decimal::of(number).ok()?.unscaled(0));
    let integer = integer.filter(|integer| (i128::from(i64::MIN)..=MOST).contains(integer));
    integer.ok_or_else(|| {
        let what = kind_of(found);
        let reason =
            format!("expected an integer of at most 32 digits, which orders events, found {what}");
        Failure::permanent(Code::ContractViolation, reason).at(pointer)
    })
}

impl RowOrder {
    /// The order of an event time, to the nanosecond.
    #[must_use]
    pub fn of_time(at: Timestamp) -> Self {
        Self { whole: at.unix_ms().into(), millionths: at.nanos_of_ms() }
    }
}

impl From<i64> for RowOrder {
    fn from(whole: i64) -> Self {
        Self { whole: whole.into(), millionths: 0 }
    }
}

/// The number that a table has, of at most 38 digits.
impl fmt::Display for RowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millionths == 0 {
            return write!(f, "{}", self.whole);
        }
        // The millionths are added to the whole part, which may be negative.
        let value = self.whole * 1_000_000 + i128::from(self.millionths);
        let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
        let fraction = format!("{:06}", value % 1_000_000);
        write!(f, "{sign}{}.{}", value / 1_000_000, fraction.trim_end_matches('0'))
    }
}

/// Reads the number that a table has.
impl FromStr for RowOrder {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let value = text.parse::<Decimal>()?.unscaled(6).ok_or(DecimalError::OutOfRange)?;
        let whole = value.div_euclid(1_000_000);
        match u32::try_from(value.rem_euclid(1_000_000)) {
            Ok(millionths) if (i128::from(i64::MIN)..=MOST).contains(&whole) => {
                Ok(Self { whole, millionths })
            }
            _ => Err(DecimalError::OutOfRange),
        }
    }
}

impl RowVersion {
    /// The version as a text that sorts like versions. A merged row has it beside each of its attributes.
    ///
    /// It is the whole part of the order as 16 hexadecimal digits, counted from the least integer, then a point and the
    /// millionths if there are any, then `#` and the key. `#` sorts before the point. An integer of more than 64 bits has
    /// 32 hexadecimal digits behind a `g`, which sorts after all digits.
    #[must_use]
    pub fn sortable(&self) -> String {
        let Ok(whole) = i64::try_from(self.order.whole) else {
            let RowOrder { whole, millionths } = self.order;
            return format!("g{whole:032x}.{millionths:06}#{}", self.key);
        };
        let from_least = whole.cast_unsigned() ^ (1 << 63);
        match self.order.millionths {
            0 => format!("{from_least:016x}#{}", self.key),
            millionths => format!("{from_least:016x}.{millionths:06}#{}", self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_order(at: &str, expected: &str) {
        let order = RowOrder::of_time(at.parse().unwrap());
        assert_eq!(order.to_string(), expected);
        assert_eq!(expected.parse(), Ok(order));
    }

    #[test]
    fn an_event_time_is_milliseconds_and_a_fraction() {
        check_order("1970-01-01T00:00:01Z", "1000");
        check_order("1970-01-01T00:00:00.123008Z", "123.008");
        check_order("2026-11-28T00:00:00.000000001Z", "1795824000000.000001");
        check_order("1969-12-31T23:59:59.9999Z", "-0.1");
        check_order("1969-12-31T23:59:59.999Z", "-1");
        check_order("1969-12-31T23:59:59.998000001Z", "-1.999999");
        assert_eq!("1e32".parse::<RowOrder>(), Err(DecimalError::OutOfRange));
        assert_eq!("-9223372036854775809".parse::<RowOrder>(), Err(DecimalError::OutOfRange));
    }

    /// The number of a record of a DynamoDB stream has more than 64 bits.
    #[test]
    fn an_integer_orders_events_up_to_its_bounds() {
        let order = |text: &str| {
            let payload = serde_json::from_str(&format!(r#"{{"n":{text}}}"#)).unwrap();
            Order::Pointer("/n".to_owned()).of(Timestamp::from_unix_ms(0), &payload)
        };
        for (text, expected) in [
            ("7.0", "7"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1405400000000002063282832", "1405400000000002063282832"),
            ("99999999999999999999999999999999", "99999999999999999999999999999999"),
        ] {
            let found = order(text).unwrap();
            assert_eq!((found.to_string().as_str(), expected.parse()), (expected, Ok(found)));
        }
        for text in ["1e32", "-9223372036854775809", "1.5", "null", "\"7\""] {
            let failure = order(text).unwrap_err();
            assert_eq!(
                (failure.code, failure.at.as_deref()),
                (Code::ContractViolation, Some("/n"))
            );
        }
    }

    fn any_order() -> impl Strategy<Value = RowOrder> {
        let near = (-2_i64..3, prop_oneof![Just(0_u32), 0_u32..3, 0_u32..1_000_000]);
        let far = (any::<i64>(), 0_u32..1_000_000);
        let small = prop_oneof![near, far];
        let small =
            small.prop_map(|(whole, millionths)| RowOrder { whole: whole.into(), millionths });
        let large = (i128::from(i64::MAX) - 2..=i128::from(i64::MAX) + 2).prop_union(0..=MOST);
        let large = (large, 0_u32..1_000_000);
        prop_oneof![small, large.prop_map(|(whole, millionths)| RowOrder { whole, millionths })]
    }

    proptest! {
        #[test]
        fn the_sortable_text_sorts_as_versions_do(
            all in prop::collection::vec((any_order(), "[0-9a-f]{4}"), 3),
        ) {
            let mut versions = Vec::new();
            for (order, key) in all {
                versions.push(RowVersion { order, key: key.into() });
            }
            for one in &versions {
                for other in &versions {
                    let texts = one.sortable().cmp(&other.sortable());
                    prop_assert_eq!(texts, one.cmp(other), "{:?} and {:?}", one, other);
                }
            }
        }

        #[test]
        fn an_order_is_read_as_it_is_written(order in any_order()) {
            prop_assert_eq!(order.to_string().parse(), Ok(order));
        }
    }
}
