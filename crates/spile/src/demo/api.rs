//! The sample API: `GET /v1/customers` and `GET /v1/orders` on loopback.
//!
//! It behaves as APIs do: it wants a key, hands out page tokens, answers 429 with `Retry-After` now and then, fails
//! once in a while, and takes its time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::demo::data::{self, Kind};

/// The key that requests must carry. It opens nothing else.
pub(crate) const KEY: &str = "demo-key";

/// So long does an answer take: as an API in the same city.
const LATENCY: Duration = Duration::from_millis(25);

/// Of so many requests, one is refused by the rate limit, and another one fails.
const ROUND: u64 = 24;
const REFUSED: u64 = 9;
const FAILING: u64 = 3;

const LARGEST_PAGE: usize = 500;

/// The sample API, until it is dropped.
pub(crate) struct SampleApi {
    address: SocketAddr,
    shop: Arc<Shop>,
    serving: JoinHandle<()>,
}

struct Shop {
    /// Which day it is (see [`data`]).
    day: AtomicU64,
    requests: AtomicU64,
}

/// What a request may ask for.
#[derive(Debug, Deserialize)]
struct Asked {
    limit: Option<usize>,
    page_token: Option<String>,
    updated_since: Option<String>,
}

impl SampleApi {
    /// Serves on loopback, on that port or, with 0, on a free one.
    pub(crate) async fn start(port: u16, day: u64) -> std::io::Result<Self> {
        let shop = Arc::new(Shop { day: AtomicU64::new(day), requests: AtomicU64::new(0) });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route("/v1/customers", get(|shop, headers, asked| answer(shop, headers, asked, &data::CUSTOMERS)))
            .route("/v1/orders", get(|shop, headers, asked| answer(shop, headers, asked, &data::ORDERS)))
            .with_state(shop.clone());
        let serving = tokio::spawn(async move {
            // It ends with the demo; a connection that breaks is the client's to notice.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, shop, serving })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A handle that moves the day on, for who hears which run it is.
    pub(crate) fn calendar(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let shop = self.shop.clone();
        move |day| shop.day.store(day, Ordering::SeqCst)
    }
}

impl Drop for SampleApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    kind: &'static Kind,
) -> Response {
    tokio::time::sleep(LATENCY).await;
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != format!("Bearer {KEY}").as_str()) {
        return problem(StatusCode::UNAUTHORIZED, "a key is needed: Authorization: Bearer demo-key");
    }
    match shop.requests.fetch_add(1, Ordering::SeqCst) % ROUND {
        REFUSED => {
            let refusal = problem(StatusCode::TOO_MANY_REQUESTS, "too many requests; come back in a second");
            ([(header::RETRY_AFTER, "1")], refusal).into_response()
        }
        FAILING => problem(StatusCode::INTERNAL_SERVER_ERROR, "the sample API fails once in a while, as APIs do"),
        _ => page(kind, shop.day.load(Ordering::SeqCst), &asked),
    }
}

fn page(kind: &Kind, day: u64, asked: &Asked) -> Response {
    let Some(offset) = asked.page_token.as_deref().map_or(Some(0), offset) else {
        return problem(StatusCode::BAD_REQUEST, "this page token was not handed out here");
    };
    let since = match asked.updated_since.as_deref().map(str::parse::<Timestamp>) {
        None => Timestamp::MIN,
        Some(Ok(since)) => since,
        Some(Err(_)) => return problem(StatusCode::BAD_REQUEST, "updated_since must be a time in RFC 3339"),
    };
    let size = asked.limit.unwrap_or(100).clamp(1, LARGEST_PAGE);
    let mut found = (1..=kind.count(day)).filter(|&id| kind.updated_at(id, day) >= since).skip(offset);
    let data: Vec<Value> = found.by_ref().take(size).map(|id| kind.record(id, day)).collect();
    let next = found.next().map(|_| token(offset + data.len()));
    Json(json!({ "data": data, "next_page_token": next })).into_response()
}

/// Tokens are opaque to clients; this one only looks so.
fn token(offset: usize) -> String {
    format!("pt_{:x}", offset ^ 0x5a5a_5a5a)
}

fn offset(token: &str) -> Option<usize> {
    usize::from_str_radix(token.strip_prefix("pt_")?, 16).ok().map(|mixed| mixed ^ 0x5a5a_5a5a)
}

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "status": status.as_u16(), "detail": detail }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_leads_back_to_its_place() {
        assert_eq!(offset(&token(250)), Some(250));
        assert_eq!(offset("250"), None);
    }
}
