//! Checks every JSON Pointer of a contract against the schema.
//!
//! A pointer to a place that no payload can have is a mistake. Without this check, a total would stay 0, or every event
//! would lack its key.

use crate::enricher::Enricher;
use crate::error::ContractError;
use crate::keys::Keys;
use crate::personal::ANY_TOKEN;
use crate::pointer::pointer_tokens;
use crate::schema::{PathToken, Schema, Type};
use crate::sink::{Order, RowKey, Sink, TableMode, TableSink, Target};

/// What a contract uses the value at a place for. It says which types can be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// For something that takes values of any type but null.
    Any,
    /// As a time, which is text.
    Text,
    /// As a number that is added up or compared.
    Number,
    /// As a part of a key or a URL, which is text, a number or a boolean.
    Scalar,
}

/// When a pointer is followed. It says whether the answers of enrichers are in the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// At ingest, before any enricher.
    Ingest,
    /// After other enrichers, or after all of them.
    Enriched,
}

/// The parts of a contract that have pointers, and the schema that the pointers are checked against.
pub(crate) struct Pointers<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) keys: &'a Keys,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) personal_data: &'a [String],
    pub(crate) enrichers: &'a [Enricher],
    pub(crate) sinks: &'a [Sink],
}

/// Checks every pointer of a contract.
///
/// # Errors
/// [`ContractError::Pointer`] for the first pointer that can find nothing, or nothing of the needed type.
pub(crate) fn check(pointers: &Pointers<'_>) -> Result<(), ContractError> {
    let check = Check { schema: pointers.schema, enrichers: pointers.enrichers };
    let keys = pointers.keys;
    for pointer in &keys.idempotency {
        check.place("keys.idempotency", pointer, Use::Any, Stage::Ingest)?;
    }
    for pointer in &keys.business {
        check.place("keys.business", pointer, Use::Any, Stage::Ingest)?;
    }
    let time = &keys.event_time;
    let of_time = if time.is_text() { Use::Text } else { Use::Scalar };
    check.place("keys.event_time", &time.at, of_time, Stage::Ingest)?;
    if let Some(sequence) = &keys.sequence {
        check.place("keys.sequence", sequence, Use::Number, Stage::Ingest)?;
    }
    for (field, pointer) in [("tenant", pointers.tenant), ("region", pointers.region)] {
        if let Some(pointer) = pointer {
            check.place(field, pointer, Use::Scalar, Stage::Ingest)?;
        }
    }
    for pointer in pointers.personal_data {
        check.personal(pointer)?;
    }
    for enricher in pointers.enrichers {
        let field = format!("enrichers.{}", enricher.name);
        for pointer in enricher.pointers() {
            check.place(&field, pointer, Use::Scalar, Stage::Enriched)?;
        }
    }
    for sink in pointers.sinks {
        check.sink(sink)?;
    }
    Ok(())
}

struct Check<'a> {
    schema: &'a Schema,
    enrichers: &'a [Enricher],
}

impl Check<'_> {
    fn sink(&self, sink: &Sink) -> Result<(), ContractError> {
        let field = format!("sinks.{}", sink.name);
        match &sink.target {
            Target::Table(table) => self.table(&field, table),
            Target::Http(http) => {
                for pointer in http.url.pointers() {
                    self.place(&format!("{field}.url"), pointer, Use::Scalar, Stage::Enriched)?;
                }
                for (name, text) in &http.headers {
                    for pointer in text.pointers() {
                        let field = format!("{field}.headers.{name}");
                        self.place(&field, pointer, Use::Scalar, Stage::Enriched)?;
                    }
                }
                Ok(())
            }
            Target::Lake(_) | Target::Custom(_) => Ok(()),
        }
    }

    fn table(&self, field: &str, table: &TableSink) -> Result<(), ContractError> {
        if let RowKey::Pointers(pointers) = &table.key {
            for pointer in pointers {
                self.place(&format!("{field}.key"), pointer, Use::Any, Stage::Enriched)?;
            }
        }
        for (name, pointer) in &table.attributes {
            self.place(&format!("{field}.attributes.{name}"), pointer, Use::Any, Stage::Enriched)?;
        }
        let (order, tombstone) = match &table.mode {
            TableMode::Insert => (None, None),
            TableMode::Upsert { order, tombstone } | TableMode::Merge { order, tombstone } => {
                (Some(order), tombstone.as_ref())
            }
            TableMode::Delete { order, .. } => (Some(order), None),
            TableMode::Accumulate(accumulate) => {
                for (name, pointer) in &accumulate.sums {
                    let field = format!("{field}.sums.{name}");
                    self.place(&field, pointer, Use::Number, Stage::Enriched)?;
                }
                (None, None)
            }
        };
        if let Some(Order::Pointer(pointer)) = order {
            self.place(&format!("{field}.order_by"), pointer, Use::Number, Stage::Enriched)?;
        }
        if let Some(tombstone) = tombstone {
            self.place(&format!("{field}.tombstone.at"), &tombstone.at, Use::Any, Stage::Enriched)?;
        }
        Ok(())
    }

    /// Checks one pointer.
    fn place(
        &self,
        field: &str,
        pointer: &str,
        wanted: Use,
        stage: Stage,
    ) -> Result<(), ContractError> {
        let tokens = self.tokens(field, pointer)?;
        let names: Vec<PathToken> = tokens.into_iter().map(PathToken::Name).collect();
        self.check_path(field, pointer, &names, wanted, stage)
    }

    /// Checks a pointer to personal data, in which `*` stands for any item or member.
    fn personal(&self, pointer: &str) -> Result<(), ContractError> {
        let mut path = Vec::new();
        for token in self.tokens("personal_data", pointer)? {
            path.push(if token == ANY_TOKEN { PathToken::Any } else { PathToken::Name(token) });
        }
        self.check_path("personal_data", pointer, &path, Use::Any, Stage::Enriched)
    }

    fn tokens(&self, field: &str, pointer: &str) -> Result<Vec<String>, ContractError> {
        pointer_tokens(pointer).ok_or_else(|| ContractError::Pointer {
            field: field.to_owned(),
            pointer: pointer.to_owned(),
            problem: "it is no JSON Pointer, such as /id".to_owned(),
        })
    }

    fn check_path(
        &self,
        field: &str,
        pointer: &str,
        path: &[PathToken],
        wanted: Use,
        stage: Stage,
    ) -> Result<(), ContractError> {
        let types = match self.enricher_of(path, stage) {
            Some(enricher) => types_of_answer(enricher, &path[1..]),
            None => self.schema.types_at(path),
        };
        let problem = match types {
            Ok(types) => wanted.problem(types.as_deref()),
            Err(problem) => Some(problem),
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(ContractError::Pointer {
                field: field.to_owned(),
                pointer: pointer.to_owned(),
                problem,
            }),
        }
    }

    /// The enricher whose answer a path leads into. Before enrichment there is none.
    fn enricher_of(&self, path: &[PathToken], stage: Stage) -> Option<&Enricher> {
        match (stage, path.first()) {
            (Stage::Enriched, Some(PathToken::Name(first))) => {
                self.enrichers.iter().find(|enricher| enricher.into == *first)
            }
            _ => None,
        }
    }
}

/// The types at a place within an enricher's answer. `None` if its schema does not restrict them, or if it has none.
///
/// # Errors
/// Why nothing can be at the place.
fn types_of_answer(enricher: &Enricher, path: &[PathToken]) -> Result<Option<Vec<Type>>, String> {
    let kept = pointer_tokens(&enricher.keep).unwrap_or_default();
    let mut whole: Vec<PathToken> = kept.into_iter().map(PathToken::Name).collect();
    whole.extend_from_slice(path);
    match &enricher.schema {
        Some(schema) => schema.types_at(&whole),
        None => Ok(None),
    }
}

impl Use {
    /// Whether a value of this type can be used.
    fn takes(self, value: Type) -> bool {
        match self {
            Self::Any => value != Type::Null,
            Self::Text => value == Type::String,
            Self::Number => matches!(value, Type::Number | Type::Integer),
            Self::Scalar => {
                matches!(value, Type::String | Type::Number | Type::Integer | Type::Boolean)
            }
        }
    }

    /// Why no value of these types can be used. `None` if a value of one of them can.
    fn problem(self, types: Option<&[Type]>) -> Option<String> {
        let types = types?;
        if types.iter().any(|&each| self.takes(each)) {
            return None;
        }
        let expected = match self {
            Self::Any => "a value",
            Self::Text => "text, which holds a time",
            Self::Number => "a number",
            Self::Scalar => "text, a number or a boolean",
        };
        let found = Type::expectation(types);
        Some(format!("expected {expected}, and the schema has {found} there"))
    }
}

#[cfg(test)]
mod tests;
