//! Credentials and region for AWS: those of the profile and SSO session that the AWS CLI would use.
//!
//! The order is that of the AWS CLI. `--profile` takes precedence over the credentials of the
//! environment, and these over `AWS_PROFILE` and the profile `default`. `--region` takes precedence
//! over `AWS_REGION`, `AWS_DEFAULT_REGION` and the region of the profile. The metadata of an AWS
//! machine is used only if a profile says so (`credential_source`).
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-quickstart.html>

mod cached;
mod profiles;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::region::Region;
use runtime::env::Lookup;

use self::cached::CachedCredentials;
use self::profiles::Profiles;
use crate::failure::Failure;

/// The pipeline to talk to, and the credentials to use.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Pipeline {
    /// The name of the CloudFormation stack on AWS [default: the local emulation]
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// The AWS CLI profile to use [default: the credentials of the environment, or AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The AWS region [default: AWS_REGION, or the region of the profile]
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// The URL to connect to, or `aws` for AWS itself [default: AWS_ENDPOINT_URL; otherwise AWS with --stack, --profile
    /// or --region, and http://127.0.0.1:4566 without them]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl Pipeline {
    /// Whether an option is given that only makes sense on AWS.
    pub(crate) fn is_on_aws(&self) -> bool {
        self.stack.is_some() || self.profile.is_some() || self.region.is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) region: Region,
}

impl Account {
    /// Finds the credentials to sign with. They are requested once at the start, so that a problem with them is reported
    /// before anything is done.
    pub(crate) async fn find(
        pipeline: &Pipeline,
        lookup: &dyn Lookup,
        http: SharedHttpClient,
    ) -> Result<Self, Failure> {
        let profiles = Profiles::read(pipeline.profile.as_deref(), lookup).await?;
        let region = region(pipeline, &profiles, lookup)?;
        if let Some(credentials) = environment_credentials(pipeline, lookup) {
            return Ok(Self { credentials: SharedCredentialsProvider::new(credentials), region });
        }
        profiles.check_there_is_one()?;
        let provider = profiles.credentials_provider(&region, http);
        let first = provider
            .provide_credentials()
            .await
            .map_err(|error| profiles.no_credentials().because(error))?;
        let credentials = SharedCredentialsProvider::new(CachedCredentials::new(provider, first));
        Ok(Self { credentials, region })
    }
}

fn environment_credentials(pipeline: &Pipeline, lookup: &dyn Lookup) -> Option<Credentials> {
    if pipeline.profile.is_some() {
        return None;
    }
    let key = variable(lookup, "AWS_ACCESS_KEY_ID")?;
    let secret = variable(lookup, "AWS_SECRET_ACCESS_KEY")?;
    Some(Credentials::new(key, secret, variable(lookup, "AWS_SESSION_TOKEN"), None, "environment"))
}

fn region(
    pipeline: &Pipeline,
    profiles: &Profiles,
    lookup: &dyn Lookup,
) -> Result<Region, Failure> {
    let region = pipeline
        .region
        .clone()
        .or_else(|| variable(lookup, "AWS_REGION"))
        .or_else(|| variable(lookup, "AWS_DEFAULT_REGION"))
        .or_else(|| profiles.region());
    region.map(Region::new).ok_or_else(|| {
        let next = format!(
            "give --region, set AWS_REGION, or `aws configure set region REGION --profile {}`",
            profiles.name()
        );
        Failure::new(format!("no region is known: profile `{}` has none", profiles.name()))
            .next(next)
    })
}

/// The value of a variable that is set and not blank.
fn variable(lookup: &dyn Lookup, name: &str) -> Option<String> {
    lookup.get(name).filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests;
