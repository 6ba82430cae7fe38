//! `sluicegate contracts deploy` deploys the contracts alone, without building the functions.
//!
//! The stack's own template is deployed again, with all of the stack's parameters. In it only the content of the layer
//! of contracts is another one, which is put into a bucket under its hash. CloudFormation then does what it does for
//! any deployment: it makes a version of the layer, gives it to the functions, and moves their aliases.

mod archive;
mod change_set;
mod deployed;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use event::hex_sha256;
use runtime::env::{Lookup, Process};
use runtime::{Clock, SystemClock};

use self::archive::{Archive, archive_of, listing_of};
use self::change_set::{Update, refused, unexpected};
use self::deployed::{DeployedTemplate, ObjectPlace};
use self::report::{Ending, FileChanges, Report};
use super::args::{CheckFormat, Deploy};
use super::check::{find_problems, print};
use super::template_check::check_template;
use crate::cloudformation::answers::{GotTemplate, Stack};
use crate::cloudformation::{CloudFormation, Parameters, domain};
use crate::endpoint::{Endpoint, find_stack};
use crate::failure::Failure;
use crate::folder::CONTRACTS;
use crate::options::Format;
use crate::output::Output;
use crate::project::contracts_of;

/// The time between two looks at what is under way.
const POLL: Duration = Duration::from_secs(3);
/// The parameter of the template that chooses the file of variables.
const ENVIRONMENT: &str = "Environment";

/// Deploys the contracts of a repository. The exit status is 1 if they are wrong.
pub(super) async fn deploy(
    root: &Path,
    args: &Deploy,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let (folders, problems) = find_problems(root, None, output)?;
    if !problems.is_empty() {
        print(&folders, &problems, CheckFormat::Text, output);
        return Ok(ExitCode::FAILURE);
    }
    let deployment = Deployment { root, args, output, poll: POLL };
    let report = deployment.run(&Process, &SystemClock).await?;
    match args.format {
        Format::Json => output.result(&report.json().to_string()),
        Format::Text => output.result(&report.text()),
    }
    Ok(ExitCode::SUCCESS)
}

struct Deployment<'a> {
    root: &'a Path,
    args: &'a Deploy,
    output: &'a Output,
    poll: Duration,
}

/// The contracts as they are uploaded.
struct Upload {
    archive: Archive,
    hash: String,
    place: ObjectPlace,
}

impl Deployment<'_> {
    async fn run(&self, lookup: &dyn Lookup, clock: &dyn Clock) -> Result<Report<'_>, Failure> {
        let stack = self.args.pipeline.stack.as_deref().ok_or_else(|| {
            Failure::new("no stack is named")
                .next("give the name of the deployed stack with --stack")
        })?;
        let endpoint = Endpoint::of(&self.args.pipeline, lookup).await?;
        let client = endpoint.cloudformation().await?;
        let before = find_stack(&endpoint, &client, stack).await?;
        check_is_at_rest(stack, &before)?;
        self.check_environment(stack, &before)?;
        let template = get_template(&client, stack).await?;
        self.check_fits(&template, &before)?;
        let upload = self.upload_of(&template)?;
        let mut report = Report {
            stack,
            ending: Ending::Unchanged,
            before: template.contracts.uri(),
            after: upload.place.uri(),
            files: None,
            changes: Vec::new(),
        };
        if upload.place == template.contracts {
            return Ok(report);
        }
        let s3 = endpoint.s3();
        report.files = listed(&s3, &template.contracts)
            .await
            .map(|before| FileChanges::between(&before, &upload.archive.listing));
        let text = template.with_contracts(&upload.place, &upload.hash);
        let template_key =
            format!("{}.{}.template", upload.place.key, &hex_sha256(text.as_bytes())[..16]);
        let at = ObjectPlace { bucket: upload.place.bucket.clone(), key: template_key };
        self.output.status("uploading");
        self.put(&endpoint, &s3, &upload.place, upload.archive.bytes).await?;
        self.put(&endpoint, &s3, &at, text.into_bytes()).await?;
        let name = format!("contracts-{}-{}", &upload.hash[..16], clock.now().unix_ms());
        let update = Update { client: &client, stack, name, poll: self.poll, output: self.output };
        report.changes = update.create(&url_of(&endpoint, &at), &before).await?;
        if report.changes.is_empty() {
            return Ok(report);
        }
        if let [first, ..] = unexpected(&report.changes)[..] {
            let what = format!(
                "stack `{stack}` stays as it is: CloudFormation would remove or replace {} ({})",
                first.logical_resource_id, first.resource_type
            );
            update.delete().await?;
            return Err(Failure::new(what)
                .next("contracts alone never need that: deploy with SAM, and look at why"));
        }
        if self.args.dry_run {
            update.delete().await?;
            report.ending = Ending::Planned;
            return Ok(report);
        }
        update.execute().await?;
        report.ending = Ending::Deployed;
        Ok(report)
    }

    /// Checks that the functions of the stack find the values of their variables, without which they do not start.
    fn check_environment(&self, stack: &str, before: &Stack) -> Result<(), Failure> {
        let mut parameters = before.parameters.member.iter();
        let environment = parameters.find(|it| it.parameter_key == ENVIRONMENT);
        let Some(environment) = environment else { return Ok(()) };
        let file = format!("{CONTRACTS}/variables/{}.yaml", environment.parameter_value);
        if self.root.join(&file).is_file() {
            return Ok(());
        }
        let what =
            format!("there is no {file}, without which no function of stack `{stack}` starts");
        Err(Failure::new(what)
            .next("add the file, with a value for each variable of the contracts"))
    }

    /// Checks that the contracts fit the template that is deployed. It may differ from the one beside them.
    fn check_fits(&self, template: &DeployedTemplate, before: &Stack) -> Result<(), Failure> {
        let mut parameters = BTreeMap::new();
        for parameter in &before.parameters.member {
            parameters.insert(parameter.parameter_key.clone(), parameter.parameter_value.clone());
        }
        let text = template.with_folder(CONTRACTS);
        match emulation::stack_of_text(&text, self.root, &parameters) {
            Ok(stack) => {
                let fit = check_template(self.root, &contracts_of(self.root)?, &stack);
                if fit.is_err() {
                    self.output.note("the contracts do not fit the template that is deployed:");
                }
                fit
            }
            Err(error) => {
                self.output.note(&format!(
                    "whether the contracts fit the deployed template was not checked, since it has what the local \
                     emulation does not know: {error}"
                ));
                Ok(())
            }
        }
    }

    fn upload_of(&self, template: &DeployedTemplate) -> Result<Upload, Failure> {
        let archive = archive_of(&self.root.join(CONTRACTS))?;
        let hash = hex_sha256(&archive.bytes);
        let ObjectPlace { bucket, key } = &template.contracts;
        let prefix = key.rfind('/').map_or("", |slash| &key[..=slash]);
        let place = ObjectPlace {
            bucket: self.args.bucket.clone().unwrap_or_else(|| bucket.clone()),
            key: format!("{prefix}contracts-{hash}.zip"),
        };
        Ok(Upload { archive, hash, place })
    }

    async fn put(
        &self,
        endpoint: &Endpoint,
        s3: &aws_sdk_s3::Client,
        place: &ObjectPlace,
        body: Vec<u8>,
    ) -> Result<(), Failure> {
        let put = s3.put_object().bucket(&place.bucket).key(&place.key);
        let put = put.body(ByteStream::from(body)).send().await;
        put.map(|_| ())
            .map_err(|error| endpoint.refused(format!("{} cannot be written", place.uri()), error))
    }
}

fn check_is_at_rest(stack: &str, before: &Stack) -> Result<(), Failure> {
    let status = before.stack_status.as_str();
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_COMPLETE" => {
            Ok(())
        }
        _ if status.ends_with("_IN_PROGRESS") => {
            Err(Failure::new(format!("stack `{stack}` is being changed: {status}"))
                .next("wait until that is over"))
        }
        _ => Err(Failure::new(format!("stack `{stack}` cannot be updated: {status}")).next(
            format!("see why: aws cloudformation describe-stack-events --stack-name {stack}"),
        )),
    }
}

/// The template as it was submitted.
async fn get_template(client: &CloudFormation, stack: &str) -> Result<DeployedTemplate, Failure> {
    let original = Parameters::default().with("StackName", stack).with("TemplateStage", "Original");
    let got = client.call::<GotTemplate>("GetTemplate", original).await;
    DeployedTemplate::read(got.map_err(|error| refused(stack, "GetTemplate", error))?.result.body)
}

/// The files of an archive in a bucket; `None` if it cannot be read.
async fn listed(s3: &aws_sdk_s3::Client, place: &ObjectPlace) -> Option<archive::Listing> {
    let got = s3.get_object().bucket(&place.bucket).key(&place.key).send().await.ok()?;
    listing_of(&got.body.collect().await.ok()?.into_bytes())
}

/// The URL by which CloudFormation reads an object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
fn url_of(endpoint: &Endpoint, place: &ObjectPlace) -> String {
    let ObjectPlace { bucket, key } = place;
    match &endpoint.url {
        Some(url) => format!("{url}/{bucket}/{key}"),
        None => {
            let region = endpoint.region();
            format!("https://{bucket}.s3.{region}.{}/{key}", domain(region))
        }
    }
}
