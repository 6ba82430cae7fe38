#![doc = include_str!("../README.md")]

mod assemble;
mod bits;
mod codec;
mod column;
mod data_page;
mod decimal;
mod element;
mod error;
mod footer;
mod group;
mod json;
mod leaf;
mod levels;
mod limits;
mod page;
mod part;
mod rows;
mod schema;
mod thrift;
mod time;
mod values;

pub use error::{ParquetError, Refusal, RefusalKind};
pub use limits::{
    MAX_COLUMNS, MAX_DEPTH, MAX_FOOTER_BYTES, MAX_PAGE_BYTES, MAX_RESIDENT_BYTES, MAX_ROW_ENTRIES,
    MAX_ROW_VALUE_BYTES, MAX_ROWS_PER_BYTE,
};
pub use part::Part;
pub use rows::{RowReader, Step};
