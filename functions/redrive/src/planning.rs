//! Writes and reads plans.

mod forgotten;

use std::collections::BTreeMap;

use letters::{
    BadPlan, Entry, EventAge, Fix, INGEST, Indexed, LETTERS_IN_PAGE, LetterObjects as _,
    MOST_LOOKED_AT, PLAN_FORMAT, PlanHeader, PlanId, PlannedLetter, Sample, StoredMessage,
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

/// The number of letters that are shown with a plan.
const EXAMPLES: usize = 3;

/// Which of the selected letters a plan includes.
pub(crate) struct Sieve<'a> {
    pub(crate) includes: &'a dyn Fn(&Indexed) -> bool,
    /// The most letters of the plan.
    pub(crate) most: u64,
    /// Whether letters are left out that have no route back or that the plan's treatment does not fit. Otherwise such a
    /// letter makes the whole plan fail.
    pub(crate) leaves_out: bool,
}

impl Sieve<'_> {
    const ALL: Self = Self { includes: &|_| true, most: u64::MAX, leaves_out: false };
}

/// A plan of some of the selected letters.
pub(crate) struct PartialPlan {
    pub(crate) id: PlanId,
    /// The number of its letters.
    pub(crate) letters: u64,
    /// The number of letters that it leaves out, since they cannot be sent as planned.
    pub(crate) left_out: u64,
}

/// What a plan needs to know of a letter after its treatment.
#[derive(Default)]
struct Treated {
    /// The age of its event, if the message says it.
    age: Option<EventAge>,
    /// The change of its body as it is shown, for the first letters only.
    change: Option<Value>,
}

/// A plan that is being written.
struct Draft {
    /// The folder of its pages, whose name no other draft has.
    folder: String,
    page: Vec<u8>,
    in_page: usize,
    pages: Vec<String>,
    letters: u64,
    bytes: u64,
    left_out: u64,
    /// The letters left out because their events were taken in longer ago than their keys are remembered.
    forgotten: u64,
    when_forgotten: WhenForgotten,
    by_stage: BTreeMap<String, u64>,
    by_dataset: BTreeMap<String, u64>,
    examples: Vec<Value>,
    /// How the bodies of the first letters change.
    changes: Vec<Value>,
    /// The letters that the forecast is made from.
    sample: Sample<Entry>,
}

impl<P: Ports> Redrive<P> {
    /// Writes a plan of the selected letters in their current versions, and forecasts its outcome. This changes no
    /// letter.
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

    /// Writes a plan of the letters that a sieve includes.
    pub(crate) async fn write_plan_of_some(
        &self,
        asked: Planned,
        asker: Asker<'_>,
        sieve: &Sieve<'_>,
    ) -> Result<PartialPlan, Problem> {
        let (id, header, draft) = self.write_plan(asked, asker, sieve).await?;
        Ok(PartialPlan { id, letters: header.letters, left_out: draft.left_out })
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
            let young = self.young_enough(chosen, &mut draft)?;
            for part in parts_by_bytes(&young, |it| it.entry.held_bytes()) {
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

    /// The names of the services that the contracts of these datasets depend on, sorted.
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

    /// The letters of a part that can be sent as planned.
    async fn fitting<'a>(
        &self,
        treatment: &Treatment,
        part: &'a [Indexed],
        sieve: &Sieve<'_>,
        draft: &mut Draft,
    ) -> Result<Vec<&'a Indexed>, Problem> {
        let entries: Vec<&Entry> = part.iter().map(|it| &it.entry).collect();
        let changes = treatment.fix.is_some() || treatment.to.is_some();
        let read = if changes { self.messages(&entries).await? } else { Vec::new() };
        let mut messages = read.into_iter();
        let mut fitting = Vec::with_capacity(part.len());
        for indexed in part {
            let entry = &indexed.entry;
            let is_shown = draft.changes.len() < EXAMPLES;
            let checked = self
                .treat(treatment, entry, messages.next(), is_shown)
                .and_then(|it| self.check_route(indexed, treatment.to.as_deref()).map(|()| it));
            let treated = match checked {
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

    /// Applies the treatment to a letter, so that a plan includes no letter that would be refused. Without a message,
    /// nothing is changed.
    fn treat(
        &self,
        treatment: &Treatment,
        entry: &Entry,
        message: Option<StoredMessage>,
        is_shown: bool,
    ) -> Result<Treated, Problem> {
        let Some(message) = message else { return Ok(Treated::default()) };
        let before = self.masked(&message, &message.stage, entry);
        let (stage, after) = treatment.apply(message, &self.contracts).map_err(|error| {
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

    /// Refuses a stage that this stack has no route to. `None` stands for the stage at which each letter failed.
    pub(crate) fn check_stage(&self, to: Option<&str>) -> Result<(), Problem> {
        let Some(stage) = to.filter(|stage| !self.routes.contains_key(*stage)) else {
            return Ok(());
        };
        let known = self.routes.keys().cloned().collect::<Vec<_>>().join(", ");
        Err(Problem::unknown(format!("no stage `{stage}`; there are: {known}")))
    }

    /// Refuses a letter that cannot go to the stage: it needs a route of this stack, and a letter of a FIFO queue needs
    /// another FIFO queue.
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
        if own.queue.ends_with(".fifo") && !target.queue.ends_with(".fifo") {
            let detail = format!(
                "letter `{id}` is of a FIFO queue, and would lose its order in the standard queue of `{}`",
                to.unwrap_or(from)
            );
            return Err(Problem::new(ProblemKind::Illegal, detail));
        }
        Ok(())
    }

    /// The header of a plan, if this stack can use the plan.
    pub(crate) async fn read_plan(&self, id: &PlanId) -> Result<PlanHeader, Problem> {
        let found = match id.is_well_formed() {
            true => self.ports.objects().read(&id.header_key()).await?,
            false => None,
        };
        let bytes = found.ok_or_else(|| BadPlan::Unknown(id.0.clone()))?;
        Ok(PlanHeader::read(id, &bytes, &self.stack)?)
    }

    /// The letters of one page of a plan.
    pub(crate) async fn read_page(
        &self,
        id: &PlanId,
        header: &PlanHeader,
        page: usize,
    ) -> Result<Vec<PlannedLetter>, Problem> {
        let key = page_key(&header.folder, page);
        let found = self.ports.objects().read(&key).await?;
        let bytes = found.ok_or_else(|| BadPlan::Changed(id.0.clone()))?;
        Ok(header.read_page(id, page, &bytes)?)
    }
}

/// The treatment of a plan's letters.
///
/// # Errors
/// When `patch` is neither a JSON Patch nor `newest-version`.
pub(crate) fn treatment(to: Option<String>, patch: Option<&Value>) -> Result<Treatment, Problem> {
    let fix =
        patch.map(Fix::parse).transpose().map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(Treatment { fix, to })
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
