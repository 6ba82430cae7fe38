//! Patterns of actions and of resources.
//!
//! `*` stands for any number of characters (also none), and `?` for exactly one:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.

use std::str::Chars;

/// `sqs:SendMessage`, `s3:Get*`, or `*`. Upper and lower case are the same:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ActionPattern(String);

impl ActionPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The rule that the text breaks, as the end of a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let is_action = text.split_once(':').is_some_and(|(service, action)| {
            let is_service = service.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            let is_name =
                action.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '?' | '-'));
            !service.is_empty() && is_service && !action.is_empty() && is_name
        });
        match text == "*" || is_action {
            true => Ok(Self(text.to_owned())),
            false => Err("must be * or an action such as sqs:SendMessage"),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn covers(&self, action: &str) -> bool {
        matches(&self.0, action, |a, b| a.eq_ignore_ascii_case(&b))
    }
}

/// The number of colons before the last part of an ARN. The last part can contain more.
const ARN_COLONS: usize = 5;

/// An ARN with wildcards, or `*`. A wildcard never extends beyond its part of the ARN, which ends
/// at the next colon. Only the last part can contain colons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResourcePattern(String);

impl ResourcePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The rule that the text breaks, as the end of a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains("${") {
            return Err("has a policy variable, which is not emulated");
        }
        let is_arn = text.starts_with("arn:") && text.matches(':').count() >= ARN_COLONS;
        match text == "*" || is_arn {
            true => Ok(Self(text.to_owned())),
            false => Err("must be * or an ARN"),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource `*` stands for one that is not known. Only the pattern `*` covers it.
    pub(super) fn covers(&self, resource: &str) -> bool {
        if self.0 == "*" {
            return true;
        }
        let (own, other) = (parts(&self.0), parts(resource));
        own.clone().count() == other.clone().count()
            && own.zip(other).all(|(pattern, part)| matches(pattern, part, |a, b| a == b))
    }
}

fn parts(arn: &str) -> impl Iterator<Item = &str> + Clone {
    arn.splitn(ARN_COLONS + 1, ':')
}

/// Whether a pattern covers all of a text.
///
/// The time is at most proportional to the product of their lengths. A mismatch goes back to the
/// last `*` only: whatever an earlier `*` could match, the last one can match as well.
fn matches(pattern: &str, text: &str, same: fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // The pattern after the last `*`, and the text that this `*` does not match yet.
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut next_pattern, mut next_text) = (pattern.clone(), text.clone());
        match (next_pattern.next(), next_text.next()) {
            (Some('*'), _) => {
                retry = Some((next_pattern.clone(), text.clone()));
                pattern = next_pattern;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || same(wanted, found) => {
                pattern = next_pattern;
                text = next_text;
            }
            _ => {
                let Some((after_star, left)) = &mut retry else { return false };
                if left.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = left.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text, |a, b| a == b), expected, "{pattern} {text}");
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("a*", "a", true);
        check("a*c", "abc/b:c", true);
        check("a*c", "abcd", false);
        check("*ab*ab", "abxabab", true);
        check("*ab*ab", "ab", false);
        check("?", "é", true);
        check("??", "é", false);
        check("*??", "€", false);
        check("a?c", "ac", false);
        check("a**", "a", true);
        check("A", "a", false);
    }

    #[test]
    fn actions_have_no_case_and_resources_do() {
        let action = ActionPattern::parse("S3:get*").unwrap();
        assert!(action.covers("s3:GetObject") && !action.covers("s3:PutObject"));
        let resource = ResourcePattern::parse("arn:aws:sqs:eu-west-1:1:Inbox").unwrap();
        assert!(!resource.covers("arn:aws:sqs:eu-west-1:1:inbox"));
    }

    #[test]
    fn a_wildcard_stays_within_its_part_of_the_arn() {
        #[track_caller]
        fn check(pattern: &str, resource: &str, expected: bool) {
            let pattern = ResourcePattern::parse(pattern).unwrap();
            assert_eq!(pattern.covers(resource), expected, "{pattern:?} {resource}");
        }
        check("*", "arn:aws:s3:::b/k", true);
        check("*", "*", true);
        check("arn:aws:s3:::b/*", "*", false);
        check("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", true);
        check("arn:aws:s3:::b/*", "arn:aws:s3:::b", false);
        check("arn:aws:s3:::b*", "arn:aws:s3:::bucket", true);
        check("arn:*:sqs:*:*:q", "arn:aws:sqs:eu-west-1:1:q", true);
        check("arn:aws:sqs:*:1:q", "arn:aws:sqs:eu:west:1:q", false);
        check("arn:aws:sqs:*:1:*", "arn:aws:sqs:eu-west-1:2:x:1:q", false);
        check("arn:aws:logs:r:1:log-group:g:*", "arn:aws:logs:r:1:log-group:g:log-stream:s", true);
    }

    #[test]
    fn what_is_no_action_and_what_is_no_arn_is_refused() {
        for good in ["*", "sqs:*", "s3:Get?bject", "execute-api:Invoke"] {
            assert!(ActionPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "sqs", ":a", "sqs:", "s*:a", "sqs:a:b", "sqs:send message", "sqs:${a}"] {
            assert!(ActionPattern::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "bucket", "arn:aws:s3", "arn:*", "arn:aws:s3:::b/${aws:username}"] {
            assert!(ResourcePattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
    fn many_stars_take_no_longer_than_few() {
        let began = Instant::now();
        let pattern = format!("{}b", "a*".repeat(200));
        check(&pattern, &"a".repeat(2_000), false);
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    /// The definition: short, and slow.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['*', rest @ ..], text) => (0..=text.len()).any(|n| by_definition(rest, &text[n..])),
            (['?', rest @ ..], [_, text @ ..]) => by_definition(rest, text),
            ([wanted, rest @ ..], [found, text @ ..]) => {
                wanted == found && by_definition(rest, text)
            }
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "[ab*?é]{0,9}", text in "[abé]{0,9}") {
            let pattern_chars = pattern.chars().collect::<Vec<_>>();
            let text_chars = text.chars().collect::<Vec<_>>();
            let expected = by_definition(&pattern_chars, &text_chars);
            prop_assert_eq!(matches(&pattern, &text, |a, b| a == b), expected);
        }

        #[test]
        fn every_text_covers_itself_and_is_covered_by_a_star_in_its_place(
            before in "[a-z/]{0,8}", middle in "[a-z:/]{0,8}", after in "[a-z]{0,8}",
        ) {
            let text = format!("{before}{middle}{after}");
            prop_assert!(matches(&text, &text, |a, b| a == b));
            let pattern = format!("{before}*{after}");
            prop_assert!(matches(&pattern, &text, |a, b| a == b));
        }
    }
}
