//! The profiles of the AWS CLI's files.

use std::io;
use std::path::PathBuf;

use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet, load};
use aws_config::provider_config::ProviderConfig;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;
use runtime::env::Lookup;

use super::variable;
use crate::failure::Failure;

const DEFAULT: &str = "default";
/// The variable that has a file's path, and the default path below the home folder:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html>.
const FILES: [(EnvConfigFileKind, &str, &str); 2] = [
    (EnvConfigFileKind::Config, "AWS_CONFIG_FILE", ".aws/config"),
    (EnvConfigFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
];
/// The most profiles of a chain in which each refers to the next.
const LONGEST_CHAIN: usize = 16;

/// All profiles, and which of them is meant.
#[derive(Debug)]
pub(super) struct Profiles {
    name: String,
    /// The paths of the files, which need not exist.
    paths: Vec<PathBuf>,
    files: EnvConfigFiles,
    set: ProfileSet,
}

impl Profiles {
    /// Reads the files. A profile that was named has to exist.
    pub(super) async fn read(given: Option<&str>, lookup: &dyn Lookup) -> Result<Self, Failure> {
        let named = given.map(str::to_owned).or_else(|| variable(lookup, "AWS_PROFILE"));
        let is_named = named.is_some();
        let name = named.unwrap_or_else(|| DEFAULT.to_owned());
        // The builder panics without any file.
        let empty = EnvConfigFiles::builder();
        let mut files = empty.with_contents(EnvConfigFileKind::Config, String::new());
        let mut paths = Vec::new();
        for (kind, name, usual) in FILES {
            let Some(path) = path(name, usual, lookup) else { continue };
            match std::fs::read_to_string(&path) {
                Ok(text) => files = files.with_contents(kind, text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let what = format!("{} cannot be read", path.display());
                    return Err(Failure::new(what).because(error));
                }
            }
            paths.push(path);
        }
        let files = files.build();
        let set = load(&Fs::real(), &Env::from_slice(&[]), &files, Some(name.clone().into())).await;
        let set = set.map_err(|error| {
            Failure::new(format!("{} cannot be understood", list_paths(&paths))).because(error)
        })?;
        let profiles = Self { name, paths, files, set };
        if is_named {
            profiles.check_there_is_one()?;
        }
        Ok(profiles)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check_there_is_one(&self) -> Result<(), Failure> {
        if self.set.get_profile(&self.name).is_some() {
            return Ok(());
        }
        let what = format!("there is no profile `{}` in {}", self.name, list_paths(&self.paths));
        Err(Failure::new(what).next(
            "`aws configure list-profiles` lists those that there are: give one with --profile, or set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ))
    }

    pub(super) fn region(&self) -> Option<String> {
        self.set.get("region").map(str::to_owned)
    }

    pub(super) fn credentials_provider(
        &self,
        region: &Region,
        http: SharedHttpClient,
    ) -> ProfileFileCredentialsProvider {
        let config = ProviderConfig::without_region()
            .with_region(Some(region.clone()))
            .with_http_client(http);
        ProfileFileCredentialsProvider::builder()
            .configure(&config)
            .profile_files(self.files.clone())
            .profile_name(&self.name)
            .build()
    }

    /// The failure if the profile exists and its credentials cannot be found.
    pub(super) fn no_credentials(&self) -> Failure {
        let name = &self.name;
        let failure = Failure::new(format!("profile `{name}` gives no credentials"));
        if self.uses_sso() {
            return failure.next(format!("sign in: aws sso login --profile {name}"));
        }
        failure.next(format!(
            "aws sts get-caller-identity --profile {name}: does the AWS CLI get any?"
        ))
    }

    /// Whether the profile, or the one with which its role is assumed, signs in with SSO.
    fn uses_sso(&self) -> bool {
        let mut profile = self.set.get_profile(&self.name);
        for _ in 0..LONGEST_CHAIN {
            let Some(current) = profile else { return false };
            if has(current, "sso_session") || has(current, "sso_start_url") {
                return true;
            }
            let source = current.get("source_profile");
            profile = source.and_then(|source| self.set.get_profile(source));
        }
        false
    }
}

fn has(profile: &Profile, key: &str) -> bool {
    profile.get(key).is_some()
}

/// `~` is the home folder, as in the AWS CLI.
fn path(name: &str, usual: &str, lookup: &dyn Lookup) -> Option<PathBuf> {
    let home = variable(lookup, "HOME").map(PathBuf::from);
    match variable(lookup, name) {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => Some(home?.join(rest)),
            None => Some(PathBuf::from(path)),
        },
        None => Some(home?.join(usual)),
    }
}

fn list_paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { "no file, since HOME is not set".to_owned() } else { paths.join(" or ") }
}
