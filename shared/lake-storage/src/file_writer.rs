//! A Parquet file on its way, whose pages one compressor compresses, whichever column they are of.
//!
//! A column writer of the `parquet` crate makes a compressor and a decompressor of its own, and ZSTD asks
//! the processor what it can do for each: on x86-64 by `CPUID`, which a hypervisor traps. Where it was
//! measured, that took 11 µs, and with 28 columns most of the time of a file of ten rows.

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

/// The default of the `zstd` tool.
const LEVEL: i32 = 3;

/// Text that no two rows share.
const DISTINCT: [&str; 3] = ["_event_id", KEY_COLUMN, "_fingerprint"];

/// Rows from which on a column's repeated values are worth a dictionary, which a writer sets up with
/// 72 KB. Of rows with 28 columns, ten are 13% larger with dictionaries than without, 500 are as large, and 3,000 are
/// 5% smaller.
const DICTIONARY_FROM: usize = 500;

pub(crate) struct FileWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    compressor: Compressor<'static>,
    properties: WriterPropertiesPtr,
}

impl FileWriter {
    /// Of a file that is to have so many rows.
    ///
    /// # Errors
    /// Never: the level is one of ZSTD's, and the file in memory.
    pub(crate) fn new(schema: TypePtr, rows: usize) -> Result<Self, ParquetError> {
        let properties = properties(rows);
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::clone(&properties))?;
        Ok(Self { writer, compressor: Compressor::new(LEVEL)?, properties })
    }

    /// A row group, of what `fill` writes into each column, by its place.
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

    /// # Errors
    /// Never: it is in memory.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.writer.into_inner()
    }
}

/// How a file of so many rows is written, but for its compression, which is for [`Pages`].
fn properties(rows: usize) -> WriterPropertiesPtr {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("sluicegate version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(rows >= DICTIONARY_FROM);
    let distinct = DISTINCT.map(|name| ColumnPath::new(vec![name.to_owned()]));
    let properties = distinct.into_iter().fold(properties, |properties, column| {
        properties.set_column_dictionary_enabled(column, false)
    });
    Arc::new(properties.build())
}

/// Compresses what a column writer has left as it is.
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
            // Only its values would be.
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
