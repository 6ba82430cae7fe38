//! Reads and writes a snapshot as lines of JSON, one for each part, so that the text is never in memory
//! as a whole.

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::form::{AttemptForm, DuplicateForm, MessageForm, TaskForm};
use super::{QueueHeader, QueueSnapshot, Snapshot, SnapshotError};
use crate::attributes::Attributes;
use crate::fifo::FifoSnapshot;

/// One line of a snapshot. The lines that follow a `Queue` belong to that queue.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Service {
        #[serde(rename = "queues_made")]
        queues_created: u64,
    },
    Task(TaskForm),
    Queue(Cow<'a, QueueHeader>),
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
    /// Writes the snapshot as lines of JSON.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        put(to, &Line::Service { queues_created: self.queues_created })?;
        for task in &self.tasks {
            put(to, &Line::Task(TaskForm::of(task)))?;
        }
        for queue in &self.queues {
            put(to, &Line::Queue(Cow::Borrowed(&queue.header)))?;
            if let Some(fifo) = &queue.fifo {
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
            for (number, message) in &queue.messages {
                put(to, &Line::Message(MessageForm::of(*number, message)))?;
            }
        }
        Ok(())
    }

    /// Reads a snapshot that [`Snapshot::write`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError`], which names the line.
    pub fn read(mut from: impl BufRead) -> Result<Self, SnapshotError> {
        let mut snapshot = Self::default();
        let mut text = String::new();
        for line in 1.. {
            text.clear();
            if from.read_line(&mut text)? == 0 {
                break;
            }
            let read = serde_json::from_str(&text).map_err(|error| error.to_string());
            read.and_then(|read| snapshot.add(read))
                .map_err(|reason| SnapshotError::Line { line, reason })?;
        }
        Ok(snapshot)
    }

    fn add(&mut self, line: Line<'_>) -> Result<(), String> {
        const NO_QUEUE: &str = "it belongs to a queue but does not follow one";
        const NO_FIFO_QUEUE: &str = "it belongs to a FIFO queue but does not follow one";
        let queue = self.queues.last_mut();
        match line {
            Line::Service { queues_created } => self.queues_created = queues_created,
            Line::Task(form) => self.tasks.push(form.task()?),
            Line::Queue(header) => {
                let (messages, fifo) = (Vec::new(), None);
                let header = header.into_owned();
                let is_fifo = header.attributes.get("FifoQueue").is_some_and(|text| text == "true");
                let attributes = Attributes::defaults(is_fifo).with_changes(&header.attributes);
                let attributes = attributes.map_err(|fault| fault.message)?;
                self.queues.push(QueueSnapshot { header, attributes, changes: 0, messages, fifo });
            }
            Line::Fifo { next_sequence_number, turns } => {
                let turns = turns.into_iter().map(Arc::from).collect();
                let (duplicates, attempts) = (Vec::new(), Vec::new());
                queue.ok_or(NO_QUEUE)?.fifo =
                    Some(FifoSnapshot { next_sequence_number, turns, duplicates, attempts });
            }
            Line::Duplicate(form) => {
                let fifo = queue.and_then(|queue| queue.fifo.as_mut()).ok_or(NO_FIFO_QUEUE)?;
                fifo.duplicates.push(form.duplicate());
            }
            Line::Attempt(form) => {
                let fifo = queue.and_then(|queue| queue.fifo.as_mut()).ok_or(NO_FIFO_QUEUE)?;
                fifo.attempts.push(form.attempt());
            }
            Line::Message(form) => queue.ok_or(NO_QUEUE)?.messages.push(form.message()?),
        }
        Ok(())
    }
}

fn put(to: &mut impl Write, line: &Line<'_>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
