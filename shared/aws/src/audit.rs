//! The audit log in S3.

use runtime::Audit;

use crate::Objects;

/// An audit log whose entries are the objects of a bucket. Callers choose keys below `audit/`.
#[derive(Clone, Debug)]
pub struct AuditBucket {
    /// The client that writes the entries.
    pub objects: Objects,
    /// The name of the bucket.
    pub bucket: String,
}

impl Audit for AuditBucket {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<(), String> {
        let put = self.objects.put_if(&self.bucket, key, body, "application/json", None).await;
        // A key belongs to one entry. If there is an object already, an earlier attempt wrote it, and its answer
        // was lost.
        put.map(|_| ()).map_err(|failure| failure.to_string())
    }
}
