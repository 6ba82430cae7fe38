//! What a case expects of an answer, and what the report says if another one came.

use std::fmt::Debug;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// The report cuts longer values.
const SHOWN_CHARS: usize = 240;

/// Fails the case unless a value is the expected one.
macro_rules! same {
    ($came:expr, $expected:expr $(,)?) => {
        $crate::answers::check_same(&$came, &$expected, "")
    };
    ($came:expr, $expected:expr, $($about:tt)+) => {
        $crate::answers::check_same(&$came, &$expected, &format!($($about)+))
    };
}
pub(crate) use same;

#[track_caller]
pub(crate) fn check_same<A: PartialEq<B> + Debug, B: Debug>(came: &A, expected: &B, about: &str) {
    if came != expected {
        let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
        panic!("{about}expected {}, came {}", shown(expected), shown(came));
    }
}

fn shown(value: &dyn Debug) -> String {
    let whole = format!("{value:?}");
    match whole.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

/// The answer of a service.
pub(crate) trait Answer<T> {
    type Refusal;

    /// The output. Fails the case if the request was refused.
    fn answered(self) -> T;

    /// The code of the error. Fails the case if the request was not refused.
    fn refused(self) -> String;

    /// The SDK's error. Fails the case if the request was not refused.
    fn refusal(self) -> Self::Refusal;
}

impl<T: Debug, E, R> Answer<T> for Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + 'static,
{
    type Refusal = SdkError<E, R>;

    #[track_caller]
    fn answered(self) -> T {
        match self {
            Ok(answer) => answer,
            Err(error) => panic!("expected an answer, came {}", told(&error)),
        }
    }

    #[track_caller]
    fn refused(self) -> String {
        let error = self.refusal();
        error.code().map_or_else(|| told(&error), str::to_owned)
    }

    #[track_caller]
    fn refusal(self) -> SdkError<E, R> {
        match self {
            Ok(answer) => panic!("expected a refusal, came {}", shown(&answer)),
            Err(error) => error,
        }
    }
}

/// The code and message of a refusal, or why there was no answer.
fn told<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + 'static,
{
    if let Some(code) = error.code() {
        return format!("{code}: {}", error.message().unwrap_or("without a message"));
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
