//! Passes a service's requests on to a router or to another server.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{Request, Response, StatusCode, Uri};
use hyper::service::Service as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;

pub(super) async fn call_router(router: &Router, request: Request<Body>) -> Response<Body> {
    let service = TowerToHyperService::new(router.clone());
    let answered: Result<Response<Body>, Infallible> = service.call(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A server that is called over connections which stay open.
pub(super) struct Forward {
    client: Client<HttpConnector, Body>,
    /// `http://127.0.0.1:8080`, without a slash at its end.
    url: String,
}

impl Forward {
    pub(super) fn to(url: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    /// Passes a request on. If the server does not answer, the answer is a 502.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let Ok(uri) = Uri::try_from(format!("{}{path}", self.url)) else {
            return bad_gateway();
        };
        *request.uri_mut() = uri;
        for name in [CONNECTION, HOST, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        match self.client.request(request).await {
            Ok(response) => {
                let mut response = response.map(Body::new);
                response.headers_mut().remove(CONNECTION);
                response.headers_mut().remove(TRANSFER_ENCODING);
                response
            }
            Err(error) => {
                tracing::warn!(url = self.url, %error, "a service did not answer");
                bad_gateway()
            }
        }
    }
}

fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(Body::from("the service did not answer"));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
