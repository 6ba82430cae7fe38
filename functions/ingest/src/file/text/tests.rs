//! Compares decoded texts with those of `encoding_rs` and of the standard library.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn decode(encoding: TextEncoding, chunks: &[&[u8]]) -> Vec<u8> {
    let mut text = Text::new(encoding);
    let mut decoded = Vec::new();
    for chunk in chunks {
        text.push(chunk);
        decoded.extend_from_slice(text.decoded());
    }
    text.finish();
    decoded.extend_from_slice(text.decoded());
    decoded
}

fn utf16(text: &str, order: ByteOrder) -> Vec<u8> {
    let bytes = |unit: u16| match order {
        ByteOrder::Little => unit.to_le_bytes(),
        ByteOrder::Big => unit.to_be_bytes(),
    };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn each_byte_of_windows_1252_and_latin_1_is_a_character() {
    let all: Vec<u8> = (0..=255).collect();
    let (expected, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&all);
    let found = decode(TextEncoding::Windows1252, &[&all]);
    assert_eq!(String::from_utf8(found).unwrap(), expected);
    let expected = encoding_rs::mem::decode_latin1(&all);
    assert_eq!(String::from_utf8(decode(TextEncoding::Latin1, &[&all])).unwrap(), expected);
}

#[test]
fn a_byte_order_mark_decides_where_the_declaration_leaves_it_open() {
    let marked = "\u{feff}id,é,𝄞";
    for declared in [TextEncoding::Utf8, TextEncoding::Utf16] {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            assert_eq!(decode(declared, &[&utf16(marked, order)]), marked.as_bytes());
        }
    }
    let plain = "id,é";
    assert_eq!(decode(TextEncoding::Utf8, &[plain.as_bytes()]), plain.as_bytes());
    assert_eq!(decode(TextEncoding::Utf8, &[b"i"]), b"i");
    assert_eq!(decode(TextEncoding::Utf16, &[&utf16(plain, ByteOrder::Little)]), plain.as_bytes());
    assert_eq!(decode(TextEncoding::Utf16Be, &[&utf16(plain, ByteOrder::Big)]), plain.as_bytes());
    // Both are letters in Windows-1252.
    assert_eq!(decode(TextEncoding::Windows1252, &[b"\xff\xfe"]), "ÿþ".as_bytes());
}

proptest! {
    #[test]
    fn utf_16_in_any_chunks_is_the_text_that_it_was_made_of(
        text in "(\\PC|[\n,é\u{1f600}\u{10ffff}]){0,20}",
        cuts in vec(0_usize..60, 0..6),
    ) {
        for (encoding, order) in [
            (TextEncoding::Utf16Le, ByteOrder::Little), (TextEncoding::Utf16Be, ByteOrder::Big),
        ] {
            let bytes = utf16(&text, order);
            let found = decode(encoding, &testkit::cut(&bytes, &cuts));
            prop_assert_eq!(String::from_utf8(found).unwrap(), text.clone());
        }
    }

    /// What is no text is never a character: each place where the standard library finds none has a byte that UTF-8
    /// never has.
    #[test]
    fn what_is_no_text_stays_none(
        units in vec(prop_oneof![0xd800_u16..0xe000, 32_u16..128], 0..12),
        is_odd in any::<bool>(),
        cuts in vec(0_usize..24, 0..4),
    ) {
        let mut bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let mut expected = Vec::new();
        for decoded in char::decode_utf16(units.iter().copied()) {
            match decoded {
                Ok(char) => push_char(char, &mut expected),
                Err(_) => expected.push(0xff),
            }
        }
        if is_odd {
            bytes.push(65);
            expected.push(0xff);
        }
        prop_assert_eq!(decode(TextEncoding::Utf16Le, &testkit::cut(&bytes, &cuts)), expected);
    }
}
