//! Forecasts the outcome of a plan, from its letters' messages and from what sinks have now.

use event::Code;
use letters::{
    Coming, Entry, EventAge, Evidence as _, FixError, Forecast, Pace, PlanHeader, Questions,
    Sample, StoredMessage,
};

use crate::function::Redrive;
use crate::message::Treatment;
use crate::parts::parts_by_bytes;
use crate::planning::treatment;
use crate::ports::Ports;
use crate::problem::Problem;

impl<P: Ports> Redrive<P> {
    /// Forecasts the outcome of a plan's letters, by a sample of them.
    ///
    /// # Errors
    /// When the store or the table of a sink does not answer.
    pub(crate) async fn forecast(
        &self,
        header: &PlanHeader,
        sample: &Sample<Entry>,
    ) -> Result<Forecast, Problem> {
        let treatment = treatment(header.to.clone(), header.patch.as_ref())?;
        let entries: Vec<&Entry> = sample.letters().collect();
        let mut coming = Vec::with_capacity(entries.len());
        for entries in parts_by_bytes(&entries, |entry| entry.held_bytes()) {
            for message in self.messages(entries).await? {
                coming.push(self.coming(&treatment, message, header));
            }
        }
        let questions = Questions::about(&coming);
        let proofs = self.ports.evidence().find(&questions.proofs).await?;
        let rows = self.ports.evidence().find_rows(&questions.rows).await?;
        let findings = questions.into_findings(proofs, rows);
        let now = self.ports.now();
        Ok(Forecast::of(header.letters, &coming, &findings, &Pace::default(), now))
    }

    /// What a letter's message will be to the stage that it is sent to. If that stage will refuse it, and this can be
    /// known here, the answer is the code of the refusal.
    fn coming(&self, treatment: &Treatment, message: StoredMessage, header: &PlanHeader) -> Coming {
        match treatment.apply(message, &self.contracts) {
            Ok((stage, message)) => {
                let age = EventAge::of_message(&stage, &message);
                if !header.even_if_forgotten && age.is_some_and(|age| self.is_forgotten(&age)) {
                    return Coming::Refused(Code::Forgotten);
                }
                Coming::of_message(&stage, &message.body, &message.attributes, &self.contracts)
            }
            Err(error) => Coming::Refused(code_of(&error)),
        }
    }
}

fn code_of(error: &FixError) -> Code {
    match error {
        FixError::Unreadable(failure) | FixError::Refused(failure) => failure.code,
        FixError::NoPayload(_) | FixError::Patch(_) | FixError::Version(_) => {
            Code::ContractViolation
        }
        FixError::TooLarge { .. } => Code::SizeExceeded,
    }
}
