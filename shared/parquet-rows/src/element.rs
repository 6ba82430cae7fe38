//! The elements of a schema, as the footer has them.

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    ByteArray,
    /// So many bytes each.
    Fixed(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Repetition {
    #[default]
    Required,
    Optional,
    Repeated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

/// What the values of a column, or a group, mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Annotation {
    Text,
    Json,
    Decimal { scale: i32, precision: i32 },
    Date,
    Time { unit: TimeUnit, is_utc: bool },
    Timestamp { unit: TimeUnit, is_utc: bool },
    Unsigned,
    Uuid,
    Float16,
    Interval,
    List,
    Map,
    Variant,
}

/// An element of the schema as the footer has it: a column, or a group of the elements that follow it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// `None` for a group.
    pub(crate) physical: Option<Physical>,
    pub(crate) repetition: Repetition,
    /// `None` for a column.
    pub(crate) children: Option<usize>,
    pub(crate) annotation: Option<Annotation>,
}
