//! Who may send the events of a dataset, by the names that AWS has for whoever signs a request.
//!
//! A unique id names one role or user for ever; a later one of the same name has another id. An ARN names whoever has
//! the name now. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>

use std::borrow::Cow;

use crate::Variables;
use crate::place::{Part, UrlError, read_parts};
use crate::variables::VariableValue;

/// Who sent an event or a request, as AWS says. No sender can choose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The unique id of a user, that of a role with a colon and the name of the session, or the number of the account
    /// for its root. It is the `SenderId` of SQS and the `userId` of a request.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>
    pub id: Option<&'a str>,
    /// The ARN of a request's signer, which is that of a session if it is a role. SQS tells none.
    pub arn: Option<&'a str>,
}

/// The senders that a contract lists for one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Senders(Vec<Listed>);

/// One sender as a contract has it, maybe with places for variables.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    text: String,
    parts: Vec<Part>,
}

/// What can name a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Unique ids only, since nothing else is known of who sent a message.
    Ids,
    /// Unique ids and ARNs.
    IdsAndArns,
}

/// Why a listed sender cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// A place of the text is none of a variable.
    #[error("`{text}`: {source}")]
    Place {
        /// The text in the contract.
        text: String,
        /// What is wrong with its places.
        #[source]
        source: UrlError,
    },
    /// The text has a place for something that is not a variable.
    #[error("`{text}` has a place for a secret or a part of an event; expected variables only")]
    NoVariable {
        /// The text in the contract.
        text: String,
    },
    /// A variable is not in the file of variables.
    #[error("{file} has no {name}; expected `{name}: <value>` below `variables`")]
    Missing {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
    },
    /// A variable is a secret.
    #[error("{file}: {name} is a secret, and the id of a sender is none")]
    Secret {
        /// The file of variables, such as `variables/production.yaml`.
        file: String,
        /// The name of the variable.
        name: String,
    },
    /// The text, with the values of its variables, names nobody.
    #[error("`{found}` is {problem}")]
    Nobody {
        /// The text with its values.
        found: String,
        /// What it is, and what was expected.
        problem: &'static str,
    },
}

const EXPECTED_ID: &str = "no unique id; expected one such as AROA1234567890ABCDEFG, which `aws iam get-role` shows as \
                           RoleId and `aws iam get-user` as UserId, or the number of an account for its root user";
const ARN_OF_MESSAGE: &str = "an ARN, and SQS tells only the unique id of who sent a message; expected an id such as \
                              AROA1234567890ABCDEFG, which `aws iam get-role` shows as RoleId and `aws iam get-user` \
                              as UserId";
const EXPECTED_ARN: &str = "no ARN of a role, of a user or of an account's root user; expected one such as \
                            arn:aws:iam::123456789012:role/checkout";

impl Sender<'_> {
    /// How the sender is named to people, without the name of a session where the id is all that is known. `None` if
    /// nothing is known.
    pub(super) fn name(&self) -> Option<&str> {
        self.arn.or_else(|| Some(self.id?.split(':').next().unwrap_or_default()))
    }

    fn is_named_by(&self, listed: &str) -> bool {
        match ArnOfPrincipal::read(listed) {
            Some(named) => self.arn.is_some_and(|arn| named.is_of(arn)),
            None => self.id.is_some_and(|id| has_id(id, listed)),
        }
    }
}

impl Senders {
    /// Reads the texts of a contract.
    ///
    /// # Errors
    /// The first problem: a place that is none of a variable, or a text without places that names nobody.
    pub(super) fn parse(texts: Vec<String>, naming: Naming) -> Result<Self, SenderError> {
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            let parts = read_parts(&text)
                .map_err(|source| SenderError::Place { text: text.clone(), source })?;
            if parts.iter().any(|part| matches!(part, Part::Secret(_) | Part::Pointer(_))) {
                return Err(SenderError::NoVariable { text });
            }
            if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
                check_names_somebody(&text, naming)?;
            }
            all.push(Listed { text, parts });
        }
        Ok(Self(all))
    }

    /// The senders as the contract has them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|listed| listed.text.as_str())
    }

    /// Whether a sender is listed.
    ///
    /// # Errors
    /// If it is not, and one of those that are listed cannot be used with these variables.
    pub(super) fn include(
        &self,
        sender: Sender<'_>,
        variables: &Variables,
        naming: Naming,
    ) -> Result<bool, SenderError> {
        let mut unusable = None;
        for listed in &self.0 {
            match listed.bind(variables, naming) {
                Ok(text) if sender.is_named_by(&text) => return Ok(true),
                Ok(_) => {}
                Err(error) => unusable = unusable.or(Some(error)),
            }
        }
        unusable.map_or(Ok(false), Err)
    }

    /// Checks that all of them can be used with these variables.
    ///
    /// # Errors
    /// The first problem.
    pub(super) fn check(&self, variables: &Variables, naming: Naming) -> Result<(), SenderError> {
        for listed in &self.0 {
            listed.bind(variables, naming)?;
        }
        Ok(())
    }
}

impl Listed {
    /// The text with the values of its variables.
    fn bind(&self, variables: &Variables, naming: Naming) -> Result<Cow<'_, str>, SenderError> {
        if let [Part::Text(text)] = self.parts.as_slice() {
            return Ok(Cow::Borrowed(text));
        }
        let mut bound = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => bound.push_str(text),
                Part::Variable(name) => bound.push_str(value_of(variables, name)?),
                Part::Secret(_) | Part::Pointer(_) => {
                    return Err(SenderError::NoVariable { text: self.text.clone() });
                }
            }
        }
        check_names_somebody(&bound, naming)?;
        Ok(Cow::Owned(bound))
    }
}

fn value_of<'a>(variables: &'a Variables, name: &str) -> Result<&'a str, SenderError> {
    let (file, name) = (variables.file().to_owned(), name.to_owned());
    match variables.get(&name) {
        Some(VariableValue::Text(text)) => Ok(text),
        Some(VariableValue::Secret(_)) => Err(SenderError::Secret { file, name }),
        None => Err(SenderError::Missing { file, name }),
    }
}

fn check_names_somebody(text: &str, naming: Naming) -> Result<(), SenderError> {
    let is_arn = text.starts_with("arn:");
    let problem = match naming {
        Naming::Ids if is_arn => ARN_OF_MESSAGE,
        Naming::IdsAndArns if is_arn => {
            if ArnOfPrincipal::read(text).is_some() {
                return Ok(());
            }
            EXPECTED_ARN
        }
        Naming::Ids | Naming::IdsAndArns if is_id(text) => return Ok(()),
        Naming::Ids | Naming::IdsAndArns => EXPECTED_ID,
    };
    Err(SenderError::Nobody { found: text.chars().take(200).collect(), problem })
}

/// Whether it is a unique id, which has 16 to 128 characters, or the number of an account:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>.
fn is_id(text: &str) -> bool {
    let is_unique_id = (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_unique_id || is_account(text)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the id of a sender is the one that is listed. The id of a federated user begins with the number of its
/// account, which stands for the root user only.
fn has_id(id: &str, listed: &str) -> bool {
    let session = id.strip_prefix(listed).filter(|_| !is_account(listed));
    id == listed || session.is_some_and(|session| session.starts_with(':'))
}

/// The ARN of a role, of a user or of a root user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ArnOfPrincipal<'a> {
    whole: &'a str,
    partition: &'a str,
    account: &'a str,
    /// The name of a role, without its path. Within an account no two roles have the same name.
    role: Option<&'a str>,
}

impl<'a> ArnOfPrincipal<'a> {
    fn read(arn: &'a str) -> Option<Self> {
        let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
        let (account, resource) =
            rest.split_once(':').filter(|(account, _)| is_account(account))?;
        let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
        let name = path.rsplit('/').next().filter(|name| !name.is_empty());
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
        if partition.contains(':') || !path.chars().all(is_allowed) {
            return None;
        }
        let role = match (kind, name) {
            ("role", Some(name)) => Some(name),
            ("user", Some(_)) => None,
            ("root", None) if resource == "root" => None,
            _ => return None,
        };
        Some(Self { whole: arn, partition, account, role })
    }

    /// Whether a request's signer is the one that is named. The ARN of a session has the name of its role without the
    /// role's path:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>.
    fn is_of(&self, arn: &str) -> bool {
        let Some(role) = self.role else { return self.whole == arn };
        let session = arn.strip_prefix("arn:").and_then(|rest| rest.strip_prefix(self.partition));
        let session =
            session.and_then(|rest| rest.strip_prefix(":sts::")?.strip_prefix(self.account));
        let session = session.and_then(|rest| rest.strip_prefix(":assumed-role/"));
        session.and_then(|rest| rest.split_once('/')).is_some_and(|(name, _)| name == role)
    }
}

#[cfg(test)]
mod tests;
