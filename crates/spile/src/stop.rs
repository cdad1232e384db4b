//! Ctrl-C and SIGTERM: the first asks to stop in an orderly way, the second ends at once.

use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first signal, after calling `told`; resolves at the second.
pub(crate) async fn signals(stop: CancellationToken, told: impl FnOnce()) {
    signal().await;
    told();
    stop.cancel();
    signal().await;
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => ctrl_c().await,
    }
}

#[cfg(not(unix))]
async fn signal() {
    ctrl_c().await;
}

/// Where signals cannot be heard, nobody asks to stop.
async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
