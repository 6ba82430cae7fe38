//! The errors of Secrets Manager, with the codes and messages of its reference. All have status
//! 400.

use super::SecretError;

fn error(code: &'static str, message: impl Into<String>) -> SecretError {
    SecretError { code, message: message.into() }
}

pub(super) fn not_found(message: &str) -> SecretError {
    error("ResourceNotFoundException", message)
}

pub(super) fn no_such_secret() -> SecretError {
    not_found("Secrets Manager can't find the specified secret.")
}

pub(super) fn exists(message: impl Into<String>) -> SecretError {
    error("ResourceExistsException", message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> SecretError {
    error("InvalidRequestException", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> SecretError {
    error("InvalidParameterException", message)
}

pub(super) fn validation(message: impl Into<String>) -> SecretError {
    error("ValidationException", message)
}

pub(super) fn unknown_operation(operation: &str) -> SecretError {
    error("UnknownOperationException", format!("{operation} is not emulated"))
}
