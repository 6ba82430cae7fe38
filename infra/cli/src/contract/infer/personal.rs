//! Guesses which places of a payload hold personal data, by their names and by what their values look like. They are
//! suggestions for people, and never decide anything.

use super::hints::TextHint;
use super::profile::{Members, Profile};

/// A place that probably holds personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonalGuess {
    /// A JSON Pointer, in which `*` stands for each item of an array and each member of a map.
    pub(crate) pointer: String,
    /// What it seems to be.
    pub(crate) what: &'static str,
    /// Why it seems so.
    pub(crate) why: String,
}

/// The places of a profile that probably hold personal data, in the order of their pointers.
pub(super) fn guesses_of(profile: &Profile) -> Vec<PersonalGuess> {
    let mut guesses = Vec::new();
    walk(profile, &Names::default(), &mut guesses);
    guesses
}

/// The names on the way to a place.
#[derive(Clone, Default)]
struct Names {
    pointer: String,
    /// The words of the last member's name, and of the one above it.
    words: Vec<String>,
    above: Vec<String>,
}

impl Names {
    fn member(&self, name: &str) -> Self {
        let pointer = format!("{}{}", self.pointer, event::pointer_to(name));
        Self { pointer, words: words_of(name), above: self.words.clone() }
    }

    /// Each item or member, which is called as what it is in.
    fn each(&self) -> Self {
        Self { pointer: format!("{}/*", self.pointer), ..self.clone() }
    }
}

fn walk(profile: &Profile, names: &Names, guesses: &mut Vec<PersonalGuess>) {
    if let Some(guess) = guess(profile, names) {
        guesses.push(guess);
        return;
    }
    if let Some(items) = &profile.items {
        walk(items, &names.each(), guesses);
    }
    match &profile.members {
        Members::Map(all) => walk(all, &names.each(), guesses),
        Members::Named(members) => {
            for (name, member) in members {
                walk(&member.profile, &names.member(name), guesses);
            }
        }
    }
}

fn guess(profile: &Profile, names: &Names) -> Option<PersonalGuess> {
    let by_name = by_name(profile, &names.words, &names.above);
    let by_shape = by_shape(profile);
    let (what, why) = match (by_name, by_shape) {
        (Some(what), None) => (what, "by its name".to_owned()),
        (None, Some((what, count, all))) => (what, format!("{count} of {all} values look like it")),
        (Some(_), Some((what, count, all))) => {
            (what, format!("by its name, and {count} of {all} values look like it"))
        }
        (None, None) => return None,
    };
    Some(PersonalGuess { pointer: names.pointer.clone(), what, why })
}

/// What at least half of the values look like, with how many do.
fn by_shape(profile: &Profile) -> Option<(&'static str, u64, u64)> {
    let texts = &profile.texts;
    for hint in TextHint::ALL {
        let count = texts.hinted(hint);
        if count > 0 && count * 2 >= texts.count {
            return Some((hint.what(), count, texts.count));
        }
    }
    // One number in ten has a right check digit by chance.
    let numbers = &profile.numbers;
    let is_card = numbers.count >= 3 && numbers.cards * 10 >= numbers.count * 9;
    is_card.then_some((TextHint::Card.what(), numbers.cards, numbers.count))
}

/// Words beside which a name is that of a person.
const PEOPLE: [&str; 18] = [
    "author",
    "buyer",
    "cardholder",
    "contact",
    "customer",
    "driver",
    "employee",
    "guest",
    "holder",
    "member",
    "owner",
    "passenger",
    "patient",
    "payer",
    "person",
    "recipient",
    "sender",
    "user",
];

/// What a place seems to be by the words of its name. Counts and switches are nobody's data.
fn by_name(profile: &Profile, words: &[String], above: &[String]) -> Option<&'static str> {
    let is_valued = profile.texts.count + profile.numbers.count + profile.objects > 0;
    if !is_valued && profile.values() > 0 {
        return None;
    }
    let has = |word: &str| words.iter().any(|it| it == word);
    let any = |all: &[&str]| all.iter().any(|word| has(word));
    if any(&["email", "emails", "mail"]) {
        Some("an e-mail address")
    } else if any(&["phone", "telephone", "tel", "mobile", "fax", "msisdn", "cellphone"]) {
        Some("a phone number")
    } else if has("iban") {
        Some("a bank account")
    } else if any(&["pan", "cardnumber", "creditcard"])
        || (has("card") && any(&["number", "no", "credit"]))
    {
        Some("a payment card")
    } else if any(&["ip", "ipaddress", "ipv4", "ipv6"]) {
        Some("an IP address")
    } else if any(&["firstname", "lastname", "surname", "fullname", "forename"])
        || (has("name") && any(&["first", "last", "full", "given", "family", "middle", "birth"]))
        || (has("name") && is_of_a_person(words))
        || (words == ["name"] && is_of_a_person(above))
    {
        Some("a person's name")
    } else if any(&["birthday", "birthdate", "dob"]) || (has("birth") && any(&["date", "day"])) {
        Some("a date of birth")
    } else if any(&["ssn", "passport"])
        || (has("social") && has("security"))
        || (has("tax") && has("id"))
    {
        Some("the number of an identity document")
    } else if any(&["gender", "ethnicity", "religion", "nationality"]) {
        Some("a personal trait")
    } else if any(&["street", "postcode", "zip", "zipcode", "postal"])
        || (has("address") && !any(&["mac", "url", "web"]))
    {
        Some("an address")
    } else {
        None
    }
}

fn is_of_a_person(words: &[String]) -> bool {
    words.iter().any(|word| {
        let one = word.strip_suffix('s').unwrap_or(word);
        PEOPLE.contains(&one) || PEOPLE.contains(&word.as_str())
    })
}

/// The words of a name in lower case: `customerEmail`, `customer_email` and `CUSTOMER-EMAIL` are the same two.
pub(super) fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let begins_word = letter.is_uppercase() && was_lower;
        if !letter.is_alphanumeric() || begins_word {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::infer::profile::Budget;

    #[track_caller]
    fn check(events: &[&str], expected: &[(&str, &str)]) {
        let (mut profile, mut budget) = (Profile::default(), Budget::default());
        for event in events {
            profile.add(&serde_json::from_str(event).unwrap(), &mut budget);
        }
        let guesses = guesses_of(&profile);
        let found: Vec<(&str, &str)> =
            guesses.iter().map(|guess| (guess.pointer.as_str(), guess.what)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_or_a_shape_gives_personal_data_away() {
        check(
            &[
                r#"{"customerEmail": null, "to": "ada@example.com", "name": "x", "customer": {"name": "x"},
                "FIRST_NAME": "x", "shipping": {"address": {"street": "x"}}, "dateOfBirth": "x"}"#,
            ],
            &[
                ("/FIRST_NAME", "a person's name"),
                ("/customer/name", "a person's name"),
                ("/customerEmail", "an e-mail address"),
                ("/dateOfBirth", "a date of birth"),
                ("/shipping/address", "an address"),
                ("/to", "an e-mail address"),
            ],
        );
        check(
            &[r#"{"lines": [{"a/b": "+41 44 668 18 00"}, {"a/b": "+14155552671"}],
                "from": "GB82 WEST 1234 5698 7654 32", "paid": "4111 1111 1111 1111", "at": "192.0.2.1"}"#],
            &[
                ("/at", "an IP address"),
                ("/from", "a bank account"),
                ("/lines/*/a~1b", "a phone number"),
                ("/paid", "a payment card"),
            ],
        );
    }

    #[test]
    fn what_only_looks_a_little_like_it_is_left_alone() {
        // Wrong check digits, numbers without a plus, switches, and machines' addresses.
        check(
            &[
                r#"{"from": "GB82 WEST 1234 5698 7654 33", "paid": "4111 1111 1111 1112", "count": "14155552671",
                "email_sent": true, "mac_address": "x", "company": "x", "airport_name": "x", "filename": "x"}"#,
            ],
            &[],
        );
        // One of three is no half.
        check(&[r#"{"to": "ada@example.com"}"#, r#"{"to": "x"}"#, r#"{"to": "y"}"#], &[]);
        // One number in ten is right by chance.
        check(&[r#"{"n": 4111111111111111}"#, r#"{"n": 4111111111111112}"#], &[]);
        let card = r#"{"n": 4111111111111111}"#;
        check(&[card, card, card], &[("/n", "a payment card")]);
    }
}
