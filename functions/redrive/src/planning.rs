//! Making plans, and reading them.

mod forgotten;

use std::collections::BTreeMap;

use contracts::Patch;
use letters::{
    BadPlan, Entry, EventAge, INGEST, Indexed, LETTERS_IN_PAGE, LetterObjects as _, MOST_LOOKED_AT,
    PLAN_FORMAT, PlanHeader, PlanId, PlannedLetter, Sample, StoredMessage,
};
use serde_json::{Value, json};

use self::forgotten::WhenForgotten;
use crate::browse::letter_view;
use crate::function::{Asker, Redrive};
use crate::listings::Cursor;
use crate::message::Treatment;
use crate::parts::parts_by_bytes;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::Planned;

/// Letters of a plan that are shown with it.
const EXAMPLES: usize = 3;

/// Which of the letters that are chosen a plan takes.
pub(crate) struct Sieve<'a> {
    pub(crate) includes: &'a dyn Fn(&Indexed) -> bool,
    /// At most so many.
    pub(crate) most: u64,
    /// A letter that no route leads back for, or that the plan's treatment does not fit, is left out; otherwise nothing
    /// is planned for it.
    pub(crate) leaves_out: bool,
}

impl Sieve<'_> {
    const ALL: Self = Self { includes: &|_| true, most: u64::MAX, leaves_out: false };
}

/// What a plan makes of a letter.
#[derive(Default)]
struct Treated {
    /// Of its event, where it says that.
    age: Option<EventAge>,
    /// As it is shown; of the first letters alone.
    change: Option<Value>,
}

/// A plan that is being written.
struct Draft {
    /// A name that no other draft has: its pages' folder.
    folder: String,
    page: Vec<u8>,
    in_page: usize,
    pages: Vec<String>,
    letters: u64,
    bytes: u64,
    left_out: u64,
    /// Those of them whose events were taken in longer ago than their keys are remembered.
    forgotten: u64,
    when_forgotten: WhenForgotten,
    by_stage: BTreeMap<String, u64>,
    by_dataset: BTreeMap<String, u64>,
    examples: Vec<Value>,
    /// What becomes of the first letters' bodies.
    changes: Vec<Value>,
    /// Those of its letters that its forecast is made by.
    sample: Sample<Entry>,
}

impl<P: Ports> Redrive<P> {
    /// Writes down which letters are meant, as they are now, and tells what will come of them. Nothing is changed by it.
    pub(crate) async fn plan(&self, asked: Planned, asker: Asker<'_>) -> Result<Value, Problem> {
        let (id, header, draft) = self.write_plan(asked, asker, &Sieve::ALL).await?;
        let forecast = self.forecast(&header, &draft.sample).await;
        let problem = forecast.as_ref().err().map(|problem| problem.detail.clone());
        Ok(json!({
            "plan": id,
            "made_at": header.made_at,
            "letters": header.letters,
            "bytes": header.bytes,
            "to": header.to,
            "stages": draft.by_stage,
            "datasets": draft.by_dataset,
            "forgotten": draft.forgotten,
            "examples": draft.examples,
            "changes": draft.changes,
            "forecast": forecast.ok(),
            "forecast_problem": problem,
        }))
    }

    pub(crate) async fn write_plan_of(
        &self,
        asked: Planned,
        asker: Asker<'_>,
    ) -> Result<(PlanId, PlanHeader), Problem> {
        let (id, header, _) = self.write_plan(asked, asker, &Sieve::ALL).await?;
        Ok((id, header))
    }

    /// A plan of those that a sieve lets through; how many letters it has, and how many were left out.
    pub(crate) async fn write_plan_of_some(
        &self,
        asked: Planned,
        asker: Asker<'_>,
        sieve: &Sieve<'_>,
    ) -> Result<(PlanId, u64, u64), Problem> {
        let (id, header, draft) = self.write_plan(asked, asker, sieve).await?;
        Ok((id, header.letters, draft.left_out))
    }

    async fn write_plan(
        &self,
        asked: Planned,
        asker: Asker<'_>,
        sieve: &Sieve<'_>,
    ) -> Result<(PlanId, PlanHeader, Draft), Problem> {
        let now = self.ports.now();
        let when_forgotten = WhenForgotten::of(&asked);
        let Planned { select, to, patch, even_if_forgotten } = asked;
        self.check_stage(to.as_deref())?;
        let treatment = treatment(to.clone(), patch.as_ref())?;
        let mut draft = Draft::new(self.ports.unique_name(), when_forgotten);
        let mut cursor = Cursor::START;
        while draft.letters < sieve.most {
            let Some(mut chosen) = self.next_chosen(&select, now, &mut cursor).await? else {
                break;
            };
            chosen.retain(sieve.includes);
            let chosen = self.young_enough(chosen, &mut draft)?;
            for part in parts_by_bytes(&chosen, |it| it.entry.place.length) {
                let fitting = self.fitting(&treatment, part, sieve, &mut draft).await?;
                let room = usize::try_from(sieve.most - draft.letters).unwrap_or(usize::MAX);
                for indexed in fitting.into_iter().take(room) {
                    draft.add(indexed)?;
                    if draft.in_page == LETTERS_IN_PAGE {
                        self.write_page(&mut draft).await?;
                    }
                }
            }
        }
        if draft.in_page > 0 {
            self.write_page(&mut draft).await?;
        }
        let header = PlanHeader {
            plan_format: PLAN_FORMAT,
            stack: self.stack.clone(),
            made_at: now,
            cut_off: now,
            by: asker.operator.arn.clone(),
            selection: select,
            to,
            patch,
            even_if_forgotten,
            folder: draft.folder.clone(),
            letters: draft.letters,
            bytes: draft.bytes,
            stages: draft.by_stage.clone(),
            datasets: draft.by_dataset.keys().cloned().collect(),
            depends_on: self.dependencies_of(&draft.by_dataset),
            pages: draft.pages.clone(),
        };
        let bytes = to_json(&header)?;
        let id = PlanId::of(&bytes, now);
        self.ports.objects().add(&id.header_key(), bytes).await?;
        Ok((id, header, draft))
    }

    /// The services that events of these datasets are enriched by, or delivered to.
    fn dependencies_of(&self, datasets: &BTreeMap<String, u64>) -> Vec<String> {
        let contracts = datasets.keys().filter_map(|dataset| self.contracts.get(dataset).ok());
        let mut names: Vec<String> =
            contracts.flat_map(contracts::Contract::dependencies).collect();
        names.sort();
        names.dedup();
        names
    }

    async fn write_page(&self, draft: &mut Draft) -> Result<(), Problem> {
        let key = page_key(&draft.folder, draft.pages.len());
        let page = std::mem::take(&mut draft.page);
        draft.in_page = 0;
        draft.pages.push(event::hex_sha256(&page));
        self.ports.objects().add(&key, page).await?;
        Ok(())
    }

    /// The letters of a part that can go as they are planned to.
    async fn fitting<'a>(
        &self,
        treatment: &Treatment,
        part: &'a [Indexed],
        sieve: &Sieve<'_>,
        draft: &mut Draft,
    ) -> Result<Vec<&'a Indexed>, Problem> {
        let entries: Vec<&Entry> = part.iter().map(|it| &it.entry).collect();
        let changes = treatment.patch.is_some() || treatment.to.is_some();
        let messages = if changes { self.messages(&entries).await? } else { Vec::new() };
        let mut messages = messages.into_iter();
        let mut fitting = Vec::with_capacity(part.len());
        for indexed in part {
            let entry = &indexed.entry;
            let is_shown = draft.changes.len() < EXAMPLES;
            let treated = self
                .treat(treatment, entry, messages.next(), is_shown)
                .and_then(|it| self.check_route(indexed, treatment.to.as_deref()).map(|()| it));
            let treated = match treated {
                Ok(treated) => treated,
                Err(_) if sieve.leaves_out => {
                    draft.left_out += 1;
                    continue;
                }
                Err(problem) => return Err(problem),
            };
            if let Some(age) = &treated.age
                && !self.is_young_enough(entry, age, draft)?
            {
                continue;
            }
            draft.changes.extend(treated.change);
            fitting.push(indexed);
        }
        Ok(fitting)
    }

    /// Treats a letter as it will be, so that a plan has none that would be refused for it. Without a message nothing is
    /// changed.
    fn treat(
        &self,
        treatment: &Treatment,
        entry: &Entry,
        message: Option<StoredMessage>,
        is_shown: bool,
    ) -> Result<Treated, Problem> {
        let Some(message) = message else { return Ok(Treated::default()) };
        let before = self.masked(&message, &message.stage, entry);
        let treated = treatment.treated(message, &self.contracts);
        let (stage, after) = treated.map_err(|error| {
            let detail = format!("letter `{}`: {error}; nothing was planned", entry.id.0);
            Problem::new(ProblemKind::Illegal, detail)
        })?;
        let age = EventAge::of_message(&stage, &after);
        let change = is_shown.then(|| {
            let after = self.masked(&after, &stage, entry);
            json!({ "letter": entry.id, "to": stage, "before": before, "after": after })
        });
        Ok(Treated { age, change })
    }

    /// Whether letters can go there; to no stage that is named, each goes back to where it failed.
    pub(crate) fn check_stage(&self, to: Option<&str>) -> Result<(), Problem> {
        let Some(stage) = to.filter(|stage| !self.routes.contains_key(*stage)) else {
            return Ok(());
        };
        let known = self.routes.keys().cloned().collect::<Vec<_>>().join(", ");
        Err(Problem::unknown(format!("no stage `{stage}`; there are: {known}")))
    }

    /// A letter goes only where this stack's routes lead, and from a FIFO queue only to another.
    fn check_route(&self, indexed: &Indexed, to: Option<&str>) -> Result<(), Problem> {
        let from = indexed.entry.stage.as_str();
        let id = &indexed.entry.id.0;
        let Some(own) = self.routes.get(from) else {
            let detail = format!(
                "letter `{id}` is of the stage `{from}`, which this stack has not; give --to"
            );
            return if to.is_some() {
                Ok(())
            } else {
                Err(Problem::new(ProblemKind::Illegal, detail))
            };
        };
        if from == INGEST && to.is_some_and(|to| to != INGEST) {
            let detail = format!("letter `{id}` was never taken in: it can only go to `{INGEST}`");
            return Err(Problem::new(ProblemKind::Illegal, detail));
        }
        let target = to.and_then(|to| self.routes.get(to)).unwrap_or(own);
        let is_fifo = |queue: &str| queue.ends_with(".fifo");
        if is_fifo(&own.queue) && !is_fifo(&target.queue) {
            let detail = format!(
                "letter `{id}` is of a FIFO queue, and would lose its order in the standard queue of `{}`",
                to.unwrap_or(from)
            );
            return Err(Problem::new(ProblemKind::Illegal, detail));
        }
        Ok(())
    }

    /// The header of a plan, if it can be used here.
    pub(crate) async fn read_plan(&self, id: &PlanId) -> Result<PlanHeader, Problem> {
        let unknown = || Problem::from(BadPlan::Unknown(id.0.clone()));
        if !id.is_well_formed() {
            return Err(unknown());
        }
        let bytes = self.ports.objects().read(&id.header_key()).await?.ok_or_else(unknown)?;
        Ok(PlanHeader::read(id, &bytes, &self.stack)?)
    }

    /// The letters of one of its pages.
    pub(crate) async fn read_page(
        &self,
        id: &PlanId,
        header: &PlanHeader,
        page: usize,
    ) -> Result<Vec<PlannedLetter>, Problem> {
        let changed = || Problem::from(BadPlan::Changed(id.0.clone()));
        let key = page_key(&header.folder, page);
        let bytes = self.ports.objects().read(&key).await?.ok_or_else(changed)?;
        Ok(header.read_page(id, page, &bytes)?)
    }
}

/// What a plan does to its letters.
///
/// # Errors
/// When the patch is none.
pub(crate) fn treatment(to: Option<String>, patch: Option<&Value>) -> Result<Treatment, Problem> {
    let patch = patch.map(Patch::parse).transpose();
    let patch = patch.map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(Treatment { patch, to })
}

fn page_key(folder: &str, page: usize) -> String {
    format!("plans/{folder}/{page:06}.ndjson")
}

fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| Problem::new(ProblemKind::Away, error.to_string()))
}

impl Draft {
    fn new(folder: String, when_forgotten: WhenForgotten) -> Self {
        Self {
            folder,
            page: Vec::new(),
            in_page: 0,
            pages: Vec::new(),
            letters: 0,
            bytes: 0,
            left_out: 0,
            forgotten: 0,
            when_forgotten,
            by_stage: BTreeMap::new(),
            by_dataset: BTreeMap::new(),
            examples: Vec::new(),
            changes: Vec::new(),
            sample: Sample::of_at_most(MOST_LOOKED_AT),
        }
    }

    fn add(&mut self, indexed: &Indexed) -> Result<(), Problem> {
        let Indexed { entry, letter } = indexed;
        let planned = PlannedLetter { id: entry.id.clone(), version: letter.version };
        self.page.extend(to_json(&planned)?);
        self.page.push(b'\n');
        self.in_page += 1;
        self.sample.offer(&entry.id, entry);
        self.letters += 1;
        self.bytes += entry.bytes;
        *self.by_stage.entry(entry.stage.clone()).or_default() += 1;
        if let Some(dataset) = &entry.dataset {
            *self.by_dataset.entry(dataset.clone()).or_default() += 1;
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(letter_view(indexed));
        }
        Ok(())
    }
}
