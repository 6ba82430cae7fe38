//! The stored form of all secrets, separate from the live types so that these can change.
//! live types.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SecretsManager;
use super::secret::{Content, Secret, Version};

/// All secrets at one moment, in their stored form. It holds the secrets' values in plain text.
#[derive(Default, Serialize, Deserialize)]
pub struct Snapshot {
    secrets: BTreeMap<String, SecretForm>,
    #[serde(skip)]
    changes: u64,
}

#[derive(Serialize, Deserialize)]
struct SecretForm {
    description: Option<String>,
    kms_key_id: Option<String>,
    tags: BTreeMap<String, String>,
    created_ms: u64,
    changed_ms: u64,
    deleted_ms: Option<u64>,
    versions: Vec<VersionForm>,
}

#[derive(Serialize, Deserialize)]
struct VersionForm {
    id: String,
    /// Either this or `base64` is set.
    text: Option<String>,
    base64: Option<String>,
    stages: BTreeSet<String>,
    created_ms: u64,
}

impl Snapshot {
    /// What [`SecretsManager::mark`] returned when the snapshot was taken.
    pub fn mark(&self) -> u64 {
        self.changes
    }
}

impl SecretsManager {
    /// A counter that every request which may change something increases.
    pub fn mark(&self) -> u64 {
        self.store().changes
    }

    /// Takes a snapshot of all secrets.
    pub fn snapshot(&self) -> Snapshot {
        let store = self.store();
        let forms = store.secrets.iter().map(|(name, secret)| (name.clone(), form(secret)));
        Snapshot { secrets: forms.collect(), changes: store.changes }
    }

    /// Replaces all secrets by those of a snapshot.
    pub fn restore(&self, kept: Snapshot) {
        let secrets = kept.secrets.into_iter().map(|(name, form)| (name, secret(form)));
        self.store().secrets = secrets.collect();
    }
}

fn form(secret: &Secret) -> SecretForm {
    SecretForm {
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        tags: secret.tags.clone(),
        created_ms: secret.created_ms,
        changed_ms: secret.changed_ms,
        deleted_ms: secret.deleted_ms,
        versions: secret.versions.iter().map(version_form).collect(),
    }
}

fn version_form(version: &Version) -> VersionForm {
    let (text, base64) = match &version.content {
        Content::Text(text) => (Some(text.clone()), None),
        Content::Bytes(bytes) => (None, Some(STANDARD.encode(bytes))),
    };
    VersionForm {
        id: version.id.clone(),
        text,
        base64,
        stages: version.stages.clone(),
        created_ms: version.created_ms,
    }
}

fn secret(form: SecretForm) -> Secret {
    Secret {
        description: form.description,
        kms_key_id: form.kms_key_id,
        tags: form.tags,
        created_ms: form.created_ms,
        changed_ms: form.changed_ms,
        deleted_ms: form.deleted_ms,
        versions: form.versions.into_iter().map(version).collect(),
    }
}

fn version(form: VersionForm) -> Version {
    let content = match form.text {
        Some(text) => Content::Text(text),
        None => {
            let base64 = form.base64.unwrap_or_default();
            Content::Bytes(STANDARD.decode(base64).unwrap_or_default())
        }
    };
    Version { id: form.id, content, stages: form.stages, created_ms: form.created_ms }
}
