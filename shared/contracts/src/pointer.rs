//! Splits JSON Pointers (RFC 6901, <https://www.rfc-editor.org/rfc/rfc6901>) into their tokens.

/// The reference tokens of a JSON Pointer, with `~1` and `~0` replaced by `/` and `~`. The empty pointer has none.
/// `None` if the text is not a JSON Pointer.
#[must_use]
pub fn pointer_tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(without_escapes).collect()
}

fn without_escapes(token: &str) -> Option<String> {
    let mut escapes = token.split('~').skip(1);
    let is_well_formed = escapes.all(|after| after.starts_with(['0', '1']));
    is_well_formed.then(|| token.replace("~1", "/").replace("~0", "~"))
}

/// The array index that a token stands for (RFC 6901, section 4). `None` if it has a leading zero, is not made of
/// digits, or is too large. `-`, which stands for the place after the last item, is `None` too.
#[must_use]
pub fn pointer_index(token: &str) -> Option<usize> {
    let is_digits = token.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits || token.len() > 1 && token.starts_with('0') {
        return None;
    }
    token.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pointer: &str, expected: Option<&[&str]>) {
        let expected = expected.map(|it| it.iter().map(|&token| token.to_owned()).collect());
        assert_eq!(pointer_tokens(pointer), expected, "{pointer}");
    }

    #[test]
    fn a_pointer_is_its_tokens_without_their_escapes() {
        check("", Some(&[]));
        check("/", Some(&[""]));
        check("/a~1b/~01/0", Some(&["a/b", "~1", "0"]));
        check("a", None);
        check("/a~2", None);
        check("/a~", None);
    }

    #[test]
    fn an_index_has_no_leading_zeros() {
        for (token, expected) in [("0", Some(0)), ("12", Some(12))] {
            assert_eq!(pointer_index(token), expected);
        }
        for token in ["", "01", "00", "-", "+1", "1.0", "99999999999999999999999"] {
            assert_eq!(pointer_index(token), None, "{token}");
        }
    }
}
