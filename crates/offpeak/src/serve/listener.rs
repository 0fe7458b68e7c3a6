//! Accepting connections: HTTP/1.1, one small task each.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::drivers::until;

/// A client must send a request's head within this, so that idle half-requests do not pile up.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, and the most that is read ahead of a body.
const BUFFER: usize = 64 * 1024;

/// Serves connections until `stopped` says so, then until each has finished its call.
pub(super) async fn accept(listener: TcpListener, app: Router, mut stopped: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(BUFFER);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = until(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => serve(&http, stream, app.clone(), &graceful),
            Err(error) => {
                // Out of descriptors, most likely: the connections that end will free some.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

fn serve(http: &http1::Builder, stream: TcpStream, app: Router, graceful: &GracefulShutdown) {
    // Answers are written whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
