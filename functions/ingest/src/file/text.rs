//! Texts of CSV files in other encodings, as UTF-8. What is no text in an encoding becomes a byte that no UTF-8 has, so
//! that the record with it is refused.

use contracts::TextEncoding;

/// A byte that UTF-8 never has: <https://www.rfc-editor.org/rfc/rfc3629#section-3>.
const NO_TEXT: u8 = 0xff;

/// Windows-1252 from 0x80 to 0x9f; its other bytes are those of ISO 8859-1:
/// <https://encoding.spec.whatwg.org/index-windows-1252.txt>.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// Decodes a file as its bytes arrive.
pub(super) struct Text {
    decoder: Decoder,
    decoded: Vec<u8>,
}

enum Decoder {
    /// The first two bytes are to be seen, which may be a byte order mark of UTF-16.
    Undecided {
        declared: TextEncoding,
        first: Vec<u8>,
    },
    Utf8,
    Latin1,
    Windows1252,
    Utf16(Utf16),
}

impl Text {
    pub(super) fn new(encoding: TextEncoding) -> Self {
        let decoder = match encoding {
            TextEncoding::Utf8 | TextEncoding::Utf16 => {
                Decoder::Undecided { declared: encoding, first: Vec::new() }
            }
            TextEncoding::Utf16Le => Decoder::Utf16(Utf16::new(ByteOrder::Little)),
            TextEncoding::Utf16Be => Decoder::Utf16(Utf16::new(ByteOrder::Big)),
            TextEncoding::Windows1252 => Decoder::Windows1252,
            TextEncoding::Latin1 => Decoder::Latin1,
        };
        Self { decoder, decoded: Vec::new() }
    }

    /// Goes on with an encoding that [`Text::encoding`] has given.
    pub(super) fn at(encoding: TextEncoding) -> Self {
        let mut text = Self::new(encoding);
        if matches!(text.decoder, Decoder::Undecided { .. }) {
            text.decoder = Decoder::Utf8;
        }
        text
    }

    /// The encoding that the file turned out to have; `None` before its first two bytes have come.
    pub(super) fn encoding(&self) -> Option<TextEncoding> {
        match &self.decoder {
            Decoder::Undecided { .. } => None,
            Decoder::Utf8 => Some(TextEncoding::Utf8),
            Decoder::Latin1 => Some(TextEncoding::Latin1),
            Decoder::Windows1252 => Some(TextEncoding::Windows1252),
            Decoder::Utf16(Utf16 { order: ByteOrder::Little, .. }) => Some(TextEncoding::Utf16Le),
            Decoder::Utf16(Utf16 { order: ByteOrder::Big, .. }) => Some(TextEncoding::Utf16Be),
        }
    }

    /// Whether all bytes that were taken are decoded, so that another decoder can go on behind them.
    pub(super) fn is_between_characters(&self) -> bool {
        match &self.decoder {
            Decoder::Undecided { .. } => false,
            Decoder::Utf8 | Decoder::Latin1 | Decoder::Windows1252 => true,
            Decoder::Utf16(Utf16 { half, high, .. }) => half.is_none() && high.is_none(),
        }
    }

    /// Whether the decoded bytes may be others than those of the file.
    pub(super) fn is_transcoded(&self) -> bool {
        !matches!(self.decoder, Decoder::Utf8 | Decoder::Undecided { .. })
    }

    /// Takes the next bytes of the file. [`Text::decoded`] then has them as UTF-8.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.decoded.clear();
        let Decoder::Undecided { declared, first } = &mut self.decoder else {
            return self.decode(bytes);
        };
        first.extend_from_slice(bytes);
        if first.len() >= 2 {
            let (declared, first) = (*declared, std::mem::take(first));
            self.decoder = decided(declared, &first);
            self.decode(&first);
        }
    }

    /// Ends the file. [`Text::decoded`] then has what was held back.
    pub(super) fn finish(&mut self) {
        self.decoded.clear();
        if let Decoder::Undecided { declared, first } = &mut self.decoder {
            let (declared, first) = (*declared, std::mem::take(first));
            self.decoder = decided(declared, &first);
            self.decode(&first);
        }
        if let Decoder::Utf16(utf16) = &mut self.decoder {
            utf16.finish(&mut self.decoded);
        }
    }

    /// What the bytes that were taken last are in UTF-8.
    pub(super) fn decoded(&self) -> &[u8] {
        &self.decoded
    }

    fn decode(&mut self, bytes: &[u8]) {
        let decoded = &mut self.decoded;
        match &mut self.decoder {
            Decoder::Utf8 | Decoder::Undecided { .. } => decoded.extend_from_slice(bytes),
            Decoder::Latin1 => bytes.iter().for_each(|&byte| push_char(byte.into(), decoded)),
            Decoder::Windows1252 => {
                bytes.iter().for_each(|&byte| push_char(windows_1252(byte), decoded));
            }
            Decoder::Utf16(utf16) => bytes.iter().for_each(|&byte| utf16.push(byte, decoded)),
        }
    }
}

fn decided(declared: TextEncoding, first: &[u8]) -> Decoder {
    match (first.get(..2), declared) {
        (Some(b"\xff\xfe"), _) => Decoder::Utf16(Utf16::new(ByteOrder::Little)),
        (Some(b"\xfe\xff"), _) => Decoder::Utf16(Utf16::new(ByteOrder::Big)),
        (_, TextEncoding::Utf16) => Decoder::Utf16(Utf16::new(ByteOrder::Little)),
        _ => Decoder::Utf8,
    }
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

fn push_char(char: char, decoded: &mut Vec<u8>) {
    decoded.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// UTF-16 (<https://www.rfc-editor.org/rfc/rfc2781>), whose units and pairs may come in several pieces.
struct Utf16 {
    order: ByteOrder,
    /// The first byte of a unit whose second has not come.
    half: Option<u8>,
    /// The first unit of a surrogate pair whose second has not come.
    high: Option<u16>,
}

impl Utf16 {
    fn new(order: ByteOrder) -> Self {
        Self { order, half: None, high: None }
    }

    fn push(&mut self, byte: u8, decoded: &mut Vec<u8>) {
        let Some(first) = self.half.take() else {
            self.half = Some(byte);
            return;
        };
        let unit = match self.order {
            ByteOrder::Little => u16::from_le_bytes([first, byte]),
            ByteOrder::Big => u16::from_be_bytes([first, byte]),
        };
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let pair = char::decode_utf16([high, unit]).next();
                match pair {
                    Some(Ok(char)) => push_char(char, decoded),
                    Some(Err(_)) | None => decoded.push(NO_TEXT),
                }
            }
            (_, 0xd800..=0xdbff) => {
                decoded.extend(high.map(|_| NO_TEXT));
                self.high = Some(unit);
            }
            (_, unit) => {
                decoded.extend(high.map(|_| NO_TEXT));
                match char::from_u32(u32::from(unit)) {
                    Some(char) => push_char(char, decoded),
                    None => decoded.push(NO_TEXT),
                }
            }
        }
    }

    fn finish(&mut self, decoded: &mut Vec<u8>) {
        decoded.extend(self.high.take().map(|_| NO_TEXT));
        decoded.extend(self.half.take().map(|_| NO_TEXT));
    }
}

#[cfg(test)]
mod tests;
