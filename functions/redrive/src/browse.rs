//! Shows the letter store to operators.

use std::collections::{BTreeMap, BTreeSet};

use aws::QueueDepth;
use event::Timestamp;
use letters::{
    BodyKind, Entry, Groups, Indexed, LetterIndex as _, LetterStateName, Selection, StoredMessage,
    mask_body,
};
use runtime::{AuditSubject, MAX_BATCH_BYTES};
use serde::Serialize;
use serde_json::{Value, json};

use crate::function::{Asker, Redrive};
use crate::listings::{Cursor, no_letter};
use crate::ports::Ports;
use crate::problem::Problem;
use crate::request::{PageOf, Shown, check_reason};

/// The letters of a page if the request does not say how many, and the most that it may ask for.
const LETTERS: usize = 50;
const MOST_LETTERS: usize = 1_000;

/// The most bytes of messages that are read for one page.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The most bytes that the letters of a page take in an answer. They count as a string within another JSON document, as
/// which a function's URL is answered. Lambda limits an answer to 6 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MOST_ANSWERED: usize = 5 * 1024 * 1024;

/// The letters of one stage.
#[derive(Clone, Debug, Default, Serialize)]
struct StageView {
    /// The number of letters in each state.
    letters: BTreeMap<&'static str, u64>,
    /// The number of groups of the dead letters.
    groups: usize,
    /// The earliest and the latest time at which a dead letter has failed last.
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// The approximate number of messages in the dead-letter queue, which are not collected yet; `None` if it is not
    /// known.
    queued: Option<u64>,
    /// The approximate number of messages in the stage's queue; `None` if it is not known.
    waiting: Option<u64>,
}

impl<P: Ports> Redrive<P> {
    /// The letters and the queues of each stage, and who has halted the rules of contracts, if somebody has.
    pub(crate) async fn list(&self) -> Result<Value, Problem> {
        let now = self.ports.now();
        let mut stages: BTreeMap<String, StageView> = BTreeMap::new();
        for (stage, route) in &self.routes {
            let view = StageView {
                queued: self.ports.depth(&route.dlq).await.ok().map(all_messages),
                waiting: self.ports.depth(&route.queue).await.ok().map(all_messages),
                ..StageView::default()
            };
            stages.insert(stage.clone(), view);
        }
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
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

    /// The groups of letters by their cause, each with its note.
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
        let all_views: Vec<Value> = letters.iter().map(letter_view).collect();
        let (views, next) = fit_answer(all_views, &letters, next);
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
                // The next page begins after the last letter of this one.
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

    /// One letter with its state and its message.
    pub(crate) async fn show(&self, asked: &Shown, asker: Asker<'_>) -> Result<Value, Problem> {
        let found = self.ports.index().read(std::slice::from_ref(&asked.letter)).await?;
        let indexed = found.into_iter().flatten().next().ok_or_else(|| no_letter(&asked.letter))?;
        self.check_reveal(asked.reveal.as_deref(), "show", &asked.letter.0, asker).await?;
        let messages = self.messages(&[&indexed.entry]).await?;
        let mut view = letter_view(&indexed);
        view["message"] = messages
            .first()
            .map(|message| self.message_view(message, &indexed.entry, asked.reveal.is_some()))
            .into();
        Ok(json!({ "at": self.ports.now(), "letter": view }))
    }

    /// A page of letters with their messages, as many as an answer has room for.
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
        let (views, next) = fit_answer(views, &letters, next);
        Ok(json!({ "at": self.ports.now(), "letters": views, "next": next }))
    }

    /// If personal data are to be shown, checks the reason, and records it in the audit log first.
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
        self.note_in_audit(
            &act,
            AuditSubject { kind: "letter", name: what },
            why,
            json!(null),
            asker,
        )
        .await
    }

    fn message_view(&self, message: &StoredMessage, entry: &Entry, is_revealed: bool) -> Value {
        let body = match is_revealed {
            true => shown(message.body.clone()),
            false => self.masked(message, &message.stage, entry),
        };
        json!({
            "message_id": message.message_id,
            "body": body,
            "bytes": message.body.len(),
            "attributes": message.attributes,
            "group": message.group,
            "sent_at": message.sent_at,
            "receive_count": message.receive_count,
            "moved_from": message.moved_from,
        })
    }

    /// The body of a message, without the members that its contract calls personal, and cut if an answer has no room for
    /// it.
    pub(crate) fn masked(&self, message: &StoredMessage, stage: &str, entry: &Entry) -> String {
        let kind = BodyKind::of_stage(stage);
        shown(mask_body(&message.body, kind, entry.dataset.as_deref(), &self.contracts))
    }
}

/// The beginning of a body, followed by `…` if it is not the whole. An answer has room for a message of SQS, and not for
/// every event that is kept in the archive bucket.
fn shown(mut body: String) -> String {
    if body.len() > MAX_BATCH_BYTES {
        body.truncate(body.floor_char_boundary(MAX_BATCH_BYTES));
        body.push('…');
    }
    body
}

/// Shortens a page to the letters whose messages can be read for one page. Returns the cursor of the next page, if
/// letters were removed.
pub(crate) fn shorten(letters: &mut Vec<Indexed>) -> Option<String> {
    let (mut bytes, mut fitting) = (0_u64, 0);
    for Indexed { entry, .. } in letters.iter() {
        let original = entry.original.as_ref().map_or(0, |_| entry.held_bytes());
        bytes = bytes.saturating_add(entry.held_bytes()).saturating_add(original);
        if bytes > MOST_BYTES {
            break;
        }
        fitting += 1;
    }
    let kept = fitting.max(1);
    if kept >= letters.len() {
        return None;
    }
    letters.truncate(kept);
    letters.last().map(cursor_after)
}

/// The messages of a queue in all states.
fn all_messages(depth: QueueDepth) -> u64 {
    depth.waiting + depth.hidden + depth.delayed
}

/// The cursor of the page that begins after a letter.
fn cursor_after(last: &Indexed) -> String {
    Cursor { shard: last.entry.id.shard(), after: Some(position(last)) }.text()
}

/// Shortens the views of letters to those that an answer has room for, which is at least one. Returns them with the
/// cursor of the next page.
fn fit_answer(
    mut views: Vec<Value>,
    letters: &[Indexed],
    next: Option<String>,
) -> (Vec<Value>, Option<String>) {
    let (mut bytes, mut fitting) = (0, 0);
    for view in &views {
        let json = view.to_string();
        let escapes = json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        bytes += json.len() + escapes;
        if bytes > MOST_ANSWERED {
            break;
        }
        fitting += 1;
    }
    let kept = fitting.max(1);
    if kept >= views.len() {
        return (views, next);
    }
    views.truncate(kept);
    (views, letters.get(kept - 1).map(cursor_after))
}

fn position(indexed: &Indexed) -> letters::PagePosition {
    letters::PagePosition { sort_key: indexed.entry.sort_key(), id: indexed.entry.id.clone() }
}

/// A letter's entry and its state, as they are shown.
pub(crate) fn letter_view(indexed: &Indexed) -> Value {
    let Indexed { entry, letter } = indexed;
    let mut view = json!(entry);
    view["state"] = json!(letter.state.name());
    view["version"] = json!(letter.version);
    view["runs"] = json!(letter.runs);
    view
}
