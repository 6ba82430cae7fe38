//! Lists the letters of the store, and reads their messages.

use std::collections::{BTreeMap, HashMap};

use event::{CLAIM_ATTRIBUTE, ClaimCheck, Code, Failure, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use letters::{
    Entry, Indexed, LetterId, LetterIndex as _, LetterObjects as _, PagePosition, Place, SHARDS,
    Selection, StoredMessage, payload_of,
};

use crate::function::Redrive;
use crate::parts::parts_by_bytes;
use crate::ports::Ports;
use crate::problem::Problem;

/// The most objects that are read at the same time. Letters that are neighbours in the index are in many objects.
const CONCURRENCY: usize = 32;

/// The largest object that is read as a whole for several of its messages.
const MOST_READ_WHOLE: u64 = 1024 * 1024;

/// Where a listing continues: the shard, and the last letter of it that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) shard: u8,
    pub(crate) after: Option<PagePosition>,
}

impl Cursor {
    pub(crate) const START: Self = Self { shard: 0, after: None };

    /// The cursor as text: `<shard>:<id>:<sort key>`, or `<shard>` at the beginning of a shard.
    pub(crate) fn text(&self) -> String {
        match &self.after {
            Some(PagePosition { sort_key, id }) => format!("{}:{}:{sort_key}", self.shard, id.0),
            None => self.shard.to_string(),
        }
    }

    /// Reads a cursor from its text.
    ///
    /// # Errors
    /// When the text is not that of a cursor.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        Self::parse(text).ok_or_else(|| {
            Problem::malformed(format!("`after` is not what a page ended with: {text}"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let shard: u8 = parts.next()?.parse().ok()?;
        let after = match (parts.next(), parts.next()) {
            (Some(id), Some(sort_key)) => {
                Some(PagePosition { id: LetterId(id.to_owned()), sort_key: sort_key.to_owned() })
            }
            (None, None) => None,
            _ => return None,
        };
        (shard <= SHARDS).then_some(Self { shard, after })
    }
}

impl<P: Ports> Redrive<P> {
    /// The selected letters of the next page of the index, which may be none; `None` if there are no more pages. Moves
    /// the cursor to the page after it. Letters that were collected after `cut_off` are left out.
    pub(crate) async fn next_chosen(
        &self,
        select: &Selection,
        cut_off: Timestamp,
        cursor: &mut Cursor,
    ) -> Result<Option<Vec<Indexed>>, Problem> {
        if cursor.shard >= SHARDS {
            return Ok(None);
        }
        if !select.letters.is_empty() {
            let mut chosen = self.chosen_by_id(select).await?;
            if let Some(after) = cursor.after.take() {
                let shown = chosen.iter().position(|it| it.entry.id == after.id);
                chosen.drain(..shown.map_or(0, |last| last + 1));
            }
            cursor.shard = SHARDS;
            return Ok(Some(chosen));
        }
        let index = self.ports.index();
        let page = index.page(select.shelf(), cursor.shard, cursor.after.as_ref()).await?;
        let is_last = page.next.is_none();
        cursor.after = page.next;
        cursor.shard += u8::from(is_last);
        let mut chosen = page.letters;
        chosen.retain(|it| select.includes(it) && it.entry.collected_at <= cut_off);
        if select.value.is_some() {
            chosen = self.with_the_value(select, chosen).await?;
        }
        Ok(Some(chosen))
    }

    async fn chosen_by_id(&self, select: &Selection) -> Result<Vec<Indexed>, Problem> {
        let mut chosen = Vec::new();
        for ids in select.letters.chunks(100) {
            let found = self.ports.index().read(ids).await?;
            for (id, found) in ids.iter().zip(found) {
                let found = found.ok_or_else(|| no_letter(id))?;
                chosen.extend(Some(found).filter(|it| select.includes(it)));
            }
        }
        if select.value.is_some() {
            chosen = self.with_the_value(select, chosen).await?;
        }
        Ok(chosen)
    }

    async fn with_the_value(
        &self,
        select: &Selection,
        letters: Vec<Indexed>,
    ) -> Result<Vec<Indexed>, Problem> {
        let mut with_it = Vec::new();
        for part in parts_by_bytes(&letters, |it| it.entry.held_bytes()) {
            let entries: Vec<&Entry> = part.iter().map(|it| &it.entry).collect();
            for (indexed, message) in part.iter().zip(self.messages(&entries).await?) {
                if payload_of(&message).is_some_and(|payload| select.includes_payload(&payload)) {
                    with_it.push(indexed.clone());
                }
            }
        }
        Ok(with_it)
    }

    /// The messages of letters, in their order, each with its event even if that is too large for a message. There must not be more letters than [`parts_by_bytes`] has in a part.
    pub(crate) async fn messages(&self, entries: &[&Entry]) -> Result<Vec<StoredMessage>, Failure> {
        let mut objects: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
        for entry in entries {
            objects.entry(&entry.place.object).or_default().push(&entry.place);
        }
        let reads = objects.into_iter().map(|(object, places)| self.read_places(object, places));
        let read: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENCY).try_collect().await?;
        let by_place: HashMap<Place, StoredMessage> = read.into_iter().flatten().collect();
        let mut messages = Vec::with_capacity(entries.len());
        for entry in entries {
            let message = by_place.get(&entry.place).cloned();
            let message = message.ok_or_else(|| unreadable(&entry.place))?;
            messages.push(self.with_event(message).await?);
        }
        Ok(messages)
    }

    /// The message with its event in place of a reference to it. If the event is gone, the reference stays. Then the
    /// letter can still be shown, and the stage that it is sent to says why it fails.
    async fn with_event(&self, mut message: StoredMessage) -> Result<StoredMessage, Failure> {
        let Some(claim) = ClaimCheck::read(&message.attributes, &message.body) else {
            return Ok(message);
        };
        match self.ports.claims().check_out(&claim).await {
            Ok(body) => {
                message.body = body;
                message.attributes.remove(CLAIM_ATTRIBUTE);
            }
            Err(failure) if failure.code == Code::ClaimNotFound => {
                tracing::warn!(letter = message.id.0, failure.reason = %failure.reason, "its event is gone");
            }
            Err(failure) => return Err(failure),
        }
        Ok(message)
    }

    async fn read_places(
        &self,
        object: &str,
        places: Vec<&Place>,
    ) -> Result<Vec<(Place, StoredMessage)>, Failure> {
        let mut messages = Vec::with_capacity(places.len());
        let end = places.iter().map(|place| place.offset.saturating_add(place.length)).max();
        if places.len() == 1 || end > Some(MOST_READ_WHOLE) {
            for place in places {
                let line = self.ports.objects().read_part(place).await?;
                messages.push((place.clone(), read_message(place, &line)?));
            }
            return Ok(messages);
        }
        let bytes = self.ports.objects().read(object).await?;
        for place in places {
            let line = bytes.as_deref().and_then(|bytes| {
                let from = usize::try_from(place.offset).ok()?;
                bytes.get(from..from.checked_add(usize::try_from(place.length).ok()?)?)
            });
            let line = line.ok_or_else(|| unreadable(place))?;
            messages.push((place.clone(), read_message(place, line)?));
        }
        Ok(messages)
    }
}

fn read_message(place: &Place, line: &[u8]) -> Result<StoredMessage, Failure> {
    serde_json::from_slice(line).map_err(|_| unreadable(place))
}

fn unreadable(place: &Place) -> Failure {
    let Place { object, offset, .. } = place;
    let reason = format!("no message at byte {offset} of {object}, where the index says it is");
    Failure::permanent(Code::InputNotFound, reason)
}

pub(crate) fn no_letter(id: &LetterId) -> Problem {
    Problem::unknown(format!("there is no letter `{}`; `dlq peek` shows which there are", id.0))
}
