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
    whole: i64,
    /// The fraction, in millionths: 0 to 999,999.
    millionths: u32,
}

impl Order {
    /// The order of an event with this event time and payload.
    ///
    /// # Errors
    /// [`Code::ContractViolation`], permanent, if there is no integer of 64 bits at the pointer.
    pub fn of(&self, time: Timestamp, payload: &Value) -> Result<RowOrder, Failure> {
        let pointer = match self {
            Self::EventTime => return Ok(RowOrder::of_time(time)),
            Self::Pointer(pointer) => pointer,
        };
        integer_at(payload, pointer).map(RowOrder::from)
    }
}

/// The integer of 64 bits at a JSON Pointer. `7.0` counts as one.
///
/// # Errors
/// [`Code::ContractViolation`], permanent, if there is none.
pub(crate) fn integer_at(payload: &Value, pointer: &str) -> Result<i64, Failure> {
    let found = payload.pointer(pointer).unwrap_or(&Value::Null);
    let integer = found.as_number().and_then(|number| Decimal::of(number).ok()?.to_i64());
    integer.ok_or_else(|| {
        let what = kind_of(found);
        let reason = format!("expected an integer of 64 bits, which orders events, found {what}");
        Failure::permanent(Code::ContractViolation, reason).at(pointer)
    })
}

impl RowOrder {
    /// The order of an event time, to the nanosecond.
    #[must_use]
    pub fn of_time(at: Timestamp) -> Self {
        Self { whole: at.unix_ms(), millionths: at.nanos_of_ms() }
    }
}

impl From<i64> for RowOrder {
    fn from(whole: i64) -> Self {
        Self { whole, millionths: 0 }
    }
}

/// The number that a table has, of at most 25 digits.
impl fmt::Display for RowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millionths == 0 {
            return write!(f, "{}", self.whole);
        }
        // The millionths are added to the whole part, which may be negative.
        let value = i128::from(self.whole) * 1_000_000 + i128::from(self.millionths);
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
        let whole = i64::try_from(value.div_euclid(1_000_000));
        let millionths = u32::try_from(value.rem_euclid(1_000_000));
        match (whole, millionths) {
            (Ok(whole), Ok(millionths)) => Ok(Self { whole, millionths }),
            _ => Err(DecimalError::OutOfRange),
        }
    }
}

impl RowVersion {
    /// The version as a text that sorts like versions. A merged row has it beside each of its attributes.
    ///
    /// It is the whole part of the order as 16 hexadecimal digits, counted from the least integer, then a point and the
    /// millionths if there are any, then `#` and the key. `#` sorts before the point.
    #[must_use]
    pub fn sortable(&self) -> String {
        let from_least = self.order.whole.cast_unsigned() ^ (1 << 63);
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
        assert_eq!("1.5e30".parse::<RowOrder>(), Err(DecimalError::OutOfRange));
    }

    fn any_order() -> impl Strategy<Value = RowOrder> {
        let near = (-2_i64..3, prop_oneof![Just(0_u32), 0_u32..3, 0_u32..1_000_000]);
        let far = (any::<i64>(), 0_u32..1_000_000);
        prop_oneof![near, far].prop_map(|(whole, millionths)| RowOrder { whole, millionths })
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
