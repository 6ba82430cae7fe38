//! What operators see of the store.

use std::collections::BTreeMap;

use event::Timestamp;
use letters::{
    BodyKind, Entry, Groups, Indexed, LetterIndex as _, LetterStateName, Selection, StoredMessage,
    mask_body,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::function::{Asker, Redrive};
use crate::listings::{Cursor, no_letter};
use crate::ports::Ports;
use crate::problem::Problem;
use crate::request::{PageOf, Shown, check_reason};

/// Letters of a page, if it is not said how many, and at most.
const LETTERS: usize = 50;
const MOST_LETTERS: usize = 1_000;

/// What is read of messages for one page, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What the letters of a page may have in an answer, in bytes, as a text within another JSON document, which is how a
/// function's URL is answered. Lambda answers with 6 MB at most:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MOST_ANSWERED: usize = 5 * 1024 * 1024;

/// The letters of one stage.
#[derive(Clone, Debug, Default, Serialize)]
struct StageView {
    /// Letters by their state.
    letters: BTreeMap<&'static str, u64>,
    /// Groups of those that are dead.
    groups: usize,
    /// When the first and the last of those that are dead have failed last.
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// About how many messages are in the dead-letter queue, and not collected yet; `None`: not known.
    queued: Option<u64>,
    /// About how many messages the stage has before it.
    waiting: Option<u64>,
}

impl<P: Ports> Redrive<P> {
    /// Each stage's letters, and its queues; who has halted the rules of contracts, if somebody has.
    pub(crate) async fn list(&self) -> Result<Value, Problem> {
        let now = self.ports.now();
        let mut stages: BTreeMap<String, StageView> = BTreeMap::new();
        for (stage, route) in &self.routes {
            let sum = |depth: aws::QueueDepth| depth.waiting + depth.hidden + depth.delayed;
            let view = StageView {
                queued: self.ports.depth(&route.dlq).await.ok().map(sum),
                waiting: self.ports.depth(&route.queue).await.ok().map(sum),
                ..StageView::default()
            };
            stages.insert(stage.clone(), view);
        }
        let mut groups: BTreeMap<String, std::collections::BTreeSet<String>> = BTreeMap::new();
        for shelf in LetterStateName::ALL {
            let select = Selection { state: Some(shelf), ..Selection::default() };
            let mut cursor = Cursor::START;
            while let Some(letters) = self.next_chosen(&select, now, &mut cursor).await? {
                for Indexed { entry, .. } in &letters {
                    let view = stages.entry(entry.stage.clone()).or_default();
                    *view.letters.entry(shelf.name()).or_default() += 1;
                    if shelf == LetterStateName::Dead {
                        let at = entry.last_failed_at;
                        view.oldest = Some(view.oldest.map_or(at, |oldest| oldest.min(at)));
                        view.newest = Some(view.newest.map_or(at, |newest| newest.max(at)));
                        let group = entry.group.as_str().to_owned();
                        groups.entry(entry.stage.clone()).or_default().insert(group);
                    }
                }
            }
        }
        for (stage, groups) in groups {
            stages.entry(stage).or_default().groups = groups.len();
        }
        let halted = self.control().await?.halt;
        Ok(json!({ "at": now, "stages": stages, "triage": { "halted": halted } }))
    }

    /// Letters by what failed, each group with what was said of it.
    pub(crate) async fn groups(&self, select: &Selection) -> Result<Value, Problem> {
        let now = self.ports.now();
        let (mut groups, mut letters, mut cursor) = (Groups::default(), 0_u64, Cursor::START);
        while let Some(chosen) = self.next_chosen(select, now, &mut cursor).await? {
            for indexed in &chosen {
                groups.count(indexed);
                letters += 1;
            }
        }
        let groups = self.with_notes(&groups.ranked(), select, now).await?;
        Ok(json!({ "at": now, "state": select.shelf(), "letters": letters, "groups": groups }))
    }

    pub(crate) async fn letters(&self, asked: &PageOf) -> Result<Value, Problem> {
        let (letters, next) = self.page(asked).await?;
        let views: Vec<Value> = letters.iter().map(letter_view).collect();
        let (views, next) = answered(views, &letters, next);
        Ok(json!({ "at": self.ports.now(), "letters": views, "next": next }))
    }

    /// A page of letters, and where the next one begins.
    pub(crate) async fn page(
        &self,
        asked: &PageOf,
    ) -> Result<(Vec<Indexed>, Option<String>), Problem> {
        let limit = asked.limit.unwrap_or(LETTERS);
        if !(1..=MOST_LETTERS).contains(&limit) {
            return Err(Problem::malformed(format!(
                "`limit` is {limit}; expected 1 to {MOST_LETTERS}"
            )));
        }
        let mut cursor = match &asked.after {
            Some(text) => Cursor::read(text)?,
            None => Cursor::START,
        };
        let now = self.ports.now();
        let mut page: Vec<Indexed> = Vec::new();
        loop {
            let before = cursor.clone();
            let Some(chosen) = self.next_chosen(&asked.select, now, &mut cursor).await? else {
                return Ok((page, None));
            };
            let room = limit - page.len();
            if chosen.len() > room {
                // Goes on behind the last one that is shown.
                page.extend(chosen.into_iter().take(room));
                let shard = before.shard;
                let after = page.last().map(position);
                return Ok((page, Some(Cursor { shard, after }.text())));
            }
            page.extend(chosen);
            if page.len() == limit {
                return Ok((page, Some(cursor.text())));
            }
        }
    }

    /// One letter: what is known of it, its life, and its message.
    pub(crate) async fn show(&self, asked: &Shown, asker: Asker<'_>) -> Result<Value, Problem> {
        let found = self.ports.index().read(std::slice::from_ref(&asked.letter)).await?;
        let indexed = found.into_iter().flatten().next();
        let indexed = indexed.ok_or_else(|| no_letter(&asked.letter))?;
        self.check_reveal(asked.reveal.as_deref(), "show", &asked.letter.0, asker).await?;
        let messages = self.messages(&[&indexed.entry]).await?;
        let mut view = letter_view(&indexed);
        view["message"] = messages
            .first()
            .map(|message| self.message_view(message, &indexed.entry, asked.reveal.is_some()))
            .into();
        Ok(json!({ "at": self.ports.now(), "letter": view }))
    }

    /// Letters with their messages, as much as an answer has room for.
    pub(crate) async fn export(&self, asked: &PageOf, asker: Asker<'_>) -> Result<Value, Problem> {
        let is_first = asked.after.is_none();
        if is_first {
            self.check_reveal(asked.reveal.as_deref(), "export", "letters", asker).await?;
        }
        let (mut letters, mut next) = self.page(asked).await?;
        if let Some(cursor) = shorten(&mut letters) {
            next = Some(cursor);
        }
        let entries: Vec<_> = letters.iter().map(|it| &it.entry).collect();
        let messages = self.messages(&entries).await?;
        let mut views = Vec::with_capacity(letters.len());
        for (indexed, message) in letters.iter().zip(&messages) {
            let mut view = letter_view(indexed);
            view["message"] = self.message_view(message, &indexed.entry, asked.reveal.is_some());
            views.push(view);
        }
        let (views, next) = answered(views, &letters, next);
        Ok(json!({ "at": self.ports.now(), "letters": views, "next": next }))
    }

    /// Personal data are shown for a reason, and that is written down first.
    async fn check_reveal(
        &self,
        reveal: Option<&str>,
        act: &str,
        what: &str,
        asker: Asker<'_>,
    ) -> Result<(), Problem> {
        let Some(why) = reveal else { return Ok(()) };
        let why = check_reason(why)?;
        let act = format!("{act}-revealed");
        self.note_in_audit(&act, ("letter", what), why, json!(null), asker).await
    }

    fn message_view(&self, message: &StoredMessage, entry: &Entry, is_revealed: bool) -> Value {
        let body = match is_revealed {
            true => message.body.clone(),
            false => self.masked(message, &message.stage, entry),
        };
        json!({
            "message_id": message.message_id,
            "body": body,
            "attributes": message.attributes,
            "group": message.group,
            "sent_at": message.sent_at,
            "receive_count": message.receive_count,
            "moved_from": message.moved_from,
        })
    }

    /// The body, without what its contract calls personal.
    pub(crate) fn masked(&self, message: &StoredMessage, stage: &str, entry: &Entry) -> String {
        let kind = BodyKind::of_stage(stage);
        mask_body(&message.body, kind, entry.dataset.as_deref(), &self.contracts)
    }
}

/// Leaves out the last letters of a page, as many as have more bytes than are read for one, and answers where the next
/// page begins then.
pub(crate) fn shorten(letters: &mut Vec<Indexed>) -> Option<String> {
    let mut bytes: u64 = 0;
    let fits = letters.iter().take_while(|it| {
        let original = it.entry.original.as_ref().map_or(0, |place| place.length);
        bytes = bytes.saturating_add(it.entry.place.length).saturating_add(original);
        bytes <= MOST_BYTES
    });
    let fits = fits.count().max(1);
    if fits >= letters.len() {
        return None;
    }
    letters.truncate(fits);
    letters.last().map(behind)
}

/// Where the page behind a letter begins.
fn behind(last: &Indexed) -> String {
    Cursor { shard: last.entry.id.shard(), after: Some(position(last)) }.text()
}

/// As many of the views of these letters as an answer has room for, one at least, and where the next page begins.
fn answered(
    mut views: Vec<Value>,
    letters: &[Indexed],
    next: Option<String>,
) -> (Vec<Value>, Option<String>) {
    let mut bytes = 0;
    let fits = views.iter().take_while(|view| {
        let json = view.to_string();
        let escapes = json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        bytes += json.len() + escapes;
        bytes <= MOST_ANSWERED
    });
    let fits = fits.count().max(1);
    if fits >= views.len() {
        return (views, next);
    }
    views.truncate(fits);
    (views, letters.get(fits - 1).map(behind))
}

fn position(indexed: &Indexed) -> letters::PagePosition {
    letters::PagePosition { sort_key: indexed.entry.sort_key(), id: indexed.entry.id.clone() }
}

/// What is known of a letter, and where it is in its life.
pub(crate) fn letter_view(indexed: &Indexed) -> Value {
    let Indexed { entry, letter } = indexed;
    let mut view = json!(entry);
    view["state"] = json!(letter.state.name());
    view["version"] = json!(letter.version);
    view["runs"] = json!(letter.runs);
    view
}
