//! A snapshot as lines of JSON, one for each part, so that neither way needs all of it at once.

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::form::{AttemptForm, DuplicateForm, MessageForm, TaskForm};
use super::{Head, KeptQueue, Snapshot, Unreadable};
use crate::attributes::Attributes;
use crate::fifo::FifoMemory;

/// What follows a `Queue` belongs to it, until the next one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Service {
        queues_made: u64,
    },
    Task(TaskForm),
    Queue(Cow<'a, Head>),
    Fifo {
        next_sequence_number: u64,
        turns: Vec<String>,
    },
    Duplicate(DuplicateForm),
    Attempt(AttemptForm),
    #[serde(borrow)]
    Message(MessageForm<'a>),
}

impl Snapshot {
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        put(to, &Line::Service { queues_made: self.queues_made })?;
        for task in &self.tasks {
            put(to, &Line::Task(TaskForm::of(task)))?;
        }
        for kept in &self.queues {
            put(to, &Line::Queue(Cow::Borrowed(&kept.head)))?;
            if let Some(fifo) = &kept.fifo {
                let next_sequence_number = fifo.next_sequence_number;
                let turns = fifo.turns.iter().map(|group| group.to_string()).collect();
                put(to, &Line::Fifo { next_sequence_number, turns })?;
                for each in &fifo.duplicates {
                    put(to, &Line::Duplicate(DuplicateForm::of(each)))?;
                }
                for each in &fifo.attempts {
                    put(to, &Line::Attempt(AttemptForm::of(each)))?;
                }
            }
            for (number, message) in &kept.messages {
                put(to, &Line::Message(MessageForm::of(*number, message)))?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Unreadable`], with the line.
    pub fn read(mut from: impl BufRead) -> Result<Self, Unreadable> {
        let mut snapshot = Self::default();
        let mut text = String::new();
        for line in 1.. {
            text.clear();
            if from.read_line(&mut text)? == 0 {
                break;
            }
            let read = serde_json::from_str(&text).map_err(|error| error.to_string());
            read.and_then(|read| snapshot.add(read))
                .map_err(|reason| Unreadable::Line { line, reason })?;
        }
        Ok(snapshot)
    }

    fn add(&mut self, line: Line<'_>) -> Result<(), String> {
        const ORPHAN: &str = "it belongs to a queue, and follows none";
        const ORPHAN_OF_FIFO: &str = "it belongs to a FIFO queue, and follows none";
        let queue = self.queues.last_mut();
        match line {
            Line::Service { queues_made } => self.queues_made = queues_made,
            Line::Task(form) => self.tasks.push(form.task()?),
            Line::Queue(head) => {
                let (messages, fifo) = (Vec::new(), None);
                let head = head.into_owned();
                let is_fifo = head.attributes.get("FifoQueue").is_some_and(|text| text == "true");
                let attributes = Attributes::defaults(is_fifo).with(&head.attributes);
                let attributes = attributes.map_err(|fault| fault.message)?;
                self.queues.push(KeptQueue { head, attributes, changes: 0, messages, fifo });
            }
            Line::Fifo { next_sequence_number, turns } => {
                let turns = turns.into_iter().map(Arc::from).collect();
                let (duplicates, attempts) = (Vec::new(), Vec::new());
                queue.ok_or(ORPHAN)?.fifo =
                    Some(FifoMemory { next_sequence_number, turns, duplicates, attempts });
            }
            Line::Duplicate(form) => {
                let fifo = queue.and_then(|queue| queue.fifo.as_mut()).ok_or(ORPHAN_OF_FIFO)?;
                fifo.duplicates.push(form.duplicate());
            }
            Line::Attempt(form) => {
                let fifo = queue.and_then(|queue| queue.fifo.as_mut()).ok_or(ORPHAN_OF_FIFO)?;
                fifo.attempts.push(form.attempt());
            }
            Line::Message(form) => queue.ok_or(ORPHAN)?.messages.push(form.message()?),
        }
        Ok(())
    }
}

fn put(to: &mut impl Write, line: &Line<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
