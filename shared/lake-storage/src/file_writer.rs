//! Writes a Parquet file whose pages are all compressed by one compressor.
//!
//! Each column writer of the `parquet` crate creates its own compressor and decompressor. For each of them, ZSTD asks
//! the processor for its features, on x86-64 with `CPUID`, which a hypervisor traps. That was measured to take 11 µs,
//! which for 28 columns was most of the time for a file of ten rows.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::CompressionCodec;
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnWriter, get_column_writer};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, TypePtr};
use zstd::bulk::Compressor;

use crate::columns::KEY_COLUMN;

/// The compression level, which is the default of the `zstd` tool.
const LEVEL: i32 = 3;

/// The columns whose values are different in each row.
const DISTINCT: [&str; 3] = ["_event_id", KEY_COLUMN, "_fingerprint"];

/// The number of rows from which on columns have dictionaries. For each of them, a writer allocates 72 KB. With 28
/// columns, a file of 10 rows is 13% larger with dictionaries, one of 500 rows has the same size, and one of 3,000 rows
/// is 5% smaller.
const DICTIONARY_FROM: usize = 500;

pub(crate) struct FileWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    compressor: Compressor<'static>,
    properties: WriterPropertiesPtr,
}

impl FileWriter {
    /// `rows` is the number of rows that the file will have.
    ///
    /// # Errors
    /// Never, since ZSTD has the level, and the file is in memory.
    pub(crate) fn new(schema: TypePtr, rows: usize) -> Result<Self, ParquetError> {
        let properties = properties(rows);
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::clone(&properties))?;
        Ok(Self { writer, compressor: Compressor::new(LEVEL)?, properties })
    }

    /// Writes a row group. `fill` writes the values of each column, which it gets with the column's position.
    pub(crate) fn row_group(
        &mut self,
        mut fill: impl FnMut(usize, &mut ColumnWriter<'_>) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let columns = self.writer.schema_descr().columns().to_vec();
        let mut group = self.writer.next_row_group()?;
        for (place, column) in columns.into_iter().enumerate() {
            let mut chunk = TrackedWrite::new(Vec::new());
            let to = SerializedPageWriter::new(&mut chunk);
            let pages = Box::new(Pages { compressor: &mut self.compressor, to });
            let mut writer = get_column_writer(column, Arc::clone(&self.properties), pages);
            fill(place, &mut writer)?;
            let mut closed = writer.close()?;
            let metadata = closed.metadata.into_builder();
            closed.metadata = metadata.set_compression_codec(CompressionCodec::ZSTD).build()?;
            group.append_column(&Bytes::from(chunk.into_inner()?), closed)?;
        }
        group.close()?;
        Ok(())
    }

    /// The file's body.
    ///
    /// # Errors
    /// Never, since the file is in memory.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.writer.into_inner()
    }
}

/// The properties of a file with so many rows. They set no compression, since [`Pages`] compresses.
fn properties(rows: usize) -> WriterPropertiesPtr {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("sluicegate version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(rows >= DICTIONARY_FROM);
    for name in DISTINCT {
        let column = ColumnPath::new(vec![name.to_owned()]);
        properties = properties.set_column_dictionary_enabled(column, false);
    }
    Arc::new(properties.build())
}

/// Compresses the pages of a column writer, which writes them uncompressed.
struct Pages<'a> {
    compressor: &'a mut Compressor<'static>,
    to: SerializedPageWriter<'a, Vec<u8>>,
}

impl PageWriter for Pages<'_> {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec, ParquetError> {
        let mut compressed = page.compressed_page().clone();
        match &mut compressed {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
                *buf = Bytes::from(self.compressor.compress(buf)?);
            }
            // Of such a page, only the values would have to be compressed. The writer makes none.
            Page::DataPageV2 { .. } => {
                return Err(ParquetError::NYI("pages of version 2".to_owned()));
            }
        }
        self.to.write_page(CompressedPage::new(compressed, page.uncompressed_size()))
    }

    fn close(&mut self) -> Result<(), ParquetError> {
        self.to.close()
    }
}
