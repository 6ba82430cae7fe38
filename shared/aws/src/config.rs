//! The SDK's configuration, made from the variables that Lambda sets in every environment.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use runtime::env::{self, EnvError, Lookup};

/// Why the SDK cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is missing or malformed.
    #[error(transparent)]
    Env(#[from] EnvError),
}

/// A configuration for all clients of this process. They share one connection pool, make up to three attempts with
/// backoff, and give up after 10 s for an attempt and 20 s for a call, while a function can still answer.
///
/// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and if they are set `AWS_SESSION_TOKEN` and
/// `AWS_ENDPOINT_URL` (the URL of an emulator).
///
/// # Errors
/// When one of them is missing or malformed.
pub fn sdk_config(lookup: &dyn Lookup) -> Result<SdkConfig, ConfigError> {
    let region = env::required(lookup, "AWS_REGION", "a region such as eu-west-1")?;
    let key = env::required(lookup, "AWS_ACCESS_KEY_ID", "an access key")?;
    let secret = env::required(lookup, "AWS_SECRET_ACCESS_KEY", "its secret key")?;
    let token = lookup.get("AWS_SESSION_TOKEN");
    let credentials = Credentials::new(key, secret, token, None, "environment");
    let endpoint = match lookup.get("AWS_ENDPOINT_URL") {
        Some(_) => Some(env::parsed(
            lookup,
            "AWS_ENDPOINT_URL",
            "a URL such as http://127.0.0.1:4566",
            |text| env::is_url(text).then(|| text.to_owned()),
        )?),
        None => None,
    };
    Ok(sdk_config_as(SharedCredentialsProvider::new(credentials), Region::new(region), endpoint))
}

/// The configuration that [`sdk_config`] makes, for callers that find credentials and region elsewhere. `endpoint` is
/// the URL of an emulator; `None` stands for AWS.
#[must_use]
pub fn sdk_config_as(
    credentials: SharedCredentialsProvider,
    region: Region,
    endpoint: Option<String>,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(20))
        .build();
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .http_client(http_client(endpoint.as_deref()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts);
    builder.set_endpoint_url(endpoint);
    builder.build()
}

/// The HTTP client for an endpoint: without TLS if its URL begins with `http://`, as an emulator's does, and with TLS
/// for all others.
#[must_use]
pub fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    match endpoint {
        Some(url) if url.starts_with("http://") => Builder::new().build_http(),
        _ => Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];

    #[test]
    fn each_missing_variable_is_named_and_no_secret_is_shown() {
        for (name, _) in GOOD {
            let mut variables = BTreeMap::from(GOOD);
            variables.remove(name);
            let error = sdk_config(&variables).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("hush"), "{error}");
        }
        let mut variables = BTreeMap::from(GOOD);
        variables.insert("AWS_ENDPOINT_URL", "localhost");
        let error = sdk_config(&variables).unwrap_err().to_string();
        assert!(error.contains("AWS_ENDPOINT_URL is `localhost`"), "{error}");
    }

    #[test]
    fn an_endpoint_is_taken_over() {
        let mut variables = BTreeMap::from(GOOD);
        variables.insert("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        let config = sdk_config(&variables).unwrap();
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
    }
}
