//! The names of secrets, and the ends of their ARNs.

use md5::{Digest as _, Md5};

use super::SecretError;
use super::errors::validation;

/// The longest name:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
const MAX_NAME: usize = 512;

pub(super) fn check(name: &str) -> Result<(), SecretError> {
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

/// The six characters at the end of the ARN of the secret `name`. AWS draws them at random. Here
/// they are derived from the name, so that a request which names the secret is enough to know the
/// ARN that a permission has to cover.
pub fn suffix(name: &str) -> String {
    let digest = Md5::digest(name.as_bytes());
    digest.iter().take(6).map(|byte| character(*byte)).collect()
}

/// One of the 62 letters and digits.
fn character(byte: u8) -> char {
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char::from(CHARACTERS[usize::from(byte) % CHARACTERS.len()])
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte)
}
