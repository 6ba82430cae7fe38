//! The state of one JSON document that is being scanned for its end. Each byte changes it in constant time and memory.

/// How many levels of brackets are compared, each with the one that closes it. An event may have 64.
const COMPARED_LEVELS: u32 = 128;

/// What a byte means for the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// The document ended before the byte.
    EndBefore,
    /// The byte is the document's last one.
    EndAfter,
}

#[derive(Debug)]
pub(super) struct Scan {
    /// Whether the document is an item of an array.
    is_in_array: bool,
    /// How the line is indented on which the document begins.
    indent: Indent,
    is_empty: bool,
    /// Whether it begins with something else than a bracket.
    is_no_container: bool,
    /// How many brackets are open, and the most that were.
    depth: u64,
    deepest: u64,
    /// A bit for each open bracket: 1 for `{`, 0 for `[`. The lowest is that of the innermost one.
    kinds: u128,
    is_in_string: bool,
    is_escaped: bool,
    /// Whether the document cannot be JSON.
    is_broken: bool,
    /// The last two bytes outside of strings that are not white space.
    last: [u8; 2],
    /// The last byte that is not white space, within a string too.
    last_of_all: u8,
}

impl Scan {
    pub(super) fn new(is_in_array: bool, indent: Indent) -> Self {
        Self {
            is_in_array,
            indent,
            is_empty: true,
            is_no_container: false,
            depth: 0,
            deepest: 0,
            kinds: 0,
            is_in_string: false,
            is_escaped: false,
            is_broken: false,
            last: [0; 2],
            last_of_all: 0,
        }
    }

    /// How the line is indented on which the document begins.
    pub(super) fn indent(&self) -> &Indent {
        &self.indent
    }

    /// Takes the next byte. `indent` is how its line is indented.
    pub(super) fn step(&mut self, byte: u8, indent: &Indent, is_too_long: bool) -> Step {
        if self.is_empty {
            self.is_no_container = !matches!(byte, b'{' | b'[');
        }
        let step = self.outcome(byte, indent, is_too_long);
        if step != Step::EndBefore && !byte.is_ascii_whitespace() {
            self.last_of_all = byte;
        }
        self.is_empty = false;
        step
    }

    fn outcome(&mut self, byte: u8, indent: &Indent, is_too_long: bool) -> Step {
        if byte == b'{' && self.ends_before_object(indent, is_too_long) {
            return Step::EndBefore;
        }
        if byte == b'\n' && self.depth == 0 {
            return Step::EndBefore;
        }
        if self.is_in_string {
            self.step_in_string(byte);
            return Step::GoOn;
        }
        match byte {
            b',' | b']' if self.depth == 0 && self.is_in_array => return Step::EndBefore,
            b'{' | b'[' => self.open(byte),
            b'}' | b']' if self.depth > 0 => {
                self.close(byte);
                if self.depth == 0 && !self.is_no_container {
                    return Step::EndAfter;
                }
            }
            b'"' => self.is_in_string = true,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            self.last = [self.last[1], byte];
        }
        Step::GoOn
    }

    /// Whether this `{` begins the next document, because the current one cannot be JSON.
    fn ends_before_object(&self, indent: &Indent, is_too_long: bool) -> bool {
        if self.is_empty {
            return false;
        }
        if is_too_long && !self.is_in_array && self.last_of_all == b'}' {
            return true;
        }
        if self.is_in_string {
            return false;
        }
        if self.depth == 0 {
            return matches!(self.last[1], b'}' | b']' | b',');
        }
        if indent.begins_like(&self.indent) && (self.is_broken || self.is_misplaced()) {
            return true;
        }
        let is_behind_object = self.last[1] == b'}';
        let is_next_item = self.is_in_array && self.last == *b"},";
        !self.is_broken && self.is_in_object() && (is_behind_object || is_next_item)
    }

    /// Whether no value may be here. In an object, a value is behind a colon; in an array, behind its bracket or a comma.
    fn is_misplaced(&self) -> bool {
        let is_value = match self.is_in_object() {
            true => self.last[1] == b':',
            false => matches!(self.last[1], b'[' | b','),
        };
        self.is_compared() && !is_value
    }

    /// Takes a byte of a string. A line end shows that the string was never closed.
    fn step_in_string(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.is_in_string = false;
                self.is_escaped = false;
                self.is_broken = true;
            }
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.is_in_string = false,
            _ => {}
        }
    }

    fn open(&mut self, bracket: u8) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.kinds = self.kinds << 1 | u128::from(bracket == b'{');
    }

    fn close(&mut self, bracket: u8) {
        let is_of_object = bracket == b'}';
        self.is_broken |= self.is_compared() && self.is_in_object() != is_of_object;
        self.depth -= 1;
        self.kinds >>= 1;
    }

    /// Whether `kinds` has a bit for every open bracket.
    fn is_compared(&self) -> bool {
        self.deepest <= u64::from(COMPARED_LEVELS)
    }

    fn is_in_object(&self) -> bool {
        self.depth > 0 && self.is_compared() && self.kinds & 1 == 1
    }
}

/// The white space with which the line of a place begins. One of more than 64 bytes is not known.
#[derive(Clone, Debug)]
pub(super) struct Indent {
    space: Option<Vec<u8>>,
    /// Whether the line has nothing else before the place.
    is_all: bool,
}

impl Default for Indent {
    fn default() -> Self {
        Self { space: Some(Vec::new()), is_all: true }
    }
}

impl Indent {
    /// The indent of a line that begins with this white space. `is_all` says that nothing else is before the place.
    pub(super) fn new(space: Option<&str>, is_all: bool) -> Self {
        Self { space: space.map(|space| space.as_bytes().to_vec()), is_all }
    }

    /// The white space; `None` if it is not known.
    pub(super) fn space(&self) -> Option<&str> {
        std::str::from_utf8(self.space.as_deref()?).ok()
    }

    /// Whether the line has nothing else before the place.
    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    pub(super) fn push(&mut self, byte: u8) {
        if byte == b'\n' {
            self.space.get_or_insert_default().clear();
            self.is_all = true;
        } else if !matches!(byte, b' ' | b'\t' | b'\r') {
            self.is_all = false;
        } else if self.is_all {
            match &mut self.space {
                Some(space) if space.len() < 64 => space.push(byte),
                space => *space = None,
            }
        }
    }

    /// Whether this place begins a line that is indented as the line of `other` is.
    fn begins_like(&self, other: &Self) -> bool {
        self.is_all && self.space.is_some() && self.space == other.space
    }
}
