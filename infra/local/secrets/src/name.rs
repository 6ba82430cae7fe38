//! Secrets' names and ARNs.

use md5::{Digest as _, Md5};

use super::SecretError;
use super::errors::validation;

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
const MAX_NAME: usize = 512;

pub(super) fn check(name: &str) -> Result<(), SecretError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&b);
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

/// The six characters that end a secret's ARN. Random on AWS; here they follow from the name, so that a
/// request's rights can be told from the request alone.
pub fn suffix(name: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let digest = Md5::digest(name.as_bytes());
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    digest.iter().take(6).map(letter).collect()
}
