//! The weather's service behind one that can answer in its place: so that it is away, and comes back, when a
//! test says so.

use std::net::SocketAddr;
use std::sync::Arc;

use sample::Weather;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::weather;

/// A response without a body: `status("503 Service Unavailable", "retry-after: 90\r\n")`.
#[must_use]
pub fn status(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n")
}

/// The URL of the weather's service; a request for which `instead` has a response does not reach it.
///
/// # Panics
/// When no port can be had.
pub async fn answering_instead(
    instead: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> String {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = service.local_addr().unwrap();
    tokio::spawn(Weather::load(&weather()).unwrap().serve(service));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let instead: Arc<dyn Fn() -> Option<String> + Send + Sync> = Arc::new(instead);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, upstream, Arc::clone(&instead)));
        }
    });
    url
}

/// Requests and responses are short: each comes in one piece.
async fn relay(
    mut client: TcpStream,
    upstream: SocketAddr,
    instead: Arc<dyn Fn() -> Option<String> + Send + Sync>,
) {
    let mut service = TcpStream::connect(upstream).await.unwrap();
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = client.read(&mut piece).await {
        let answered = match instead() {
            Some(response) => client.write_all(response.as_bytes()).await,
            None => {
                if service.write_all(&piece[..length]).await.is_err() {
                    return;
                }
                let Ok(length @ 1..) = service.read(&mut piece).await else { return };
                client.write_all(&piece[..length]).await
            }
        };
        if answered.is_err() {
            return;
        }
    }
}
