//! Connects only to addresses within a client's [`Reach`].
//!
//! A name is checked by the addresses that the connection is made to. After a separate check beforehand, the name could
//! resolve to another address. A URL whose host is an address is not resolved, so the address itself is checked. Other
//! spellings of an address (`2130706433`, `0177.1`) are names to the connector, which the system resolves.

use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::reach::{Forbidden, Reach};

type BoxError = Box<dyn Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Resolves names, and leaves out addresses that are not within reach.
#[derive(Clone, Debug)]
pub(crate) struct GuardedResolver<R> {
    inner: R,
    reach: Reach,
}

impl<R> Service<Name> for GuardedResolver<R>
where
    R: Service<Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
    R::Future: Send + 'static,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, reach) = (self.inner.call(name), self.reach);
        Box::pin(async move {
            let mut allowed = Vec::new();
            let mut forbidden = None;
            for address in resolving.await.map_err(Into::into)? {
                match reach.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => forbidden = Some(error),
                }
            }
            match forbidden {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(allowed.into_iter()),
            }
        })
    }
}

/// Connects to hosts within reach.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    inner: HttpConnector<GuardedResolver<GaiResolver>>,
    reach: Reach,
}

impl GuardedConnector {
    /// A connector for plain HTTP.
    pub(crate) fn plain(reach: Reach) -> Self {
        let resolver = GuardedResolver { inner: GaiResolver::new(), reach };
        Self { inner: HttpConnector::new_with_resolver(resolver), reach }
    }

    /// A connector for `https://` too, below the one that adds TLS.
    pub(crate) fn below_tls(reach: Reach) -> Self {
        let mut connector = Self::plain(reach);
        connector.inner.enforce_http(false);
        connector
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        if let Some(Err(forbidden)) = literal(&url).map(|address| self.reach.check(address)) {
            return Box::pin(async move { Err(forbidden.into()) });
        }
        let connecting = self.inner.call(url);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

/// The host of a URL if it is an address. It is parsed as the connector below parses it.
fn literal(url: &Uri) -> Option<IpAddr> {
    url.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The forbidden address, if it is the reason why there is no connection.
pub(crate) fn forbidden(error: &(dyn Error + 'static)) -> Option<Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(*forbidden);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use super::*;

    /// Resolves every name to the same addresses.
    struct Fixed(Vec<SocketAddr>);

    impl Service<Name> for Fixed {
        type Response = vec::IntoIter<SocketAddr>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            ready(Ok(self.0.clone().into_iter()))
        }
    }

    async fn resolved(addresses: &[&str]) -> Result<Vec<IpAddr>, Option<Forbidden>> {
        let addresses = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
        let inner = Fixed(addresses.collect());
        let mut resolver = GuardedResolver { inner, reach: Reach::BeyondThisMachine };
        match resolver.call("service.test".parse().unwrap()).await {
            Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
            Err(error) => Err(forbidden(error.as_ref())),
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_forbidden_address_is_refused() {
        for address in ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1"] {
            let expected = Forbidden(address.parse().unwrap());
            assert_eq!(resolved(&[address]).await, Err(Some(expected)));
        }
    }

    #[tokio::test]
    async fn of_a_names_addresses_only_those_that_may_be_asked_are_left() {
        let public: IpAddr = "93.184.215.14".parse().unwrap();
        assert_eq!(resolved(&["127.0.0.1", "93.184.215.14", "::1"]).await, Ok(vec![public]));
        assert_eq!(resolved(&[]).await, Ok(Vec::new()));
    }
}
