//! The ports of this function, implemented with AWS.

use std::time::Duration;

use aws::{
    AuditBucket, BreakerTable, EvidenceTables, Functions, LetterBucket, LetterTable, Objects,
    QueueDepth, Queues,
};
use aws_types::SdkConfig;
use breaker::{NextCall, Store as _};
use contracts::Dependencies;
use event::{Failure, Timestamp};
use letters::{OpenBreaker, RunId};
use runtime::{Claims, Clock as _, SystemClock, unique_name};
use serde_json::json;

use crate::config::Config;
use crate::ports::Ports;

/// The longest time for Lambda to accept an invocation.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Aws {
    table: LetterTable,
    bucket: LetterBucket,
    queues: Queues,
    audit: AuditBucket,
    evidence: EvidenceTables,
    breakers: BreakerTable,
    dependencies: Dependencies,
    functions: Functions,
    own_name: String,
    claims: Claims,
}

impl Aws {
    pub(crate) fn new(sdk: &SdkConfig, config: &Config, dependencies: Dependencies) -> Self {
        let objects = Objects::new(sdk);
        Self {
            table: LetterTable::new(sdk, config.letters_table.clone()),
            bucket: LetterBucket::new(objects.clone(), config.letters_bucket.clone()),
            queues: Queues::new(sdk),
            audit: AuditBucket { objects, bucket: config.letters_bucket.clone() },
            evidence: EvidenceTables::new(sdk, config.dedupe_table.clone(), config.tables.clone()),
            breakers: BreakerTable::new(sdk, config.breakers_table.clone()),
            dependencies,
            functions: Functions::new(sdk, PATIENCE),
            own_name: config.function.clone(),
            claims: aws::claims(sdk, config.letters_bucket.clone()),
        }
    }
}

impl Ports for Aws {
    type Index = LetterTable;
    type Objects = LetterBucket;
    type Queues = Queues;
    type Audit = AuditBucket;
    type Evidence = EvidenceTables;
    type Keys = EvidenceTables;

    fn index(&self) -> &LetterTable {
        &self.table
    }

    fn objects(&self) -> &LetterBucket {
        &self.bucket
    }

    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn audit(&self) -> &AuditBucket {
        &self.audit
    }

    fn evidence(&self) -> &EvidenceTables {
        &self.evidence
    }

    fn claims(&self) -> &Claims {
        &self.claims
    }

    fn keys(&self) -> &EvidenceTables {
        &self.evidence
    }

    async fn audit_keys(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let AuditBucket { objects, bucket } = &self.audit;
        Ok(objects.list(bucket, prefix).await?.into_iter().map(|(key, _)| key).collect())
    }

    async fn audit_entry(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let AuditBucket { objects, bucket } = &self.audit;
        Ok(objects.find(bucket, key).await?.map(|(bytes, _)| bytes.to_vec()))
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn unique_name(&self) -> String {
        unique_name(self.now())
    }

    async fn depth(&self, queue_url: &str) -> Result<QueueDepth, Failure> {
        self.queues.depth(queue_url).await
    }

    /// If the table does not answer, no breaker counts as open.
    async fn open_breaker(&self, dependencies: &[String]) -> Option<OpenBreaker> {
        if dependencies.is_empty() {
            return None;
        }
        let snapshots = match self.breakers.read().await {
            Ok(snapshots) => snapshots,
            Err(away) => {
                tracing::warn!(failure.reason = away.reason, "not known how the breakers are");
                return None;
            }
        };
        let now = self.now();
        dependencies.iter().find_map(|name| {
            let record = snapshots.get(name)?.record.as_ref()?;
            let until = match record.next_call(&self.dependencies.of(name).breaker, now) {
                NextCall::Now => return None,
                NextCall::At(until) => Some(until),
                NextCall::AfterRelease => None,
            };
            Some(OpenBreaker { dependency: name.clone(), until })
        })
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn go_on_later(&self, run: &RunId) -> Result<(), Failure> {
        let request = json!({ "do": { "work": { "run": run } } });
        self.functions.invoke_later(&self.own_name, request.to_string().into_bytes()).await
    }
}
