//! What the bytes of an event are by its contract: the payload, or the change of a row.

use event::{Failure, Payload};

use crate::error::{ContractError, invalid};
use crate::{Contract, Decoded, Incoming};

impl Contract {
    /// Checks that another contract does not name the same table. An event cannot be of two datasets.
    ///
    /// # Errors
    /// [`ContractError::Invalid`], of the field `changes.table` of this contract.
    pub fn check_claim(&self, other: &Self) -> Result<(), ContractError> {
        let own = self.changes.as_ref().and_then(|own| Some((own.kind, own.table.as_deref()?)));
        match (own, &other.changes) {
            (Some((kind, table)), Some(changes)) if changes.claim(kind, table) => {
                let problem = format!("`{table}` is the table of `{}` too", other.dataset);
                Err(invalid("changes.table", &problem))
            }
            _ => Ok(()),
        }
    }

    /// Reads the bytes of an event. Without [`Changes`](crate::Changes) they are the payload. With them, they are a
    /// message of whoever writes the changes, and the payload is the row in it.
    ///
    /// # Errors
    /// Those of [`Payload::parse`]. With [`Changes`](crate::Changes) also [`DecodeFormat`](event::Code::DecodeFormat), if
    /// it is no such message, [`SourceRefused`](event::Code::SourceRefused), if it is of another table, and
    /// [`ContractViolation`](event::Code::ContractViolation), if the row already has the member that is to be added. All
    /// are permanent.
    pub fn decode(&self, bytes: &[u8]) -> Result<Decoded<Incoming>, Failure> {
        match &self.changes {
            Some(changes) => changes.decode(bytes),
            None => Ok(Decoded::Event(Payload::parse(bytes)?.into())),
        }
    }
}
