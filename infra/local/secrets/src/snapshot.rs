//! What Secrets Manager holds at one moment, as it is written: a form of its own, apart from the live types.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SecretsManager;
use super::secret::{Content, Secret, Version};

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
    /// One of both.
    text: Option<String>,
    base64: Option<String>,
    stages: BTreeSet<String>,
    created_ms: u64,
}

impl Snapshot {
    /// [`SecretsManager::mark`] at that moment.
    pub fn mark(&self) -> u64 {
        self.changes
    }
}

impl SecretsManager {
    /// Counts changes: as long as nothing changes, it is the same.
    pub fn mark(&self) -> u64 {
        self.store().changes
    }

    pub fn snapshot(&self) -> Snapshot {
        let store = self.store();
        let forms = store.secrets.iter().map(|(name, secret)| (name.clone(), form(secret)));
        Snapshot { secrets: forms.collect(), changes: store.changes }
    }

    pub fn restore(&self, kept: Snapshot) {
        let secrets = kept.secrets.into_iter().map(|(name, form)| (name, secret(form)));
        self.store().secrets = secrets.collect();
    }
}

fn form(secret: &Secret) -> SecretForm {
    let version = |version: &Version| {
        let (text, base64) = match &version.content {
            Content::Text(text) => (Some(text.clone()), None),
            Content::Bytes(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        let Version { id, stages, created_ms, .. } = version.clone();
        VersionForm { id, text, base64, stages, created_ms }
    };
    SecretForm {
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        tags: secret.tags.clone(),
        created_ms: secret.created_ms,
        changed_ms: secret.changed_ms,
        deleted_ms: secret.deleted_ms,
        versions: secret.versions.iter().map(version).collect(),
    }
}

fn secret(form: SecretForm) -> Secret {
    let version = |form: VersionForm| {
        let bytes = || STANDARD.decode(form.base64.unwrap_or_default()).unwrap_or_default();
        let content = form.text.map_or_else(|| Content::Bytes(bytes()), Content::Text);
        Version { id: form.id, content, stages: form.stages, created_ms: form.created_ms }
    };
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
