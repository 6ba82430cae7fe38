//! Counts the calls that a function makes to AWS.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::SdkConfig;
use runtime::{Dimensions, Metric, Recorder};

/// The same configuration, whose clients count each request that they send. A request that the SDK repeats counts again.
#[must_use]
pub fn count_calls(sdk: SdkConfig, metrics: &Recorder, function: &'static str) -> SdkConfig {
    let Some(inner) = sdk.http_client() else { return sdk };
    let counting = CountingClient {
        inner,
        calls: Calls { metrics: metrics.clone(), function: Dimensions::Function { function } },
    };
    sdk.into_builder().http_client(SharedHttpClient::new(counting)).build()
}

#[derive(Clone, Debug)]
struct Calls {
    metrics: Recorder,
    function: Dimensions,
}

#[derive(Debug)]
struct CountingClient {
    inner: SharedHttpClient,
    calls: Calls,
}

impl HttpClient for CountingClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CountingConnector { inner, calls: self.calls.clone() })
    }
}

#[derive(Debug)]
struct CountingConnector {
    inner: SharedHttpConnector,
    calls: Calls,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.metrics.add(&self.calls.function, Metric::AwsCalls, 1);
        self.inner.call(request)
    }
}
