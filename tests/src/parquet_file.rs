//! Flights as a Parquet file.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::Value;

use crate::Flight;

/// A Parquet file of flights, with so many rows in a row group. A member of the first flight is a column: of integers if
/// one of the flights has a number there, and else of texts. Pages are not packed.
#[must_use]
pub fn parquet_file(flights: &[Flight], rows_in_group: usize) -> Vec<u8> {
    let members = flights[0].value.as_object().unwrap();
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let is_number = |name: &str| flights.iter().any(|flight| flight.value[name].is_number());
    let mut columns = Vec::new();
    for name in &names {
        let (physical, logical) = if is_number(name) {
            (Physical::INT64, None)
        } else {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        };
        let column = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        let column = column.with_repetition(Repetition::OPTIONAL).build();
        columns.push(Arc::new(column.unwrap()));
    }
    let schema = Type::group_type_builder("flights").with_fields(columns).build().unwrap();
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::new(properties)).unwrap();
    for rows in flights.chunks(rows_in_group) {
        let mut group = writer.next_row_group().unwrap();
        for name in &names {
            let mut column = group.next_column().unwrap().unwrap();
            let values: Vec<&Value> = rows.iter().map(|flight| &flight.value[*name]).collect();
            let defs: Vec<i16> = values.iter().map(|value| i16::from(!value.is_null())).collect();
            if is_number(name) {
                let numbers: Vec<i64> = values.iter().filter_map(|value| value.as_i64()).collect();
                column.typed::<Int64Type>().write_batch(&numbers, Some(&defs), None).unwrap();
            } else {
                let texts: Vec<ByteArray> =
                    values.iter().filter_map(|value| value.as_str()).map(ByteArray::from).collect();
                column.typed::<ByteArrayType>().write_batch(&texts, Some(&defs), None).unwrap();
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}
