//! Finds out what became of each event, from what the sinks say and from its letters.
//!
//! It does no IO. Each event has exactly one fate, so that the parts add up to what was sent.

use std::collections::{BTreeMap, BTreeSet};

use verify::input::Place;

/// What the sinks say about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is in each of its sinks.
    Everywhere,
    /// It is in each of its sinks that can be read, and there are others.
    InSeenSinks,
    /// None of its sinks can be read, or it is too large to be asked for.
    Unseen,
    /// It is missing in one of its sinks.
    Missing,
    /// The contract refuses it, so that it has no key.
    Refused,
}

/// One record of the files that were sent.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The index of the file among those that were sent.
    pub(super) file: usize,
    pub(super) place: Place,
    /// The length of the record without its line end.
    pub(super) bytes: u64,
    pub(super) seen: Seen,
    pub(super) fingerprint: Option<String>,
    /// The SHA-256 of the record's bytes: one for each reading of its line end.
    pub(super) digests: Vec<String>,
    /// The code with which the contract refuses it.
    pub(super) code: Option<String>,
}

/// The state of a letter. If an event has several letters, the first state in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Dead,
    Quarantined,
    Redriven,
    Discarded,
}

/// A letter of the dataset, and what identifies its events.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) stage: String,
    pub(super) code: String,
    /// For a redriven letter, what the sinks say about its event as it was sent.
    pub(super) seen: Option<Seen>,
    pub(super) fingerprints: Vec<String>,
    pub(super) digests: Vec<String>,
    /// Where in a file the records are that are too long for a message, and their lengths in bytes.
    pub(super) places: Vec<(Place, u64)>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    InSinks,
    /// It is in all of its sinks that can be read. Sinks of a function of the user's own cannot
    /// be.
    InSeenSinks,
    Dead,
    Quarantined,
    Discarded,
    /// It was redriven, and is not in its sinks yet.
    OnItsWay,
    /// None of its sinks can be read, and it has no letter.
    Unseen,
    NotFound,
}

impl Fate {
    pub(super) const ALL: [Self; 8] = [
        Self::InSinks,
        Self::InSeenSinks,
        Self::Dead,
        Self::Quarantined,
        Self::Discarded,
        Self::OnItsWay,
        Self::Unseen,
        Self::NotFound,
    ];

    /// Whether it is known where the event is.
    pub(super) fn is_accounted_for(self) -> bool {
        !matches!(self, Self::Unseen | Self::NotFound)
    }

    /// The name in the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InSinks => "in_sinks",
            Self::InSeenSinks => "in_seen_sinks",
            Self::Dead => "dead",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
            Self::OnItsWay => "on_their_way",
            Self::Unseen => "unseen",
            Self::NotFound => "not_found",
        }
    }
}

/// What became of all events.
#[derive(Debug)]
pub(super) struct Account {
    /// One for each event, in their order.
    pub(super) fates: Vec<Fate>,
    /// The events of each letter, in the letters' order.
    pub(super) events_of: Vec<Vec<usize>>,
    /// Events that repeat another event of the files.
    pub(super) repeats: u64,
    /// Events that are in their sinks only in the form that a redrive gave them.
    pub(super) mended: u64,
}

impl Account {
    pub(super) fn of(events: &[Event], letters: &[Letter]) -> Self {
        let index = Index::of(letters);
        let ranks = Ranks::of(events);
        let mut fates = Vec::with_capacity(events.len());
        let mut events_of = vec![Vec::new(); letters.len()];
        let (mut mended, mut known) = (0, BTreeSet::new());
        for (at, event) in events.iter().enumerate() {
            let mut own = index.letters_of(event, letters);
            if event.seen == Seen::Refused {
                // Each refused record has a letter of its own.
                own = own.into_iter().skip(ranks.rank(event)).take(1).collect();
            }
            for letter in &own {
                events_of[*letter].push(at);
            }
            let fate = fate(event, own.iter().map(|letter| &letters[*letter]));
            mended += u64::from(fate == Fate::InSinks && event.seen != Seen::Everywhere);
            fates.push(fate);
            known.insert(identity(event));
        }
        let repeats = (events.len() - known.len()) as u64;
        Self { fates, events_of, repeats, mended }
    }

    pub(super) fn count(&self, fate: Fate) -> u64 {
        self.fates.iter().filter(|it| **it == fate).count() as u64
    }

    pub(super) fn is_accounted_for(&self) -> bool {
        self.fates.iter().all(|fate| fate.is_accounted_for())
    }
}

/// What identifies an event: its value, or its bytes if it has no value.
fn identity(event: &Event) -> &str {
    let digest = event.digests.first().map(String::as_str);
    event.fingerprint.as_deref().or(digest).unwrap_or_default()
}

fn fate<'a>(event: &Event, letters: impl Iterator<Item = &'a Letter> + Clone) -> Fate {
    let states: BTreeSet<State> = letters.clone().map(|letter| letter.state).collect();
    let redriven = letters.clone().filter(|letter| letter.state == State::Redriven);
    let mut redriven_seen = redriven.filter_map(|letter| letter.seen);
    if event.seen == Seen::Everywhere {
        return Fate::InSinks;
    }
    if states.contains(&State::Dead) {
        return Fate::Dead;
    }
    if states.contains(&State::Quarantined) {
        return Fate::Quarantined;
    }
    if redriven_seen.clone().any(|seen| seen == Seen::Everywhere) {
        return Fate::InSinks;
    }
    if states.contains(&State::Redriven) {
        let is_in_seen_sinks =
            event.seen == Seen::InSeenSinks || redriven_seen.any(|seen| seen == Seen::InSeenSinks);
        return if is_in_seen_sinks { Fate::InSeenSinks } else { Fate::OnItsWay };
    }
    if states.contains(&State::Discarded) {
        return Fate::Discarded;
    }
    match event.seen {
        Seen::Everywhere => Fate::InSinks,
        Seen::InSeenSinks => Fate::InSeenSinks,
        Seen::Unseen => Fate::Unseen,
        Seen::Missing | Seen::Refused => Fate::NotFound,
    }
}

/// Letters by what identifies their events.
struct Index<'a> {
    fingerprints: BTreeMap<&'a str, Vec<usize>>,
    digests: BTreeMap<&'a str, Vec<usize>>,
    places: BTreeMap<(Place, u64), Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(letters: &'a [Letter]) -> Self {
        let mut index = Self {
            fingerprints: BTreeMap::new(),
            digests: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        for (at, letter) in letters.iter().enumerate() {
            for print in &letter.fingerprints {
                index.fingerprints.entry(print).or_default().push(at);
            }
            for digest in &letter.digests {
                index.digests.entry(digest).or_default().push(at);
            }
            for place in &letter.places {
                index.places.entry(*place).or_default().push(at);
            }
        }
        index
    }

    /// The letters of an event without duplicates. Those that an operator has to act on come
    /// first.
    fn letters_of(&self, event: &Event, letters: &[Letter]) -> Vec<usize> {
        let print = event.fingerprint.as_deref();
        let by_print = print.and_then(|print| self.fingerprints.get(print));
        let by_place = self.places.get(&(event.place, event.bytes));
        let mut found: BTreeSet<usize> = BTreeSet::new();
        found.extend(by_print.into_iter().flatten());
        found.extend(by_place.into_iter().flatten());
        for digest in &event.digests {
            found.extend(self.digests.get(digest.as_str()).into_iter().flatten());
        }
        let mut found: Vec<usize> = found.into_iter().collect();
        found.sort_by_key(|at| letters[*at].state);
        found
    }
}

/// The number of a refused record among equal ones, from 0. Records at the same place of two files
/// have the same number, because copies of a file make one letter.
struct Ranks<'a>(BTreeMap<&'a str, BTreeMap<Place, usize>>);

impl<'a> Ranks<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut lines: BTreeMap<&str, BTreeMap<Place, usize>> = BTreeMap::new();
        for event in events.iter().filter(|event| event.seen == Seen::Refused) {
            let alike = lines.entry(identity(event)).or_default();
            let rank = alike.len();
            alike.entry(event.place).or_insert(rank);
        }
        Self(lines)
    }

    fn rank(&self, event: &Event) -> usize {
        self.0.get(identity(event)).and_then(|alike| alike.get(&event.place)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
