//! The header `Retry-After`, which holds seconds or a date (RFC 9110, section 10.2.3).

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use httpdate::parse_http_date;

/// How long an answer asks to wait. The time until a date counts from the answer's own `Date`, so that the service's
/// clock need not agree with ours. A date in an answer without `Date` is ignored.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_http_date(asked).ok()?;
    let sent = parse_http_date(text(headers, DATE)?).ok()?;
    Some(until.duration_since(sent).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(asked: &'static str, date: Option<&'static str>, seconds: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{asked}");
    }

    #[test]
    fn both_forms_are_understood() {
        const NOON: &str = "Wed, 21 Oct 2026 12:00:00 GMT";
        const LATER: &str = "Wed, 21 Oct 2026 12:01:30 GMT";
        check("120", None, Some(120));
        check("0", Some(NOON), Some(0));
        check(LATER, Some(NOON), Some(90));
        check(NOON, Some(LATER), Some(0));
        check(LATER, None, None);
        check("soon", Some(NOON), None);
        check("-1", None, None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
