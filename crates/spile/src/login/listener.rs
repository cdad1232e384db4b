//! Waits on this machine for the browser to come back (RFC 8252, 7.3).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::{Host, Url};

use crate::login::page::Page;

/// What a browser came back with, or what somebody pasted.
pub(crate) struct Answer {
    pub(crate) parameters: Vec<(String, String)>,
    /// Where the page goes that the browser shows; none for what was pasted.
    pub(crate) page: Option<oneshot::Sender<Page>>,
}

/// Listens until it is closed.
pub(crate) struct Listener {
    redirect_uri: String,
    stop: CancellationToken,
    serving: TaskTracker,
}

#[derive(Clone)]
struct Waiting {
    pipeline: String,
    path: String,
    answers: mpsc::Sender<Answer>,
}

impl Listener {
    /// Listens at `redirect_uri`, or at a free port where it has none; nothing listens where it is not this machine's.
    ///
    /// # Errors
    /// The port is taken, or may not be had.
    pub(crate) async fn start(
        redirect_uri: &str,
        pipeline: &str,
        answers: mpsc::Sender<Answer>,
    ) -> std::io::Result<Option<Self>> {
        let Ok(mut url) = Url::parse(redirect_uri) else { return Ok(None) };
        let named = names_port(redirect_uri).then(|| url.port_or_known_default()).flatten();
        let Some(sockets) = bind(&url, named.unwrap_or(0)).await? else { return Ok(None) };
        let mut redirect_uri = redirect_uri.to_owned();
        if named.is_none() {
            let port = sockets.first().map(TcpListener::local_addr).transpose()?.map(|address| address.port());
            // A URL of a host takes any port.
            let _ = url.set_port(port);
            redirect_uri = url.to_string();
        }
        let waiting = Waiting { pipeline: pipeline.to_owned(), path: url.path().to_owned(), answers };
        let (stop, serving) = (CancellationToken::new(), TaskTracker::new());
        for socket in sockets {
            let routes = Router::new().fallback(take).with_state(waiting.clone());
            let stopped = stop.clone().cancelled_owned();
            serving.spawn(async move {
                // It ends with the login; a connection that breaks is the browser's to notice.
                let _ = axum::serve(socket, routes).with_graceful_shutdown(stopped).await;
            });
        }
        serving.close();
        Ok(Some(Self { redirect_uri, stop, serving }))
    }

    /// Where the browser comes back to, port included.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Takes no more answers; returns when the pages that were given are delivered.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.serving.wait().await;
    }
}

/// Whether the address has a port. A parsed one does not tell: `http://localhost:80` has none there.
fn names_port(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Browsers ask for `localhost` at either of its addresses, so both are listened at, where this machine has both. At the
/// port 0, a free one is found.
async fn bind(url: &Url, port: u16) -> std::io::Result<Option<Vec<TcpListener>>> {
    let v4 = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    Ok(match url.host() {
        Some(Host::Ipv4(address)) if address.is_loopback() => Some(vec![TcpListener::bind((address, port)).await?]),
        Some(Host::Ipv6(address)) if address.is_loopback() => Some(vec![TcpListener::bind(v6(port)).await?]),
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            let first = TcpListener::bind(v4(port)).await?;
            let same = first.local_addr()?.port();
            let second = TcpListener::bind(v6(same)).await.ok();
            Some([first].into_iter().chain(second).collect())
        }
        _ => None,
    })
}

async fn take(State(waiting): State<Waiting>, uri: Uri, Query(parameters): Query<Vec<(String, String)>>) -> Response {
    // A browser also asks for the icon of the page.
    if uri.path() != waiting.path || parameters.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (page, shown) = oneshot::channel();
    let sent = waiting.answers.send(Answer { parameters, page: Some(page) }).await;
    match (sent, shown.await) {
        (Ok(()), Ok(page)) => page.show(&waiting.pipeline),
        // The login that waited has ended.
        _ => Page::of_another_login().show(&waiting.pipeline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(redirect_uri: &str) -> Option<Listener> {
        let (answers, _) = mpsc::channel(1);
        Listener::start(redirect_uri, "shop", answers).await.unwrap()
    }

    #[tokio::test]
    async fn an_address_without_a_port_gets_a_free_one_and_one_with_a_port_stays_to_the_letter() {
        let free = start("http://127.0.0.1/callback").await.unwrap();
        let port = Url::parse(free.redirect_uri()).unwrap().port().unwrap();
        assert_eq!(free.redirect_uri(), format!("http://127.0.0.1:{port}/callback"));
        free.close().await;
        let exact = format!("http://LOCALHOST:{port}");
        assert_eq!(start(&exact).await.unwrap().redirect_uri(), exact);
        assert!(start("https://example.com/callback").await.is_none());
    }

    #[test]
    fn a_port_is_one_that_is_written_also_where_it_is_the_schemes_own() {
        for (address, named) in [
            ("http://localhost:80/cb", true),
            ("http://127.0.0.1:8400?a=b", true),
            ("http://[::1]:80", true),
            ("http://localhost/cb:80", false),
            ("http://localhost?x=http://a:80", false),
            ("http://localhost:/cb", false),
            ("http://[::1]/cb", false),
        ] {
            assert_eq!(names_port(address), named, "{address}");
        }
    }

    #[tokio::test]
    async fn the_schemes_own_port_is_listened_at_or_nothing_is() {
        let (answers, _) = mpsc::channel(1);
        let exact = "http://127.0.0.1:80/cb";
        // Not every user may listen there.
        if let Ok(listener) = Listener::start(exact, "shop", answers).await {
            assert_eq!(listener.unwrap().redirect_uri(), exact);
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error() {
        let first = start("http://127.0.0.1/callback").await.unwrap();
        let (answers, _) = mpsc::channel(1);
        assert!(Listener::start(first.redirect_uri(), "shop", answers).await.is_err());
    }
}
