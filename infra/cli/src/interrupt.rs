//! Ctrl-C and requests to terminate.

/// The exit status with which shells report a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns once Ctrl-C is pressed, or the process is asked to terminate.
pub(crate) async fn wait_for_interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = terminated => {}
        () = interrupted => {}
    }
}
