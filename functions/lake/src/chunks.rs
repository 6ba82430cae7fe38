//! Column chunks whose pages one compressor compresses, whichever column they are of.
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
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// The default of the `zstd` tool.
const LEVEL: i32 = 3;

/// Writes the chunks of a file.
pub(crate) struct Chunks {
    compressor: Compressor<'static>,
    properties: WriterPropertiesPtr,
}

impl Chunks {
    /// With properties that compress nothing.
    ///
    /// # Errors
    /// Never: the level is one of ZSTD's.
    pub(crate) fn new(properties: WriterPropertiesPtr) -> Result<Self, ParquetError> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, properties })
    }

    /// Gives a row group its next column, which is this one, of the values that `fill` writes.
    pub(crate) fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
        column: ColumnDescPtr,
        fill: impl FnOnce(&mut ColumnWriter<'_>) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let mut chunk = TrackedWrite::new(Vec::new());
        let to = SerializedPageWriter::new(&mut chunk);
        let pages = Box::new(Pages { compressor: &mut self.compressor, to });
        let mut writer = get_column_writer(column, Arc::clone(&self.properties), pages);
        fill(&mut writer)?;
        let mut closed = writer.close()?;
        let metadata = closed.metadata.into_builder();
        closed.metadata = metadata.set_compression_codec(CompressionCodec::ZSTD).build()?;
        group.append_column(&Bytes::from(chunk.into_inner()?), closed)
    }
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
