//! Suggests which places of a payload may be its key and its time, by their names and values.

use super::formats::Shape;
use super::personal::words_of;
use super::profile::{Member, Members, Profile};

/// Pointers that a contract may use, the most likely first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub(crate) keys: Vec<String>,
    pub(crate) times: Vec<String>,
}

/// The candidates among the members that every event has with a value.
pub(super) fn candidates_of(profile: &Profile) -> Candidates {
    let mut found = Found::default();
    found.walk(profile, "");
    // A sort that keeps the order of equals: shorter pointers are nearer to the root.
    found.keys.sort_by_key(|(rank, pointer)| (*rank, pointer.matches('/').count()));
    found.times.sort_by_key(|(rank, pointer)| (*rank, pointer.matches('/').count()));
    Candidates {
        keys: found.keys.into_iter().map(|(_, pointer)| pointer).collect(),
        times: found.times.into_iter().map(|(_, pointer)| pointer).collect(),
    }
}

/// Pointers with a rank, of which the least is the best.
#[derive(Default)]
struct Found {
    keys: Vec<(u8, String)>,
    times: Vec<(u8, String)>,
}

impl Found {
    fn walk(&mut self, profile: &Profile, pointer: &str) {
        let Members::Named(members) = &profile.members else { return };
        for (name, member) in members {
            if member.seen < profile.objects || member.profile.nulls > 0 {
                continue;
            }
            let at = format!("{pointer}{}", event::pointer_to(name));
            self.add(name, member, &at);
            self.walk(&member.profile, &at);
        }
    }

    fn add(&mut self, name: &str, member: &Member, pointer: &str) {
        let words = words_of(name);
        let profile = &member.profile;
        let is_text = profile.texts.count == profile.values();
        let is_integer =
            profile.numbers.count == profile.values() && profile.numbers.fractions == 0;
        if is_text && profile.texts.shape() == Some(Shape::DateTime) {
            self.times.push((time_rank(&words), pointer.to_owned()));
        } else if is_text || is_integer {
            let is_uuid = profile.texts.shape() == Some(Shape::Uuid);
            if let Some(rank) = key_rank(&words, is_uuid) {
                self.keys.push((rank, pointer.to_owned()));
            }
        }
    }
}

fn time_rank(words: &[String]) -> u8 {
    let is_any = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    if is_any(&["occurred", "event"]) {
        0
    } else if is_any(&["at", "time", "timestamp", "ts", "date"])
        && !is_any(&["updated", "received"])
    {
        1
    } else {
        2
    }
}

fn key_rank(words: &[String], is_uuid: bool) -> Option<u8> {
    match (words, is_uuid) {
        ([id], _) if id == "id" => Some(0),
        ([event, id], _) if event == "event" && id == "id" => Some(0),
        ([one], _) if ["uuid", "guid", "key"].contains(&one.as_str()) => Some(1),
        (_, true) => Some(2),
        ([.., last], _)
            if ["id", "uuid", "key", "number", "reference"].contains(&last.as_str()) =>
        {
            Some(3)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::Budget;
    use super::*;

    #[test]
    fn names_and_values_that_are_always_there_are_suggested() {
        let events = [
            r#"{"customer_id": 7, "id": "a", "updated_at": "2026-01-01T00:00:00Z", "nullId": null,
                "meta": {"created_at": "2026-01-01T00:00:00Z"}, "note": "x", "maybe_id": 1, "price_key": 1.5}"#,
            r#"{"customer_id": 7, "id": "b", "updated_at": "2026-01-02T00:00:00Z", "nullId": 1,
                "meta": {"created_at": "2026-01-01T00:00:00Z"}, "note": "x", "price_key": 1.5}"#,
        ];
        let (mut profile, mut budget) = (Profile::default(), Budget::default());
        for event in events {
            profile.add(&serde_json::from_str(event).unwrap(), &mut budget);
        }
        let found = candidates_of(&profile);
        assert_eq!(found.keys, ["/id", "/customer_id"]);
        assert_eq!(found.times, ["/meta/created_at", "/updated_at"]);
    }
}
