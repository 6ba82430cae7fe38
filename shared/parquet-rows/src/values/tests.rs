use super::*;

fn all(encoding: Encoding, physical: Physical, bytes: &[u8], count: usize) -> Vec<Value> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut values = Values::new(encoding, physical, bytes, count).unwrap();
    let read: Result<Vec<Value>, ParquetError> = (0..count).map(|_| values.next(None)).collect();
    assert!(values.next(None).is_err(), "more values than there are");
    read.unwrap()
}

#[test]
fn the_examples_of_the_format_are_read() {
    // 1, 2, 3, 4, 5 and 7, 5, 3, 1, 2, 3, 4, 5, as the format's text encodes them.
    let even = [128, 1, 4, 5, 2, 2, 0, 0, 0, 0];
    let expected = [1, 2, 3, 4, 5].map(Value::Int32);
    assert_eq!(all(Encoding::DeltaBinaryPacked, Physical::Int32, &even, 5), expected);
    let mut uneven = vec![128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111];
    uneven.extend([0; 6]);
    let expected = [7, 5, 3, 1, 2, 3, 4, 5].map(Value::Int64);
    assert_eq!(all(Encoding::DeltaBinaryPacked, Physical::Int64, &uneven, 8), expected);
}

#[test]
fn streams_are_put_together_again() {
    let bytes = [0xaa, 0x00, 0xa3, 0xbb, 0x11, 0xb4, 0xcc, 0x22, 0xc5, 0xdd, 0x33, 0xd6];
    let expected = [0xddcc_bbaa_u32, 0x3322_1100, 0xd6c5_b4a3];
    let expected = expected.map(|bits| Value::Int32(bits.cast_signed()));
    assert_eq!(all(Encoding::ByteStreamSplit, Physical::Int32, &bytes, 3), expected);
}

#[test]
fn a_header_that_claims_more_than_the_page_has_is_refused() {
    // 2^40 lengths.
    let bytes = [128, 1, 4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0];
    for encoding in [Encoding::DeltaLengthByteArray, Encoding::DeltaByteArray] {
        let bytes = Bytes::copy_from_slice(&bytes);
        let values = Values::new(encoding, Physical::ByteArray, bytes, 1_000);
        assert!(matches!(values, Err(ParquetError::Malformed(_))), "{values:?}");
    }
    let dictionary = Dictionary::new(Physical::Int32, Bytes::from_static(&[0; 8]), usize::MAX);
    assert!(dictionary.is_err());
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

/// So many integers: `first`, and then `first + step` again and again.
fn one_step(count: u64, first: i32, step: i32) -> Vec<u8> {
    let mut out = vec![128, 1, 4];
    varint(count, &mut out);
    let zigzag = |value: i32| u64::from(((value << 1) ^ (value >> 31)).cast_unsigned());
    varint(zigzag(first), &mut out);
    for block in 0..(count - 1).div_ceil(128) {
        if block > 0 {
            out.extend([0, 0, 0, 0, 0]);
            continue;
        }
        // The least difference is at most 0, and is added to what is in 32 bits.
        varint(zigzag(step.min(0)), &mut out);
        out.extend([32; 4]);
        for place in 0..128 {
            let difference = if place == 0 { step } else { 0 };
            out.extend((difference - step.min(0)).to_le_bytes());
        }
    }
    out
}

#[test]
fn values_that_repeat_the_one_before_cannot_unfold_without_end() {
    // One value of 1 MiB, and many that are the same: 1 GiB and 1 MiB altogether.
    let (count, length) = (1_025, 1024 * 1024);
    let mut bytes = one_step(count, 0, length);
    bytes.extend(one_step(count, length, -length));
    bytes.extend(vec![b'x'; usize::try_from(length).unwrap()]);
    let values = Values::new(Encoding::DeltaByteArray, Physical::ByteArray, bytes.into(), 1_025);
    let mut values = values.unwrap();
    for _ in 1..count {
        assert_eq!(values.next(None).unwrap().length(), 1024 * 1024);
    }
    assert!(matches!(values.next(None), Err(ParquetError::TooLarge(_))));
}
