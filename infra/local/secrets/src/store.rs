//! All secrets, by their names. They belong to one account and region.

use std::collections::{BTreeMap, BTreeSet};

use super::SecretError;
use super::errors::{exists, invalid_request, no_such_secret};
use super::name::{check, suffix};
use super::secret::{CURRENT, Content, Secret};

pub(super) struct Store {
    /// The beginning of every secret's ARN, up to the name.
    arn_prefix: String,
    pub(super) secrets: BTreeMap<String, Secret>,
    /// The number of requests that may have changed something.
    pub(super) changes: u64,
}

impl Store {
    pub(super) fn new(region: &str, account: &str) -> Self {
        let arn_prefix = format!("arn:aws:secretsmanager:{region}:{account}:secret:");
        Self { arn_prefix, secrets: BTreeMap::new(), changes: 0 }
    }

    pub(super) fn arn(&self, name: &str) -> String {
        format!("{}{name}-{}", self.arn_prefix, suffix(name))
    }

    /// The name of the secret that an id stands for: a name, an ARN, or an ARN without its last
    /// six characters.
    pub(super) fn name_of<'a>(&self, id: &'a str) -> &'a str {
        let Some(rest) = id.strip_prefix(self.arn_prefix.as_str()) else { return id };
        match rest.rsplit_once('-') {
            Some((name, end)) if suffix(name) == end => name,
            _ => rest,
        }
    }

    /// A secret that is not deleted.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, or `InvalidRequestException` for a deleted secret.
    pub(super) fn find(&mut self, id: &str, now_ms: u64) -> Result<&mut Secret, SecretError> {
        let secret = self.find_any(id, now_ms)?;
        if secret.deleted_ms.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    /// A secret, deleted or not.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub(super) fn find_any(&mut self, id: &str, now_ms: u64) -> Result<&mut Secret, SecretError> {
        self.sweep(now_ms);
        let name = self.name_of(id);
        self.secrets.get_mut(name).ok_or_else(no_such_secret)
    }

    /// Creates a secret, or returns the one that the same request created before.
    ///
    /// # Errors
    /// For a name that is invalid or taken.
    pub(super) fn create(
        &mut self,
        name: &str,
        version: Option<(&str, Content)>,
        now_ms: u64,
    ) -> Result<&mut Secret, SecretError> {
        check(name)?;
        self.sweep(now_ms);
        if let Some(known) = self.secrets.get(name) {
            if known.deleted_ms.is_some() {
                return Err(invalid_request(
                    "You can't create this secret because a secret with this name is already scheduled \
                     for deletion.",
                ));
            }
            let is_the_same = version.as_ref().is_some_and(|(id, content)| {
                known.versions.iter().any(|each| each.id == *id && each.content == *content)
            });
            if !is_the_same {
                return Err(exists(format!(
                    "The operation failed because the secret {name} already exists."
                )));
            }
        }
        let secret = self.secrets.entry(name.to_owned()).or_insert_with(|| Secret::new(now_ms));
        if let Some((id, content)) = version {
            secret.put(id, content, &BTreeSet::from([CURRENT.to_owned()]), now_ms)?;
        }
        Ok(secret)
    }

    /// Creates a secret, or adds a version to it.
    pub(super) fn put(
        &mut self,
        name: &str,
        id: &str,
        content: Content,
        now_ms: u64,
    ) -> Result<(), SecretError> {
        self.changes += 1;
        match self.find(name, now_ms) {
            Ok(secret) => secret.put(id, content, &BTreeSet::from([CURRENT.to_owned()]), now_ms),
            Err(error) if error == no_such_secret() => {
                self.create(name, Some((id, content)), now_ms).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes deleted secrets whose recovery window has ended.
    fn sweep(&mut self, now_ms: u64) {
        self.secrets.retain(|_, secret| secret.deleted_ms.is_none_or(|at_ms| now_ms < at_ms));
    }
}
