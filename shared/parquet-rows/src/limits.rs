//! What a file may ask for. Its headers say how much is to be allocated, and a hostile file may say anything.

/// The most bytes of a footer. A row group of 1,000 columns takes about 100 KB of it.
pub const MAX_FOOTER_BYTES: usize = 16 * 1024 * 1024;

/// The most leaf columns, as for the fields of CSV.
pub const MAX_COLUMNS: usize = 4_096;

/// How deep groups may be nested. A list takes two levels.
pub const MAX_DEPTH: usize = 48;

/// The most bytes of a page, packed or unpacked. Writers end a page at about 1 MiB, but look only after some values.
pub const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes of a page's header, which may hold the least and the greatest value of the page.
pub(crate) const MAX_PAGE_HEADER_BYTES: usize = 1024 * 1024;

/// The most bytes of pages, dictionaries and what was read ahead, of all columns together. A function of 512 MB has
/// room for that and for the messages that it sends.
pub const MAX_RESIDENT_BYTES: usize = 192 * 1024 * 1024;

/// The most values of one row, with nulls, in all its lists together.
pub const MAX_ROW_ENTRIES: usize = 1024 * 1024;

/// The most bytes of one row's texts and bytes. As JSON, nearly every row of this size is larger than an event may be.
pub const MAX_ROW_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// The most rows for each byte of the file. One run of a few bytes may stand for 2^31 rows without values. Gzip, too,
/// inflates to about a thousand times as many bytes at most.
pub const MAX_ROWS_PER_BYTE: u64 = 1_024;

/// The most bytes to which one page of `DELTA_BYTE_ARRAY` may unfold, since each value may repeat the one before.
pub(crate) const MAX_UNFOLDED_BYTES: u64 = 1024 * 1024 * 1024;

/// A row group of at most this many packed bytes is read at once.
pub(crate) const SPAN_BYTES: u64 = 8 * 1024 * 1024;

/// What all columns of a larger row group read ahead together, and the least and the most for each.
pub(crate) const READ_AHEAD_BYTES: u64 = 16 * 1024 * 1024;
pub(crate) const LEAST_READ_AHEAD: u64 = 64 * 1024;
pub(crate) const MOST_READ_AHEAD: u64 = 1024 * 1024;

/// The first read from the end of a file. Most footers fit into it.
pub(crate) const TAIL_BYTES: u64 = 64 * 1024;
