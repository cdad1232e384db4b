//! The cause of a failed exchange, as a person wants to read it.
//!
//! Enters: the transport's error with its chain of layers. Leaves: an error whose chain begins where it says something:
//! what the system said of the address, what TLS said of the certificate, how a proxy on the way refused.

use std::error::Error;
use std::fmt;

/// What the layers between the client and the cause say: only that there is a cause below, which the message says
/// better. Matched by their words, for some of their types have no name; one that is missed is merely shown.
const LAYERS: [&str; 10] = [
    "client error (Connect)",
    "client error (SendRequest)",
    "connection error",
    "dns error",
    "error decoding response body",
    "error reading a body from connection",
    "error resolving DNS",
    "error sending request",
    "http2 error",
    "tcp connect error",
];

/// An error of the transport from where its chain begins to say something.
#[derive(Debug)]
pub(crate) struct Cause {
    error: reqwest::Error,
    /// So many layers above it are passed over.
    skipped: usize,
}

impl Cause {
    pub(crate) fn of(error: reqwest::Error) -> Self {
        // The URL may hold secrets, and the message names it.
        let error = error.without_url();
        let is_layer = |error: &&(dyn Error + 'static)| LAYERS.contains(&error.to_string().as_str());
        let skipped = chain(&error).take_while(is_layer).count();
        // Where nothing below says more, the last layer is all there is.
        let skipped = skipped.min(chain(&error).count() - 1);
        Self { error, skipped }
    }

    fn at(&self, depth: usize) -> Option<&(dyn Error + 'static)> {
        chain(&self.error).nth(self.skipped + depth)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at(0).map_or(Ok(()), |error| write!(f, "{error}"))
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.at(1)
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (**error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn layers_that_only_say_that_something_is_below_are_passed_over() {
        let refused = spile_testkit::fake_api::RefusedPort::reserve();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let error = client.build().unwrap().get(refused.url()).send().await.unwrap_err();
        assert!(chain(&error).count() > 2, "{error:?}");
        let cause = Cause::of(error);
        assert!(cause.to_string().starts_with("Connection refused"), "{cause}");
        assert!(!format!("{cause:?}").contains(&refused.url()), "{cause:?}");
        assert!(cause.source().is_none());
    }
}
