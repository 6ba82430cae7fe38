//! A ZIP archive of the contracts. The same files are always the same bytes, so that its hash names its content.
//!
//! Files are stored as they are, without times: what a compressor writes may differ from one version to the next.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flate2::Crc;

use crate::failure::Failure;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const ENTRY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The length of the record at the end, without a comment.
const END_BYTES: usize = 22;
/// The length of an entry of the directory, without its name.
const ENTRY_BYTES: usize = 46;
/// The version of the format that is needed: 2.0.
const NEEDED: u16 = 20;
/// Written on Unix, so that the rights of files count.
const MADE_BY: u16 = (3 << 8) | NEEDED;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// The first day that the format knows, 1980-01-01.
const DATE: u16 = (1 << 5) | 1;
/// A regular file that everybody may read, since functions run as a user of their own.
const RIGHTS: u32 = 0o100_644 << 16;

/// What is compared of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    crc32: u32,
    bytes: u32,
}

/// The sums of files by their paths.
pub(super) type Listing = BTreeMap<String, Sum>;

/// An archive and what is in it.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) bytes: Vec<u8>,
    pub(super) listing: Listing,
}

/// The archive of all files below a folder, in the order of their paths. Names that begin with a dot are left out.
///
/// # Errors
/// If a file cannot be read, or is too large for the format.
pub(super) fn archive_of(folder: &Path) -> Result<Archive, Failure> {
    let mut files = BTreeMap::new();
    read_files(folder, "", &mut files)?;
    write(&files).ok_or_else(|| Failure::new(format!("{} is too large", folder.display())))
}

fn read_files(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("{} cannot be read", folder.display())).because(error)
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::new(format!("{} has a name that is not UTF-8", path.display())));
        };
        if name.starts_with('.') {
            continue;
        }
        let place = format!("{prefix}{name}");
        if path.is_dir() {
            read_files(&path, &format!("{place}/"), files)?;
        } else {
            files
                .insert(place, fs::read(&path).map_err(|error| Failure::unreadable(&path, error))?);
        }
    }
    Ok(())
}

/// `None` if something of it is larger than the format allows.
fn write(files: &BTreeMap<String, Vec<u8>>) -> Option<Archive> {
    let (mut bytes, mut directory, mut listing) = (Vec::new(), Vec::new(), Listing::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let sum = Sum { crc32: crc.sum(), bytes: u32::try_from(content.len()).ok()? };
        let offset = u32::try_from(bytes.len()).ok()?;
        let header = header_of(name, sum)?;
        bytes.extend(LOCAL_HEADER.to_le_bytes());
        bytes.extend(NEEDED.to_le_bytes());
        bytes.extend(&header);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        directory.extend(ENTRY.to_le_bytes());
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(NEEDED.to_le_bytes());
        directory.extend(&header);
        // No comment, the first disk, no internal attributes.
        directory.extend([0; 6]);
        directory.extend(RIGHTS.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        listing.insert(name.clone(), sum);
    }
    let (count, start) = (u16::try_from(files.len()).ok()?, u32::try_from(bytes.len()).ok()?);
    let length = u32::try_from(directory.len()).ok()?;
    bytes.extend(directory);
    bytes.extend(END.to_le_bytes());
    // This disk and that of the directory.
    bytes.extend([0; 4]);
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    Some(Archive { bytes, listing })
}

/// What a file's header and its entry in the directory have in common: from the flags to the length of extra fields.
fn header_of(name: &str, sum: Sum) -> Option<Vec<u8>> {
    let mut header = Vec::new();
    for word in [FLAGS, 0, 0, DATE] {
        header.extend(word.to_le_bytes());
    }
    for word in [sum.crc32, sum.bytes, sum.bytes] {
        header.extend(word.to_le_bytes());
    }
    header.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
    header.extend([0; 2]);
    Some(header)
}

/// The files of an archive, whoever wrote it, from its directory. `None` if it is none.
pub(super) fn listing_of(archive: &[u8]) -> Option<Listing> {
    let last = archive.len().checked_sub(END_BYTES)?;
    let end = (0..=last).rev().find(|&at| word(archive, at) == Some(END))?;
    let count = half_word(archive, end + 10)?;
    let mut at = usize::try_from(word(archive, end + 16)?).ok()?;
    let mut listing = Listing::new();
    for _ in 0..count {
        if word(archive, at)? != ENTRY {
            return None;
        }
        let sum = Sum { crc32: word(archive, at + 16)?, bytes: word(archive, at + 24)? };
        let lengths = [28, 30, 32].map(|field| half_word(archive, at + field));
        let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
        let name_at = at + ENTRY_BYTES;
        let path = archive.get(name_at..name_at + usize::from(name))?;
        let path = String::from_utf8_lossy(path).into_owned();
        if !path.ends_with('/') {
            listing.insert(path, sum);
        }
        at = name_at + usize::from(name) + usize::from(extra) + usize::from(comment);
    }
    Some(listing)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn half_word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        all.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    /// The bytes were computed from the specification with Python's `struct` and `zlib`, and read by its `zipfile`.
    #[test]
    fn the_same_files_are_the_same_bytes_for_ever() {
        let archive = write(&files(&[("a/b.yaml", "x: 1\n"), ("\u{e9}.json", "{}")])).unwrap();
        assert_eq!(event::hex_sha256(&archive.bytes), PINNED);
        assert_eq!(listing_of(&archive.bytes), Some(archive.listing));
    }

    const PINNED: &str = "c0976fab9d5feab4c9799f2abc4393a0620d82e4936f348ca936c029e24e36c1";

    #[test]
    fn what_is_no_archive_has_no_listing() {
        assert_eq!(listing_of(b""), None);
        assert_eq!(listing_of(&[0; 100]), None);
        let archive = write(&files(&[("a", "b")])).unwrap().bytes;
        assert_eq!(listing_of(&archive[40..]), None, "its directory is elsewhere");
        let empty = write(&BTreeMap::new()).unwrap().bytes;
        assert_eq!(listing_of(&empty), Some(Listing::new()));
    }
}
