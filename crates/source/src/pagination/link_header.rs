//! The `Link` header names the next page (RFC 8288, `rel="next"`). They end where it does not.

use spile_http::header::LINK;
use spile_http::link;
use spile_model::Failure;

use super::{Next, Seen, follow};

pub(crate) struct LinkHeader;

impl LinkHeader {
    pub(super) fn next(&self, seen: &Seen<'_>) -> Result<Next, Failure> {
        let headers = seen.headers.get_all(LINK);
        let links = headers.iter().filter_map(|value| value.to_str().ok()).flat_map(link::parse);
        // A link with an anchor elsewhere speaks of another resource than the page that was asked for.
        let is_about_this = |anchor: &str| seen.url.join(anchor).is_ok_and(|anchor| anchor == *seen.url);
        let mut next =
            links.filter(|link| link.has_relation("next") && link.anchor.as_deref().is_none_or(is_about_this));
        next.next().map_or(Ok(Next::End), |link| follow(seen, &link.target))
    }
}
