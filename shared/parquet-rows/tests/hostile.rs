//! Files that are broken on purpose: whatever the bytes are, reading ends, and takes little memory.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use sluicegate_parquet_rows::{MAX_RESIDENT_BYTES, RowReader, Step};

fn files() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let mut files = Vec::new();
    for name in
        ["types", "nested", "int96", "encodings", "many-snappy-1", "many-zstd-2", "many-lz4-2"]
    {
        files.push(std::fs::read(folder.join(format!("{name}.parquet"))).unwrap());
    }
    files
}

/// Reads a file to its end or to its failure. Returns how many rows it had, good or refused.
fn read(file: &[u8]) -> (u64, bool) {
    let mut reader = RowReader::new(file.len() as u64, 0, 64 * 1024);
    let mut rows = 0;
    loop {
        let part = match reader.advance() {
            Ok(Step::Read(part)) => part,
            Ok(Step::Row(_)) => {
                rows += 1;
                continue;
            }
            Ok(Step::End) => return (rows, true),
            Err(_) => return (rows, false),
        };
        // A reader asks for nothing that the file has not.
        let begin = usize::try_from(part.offset).unwrap();
        let bytes = file[begin..][..usize::try_from(part.length).unwrap()].to_vec();
        reader.supply(bytes.into()).unwrap();
    }
}

/// Steele and Vigna's SplitMix64: the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// The most memory that this process ever had, where the system says it.
fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}

#[test]
fn broken_bytes_neither_panic_nor_fill_the_memory() {
    let mut numbers = Numbers(7);
    let (mut whole, mut broken) = (0, 0);
    for file in files() {
        let footer = u32::from_le_bytes(file[file.len() - 8..][..4].try_into().unwrap());
        let footer = usize::try_from(footer).unwrap() + 8;
        for round in 0..150 {
            let mut changed = file.clone();
            // Half of the changes are in the footer, which says where and how large everything is.
            let begin = if round % 2 == 0 { file.len() - footer } else { 0 };
            for _ in 0..=numbers.below(3) {
                let at = begin + numbers.below(file.len() - begin);
                changed[at] = numbers.next().to_le_bytes()[0];
            }
            match read(&changed) {
                (_, true) => whole += 1,
                (_, false) => broken += 1,
            }
        }
    }
    assert!(whole > 50 && broken > 200, "{whole} whole, {broken} broken");
    if let Some(peak) = peak_bytes() {
        assert!(peak < 2 * MAX_RESIDENT_BYTES, "{peak} bytes");
    }
}

#[test]
fn a_file_that_is_cut_short_fails_as_a_whole() {
    for file in files() {
        let mut numbers = Numbers(3);
        for _ in 0..50 {
            let length = numbers.below(file.len());
            assert_eq!(read(&file[..length]), (0, false), "{length} of {}", file.len());
        }
    }
}

#[test]
fn a_few_bytes_cannot_stand_for_any_number_of_rows() {
    // The footer of a file with one column and 2^40 rows, in one run of nulls.
    let mut file = b"PAR1".to_vec();
    let footer = [
        0x15, 2, // version 1
        0x19, 0x2c, // two elements of the schema
        0x48, 1, b's', 0x15, 2, 0, // the root `s`, with one child
        0x15, 2, 0x25, 2, 0x18, 1, b'a', 0, // an optional INT32 `a`
        0x16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, // 2^40 rows
        0x19, 0x1c, // one row group
        0x19, 0x1c, 0x3c, // of one column chunk, which says of itself
        0x15, 2, 0x19, 5, 0x19, 0x18, 1, b'a', 0x15, 0, // its type, encodings, path and codec
        0x16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, // 2^40 values
        0x16, 8, 0x16, 8, 0x26, 8, 0, 0, // four bytes from the fourth on
        0x16, 8, 0x16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0, // 2^40 rows
    ];
    file.extend(footer);
    file.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    file.extend(b"PAR1");
    let mut reader = RowReader::new(file.len() as u64, 0, 1024);
    assert!(matches!(reader.advance(), Ok(Step::Read(_))));
    reader.supply(file.into()).unwrap();
    let failure = reader.advance().unwrap_err().to_string();
    assert!(failure.contains("rows in"), "{failure}");
}
