//! An authorization server that people run: npm's `oidc-provider`, certified for OpenID Connect, an API that takes its
//! tokens, and a person who logs in at its pages.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::place::tool;

/// Names the module of npm's `oidc-provider`.
const PROVIDER: &str = "SPILE_TEST_OIDC_PROVIDER";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/oidc_provider/server.mjs");

/// The provider, its API and the person. All end with this value.
///
/// The API answers any path with what the token is for, or 401; `/counts` tells how many access tokens were `issued`, how
/// many requests `refused`, and how many consents `revoked` because a refresh token came twice; `/revoke` ends the token
/// that it is asked with. `/person?url=…` sends a browser to the provider, where somebody logs in and agrees (with
/// `refuses`, does not); it answers with the address where the browser `ended`, and with `comes_back` goes there too and
/// tells its `status` and `page`. With `user_code`, that is entered where the page wants one.
pub struct OidcProvider {
    server: Child,
    /// Its address.
    pub issuer: String,
    /// Its API's address.
    pub api: String,
    /// The private keys of the clients that sign.
    pub keys: Value,
}

impl OidcProvider {
    /// With these clients (as OpenID's registration describes them; `signs` names the algorithm of one that signs), and
    /// access tokens that live so many seconds.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(clients: &Value, lifetime: u64) -> Self {
        let settings = json!({"clients": clients, "lifetime": lifetime});
        let mut server = Command::new("node")
            .arg(SCRIPT)
            .arg(tool(PROVIDER))
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut line = String::new();
        let output = server.stdout.take().expect("it is a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says where it is");
        let places: Value = serde_json::from_str(&line).expect("the provider starts");
        let place = |name: &str| places[name].as_str().unwrap_or_default().to_owned();
        Self { server, issuer: place("issuer"), api: place("api"), keys: places["keys"].clone() }
    }

    /// The address under which a person goes to `url`, with what else is asked of them.
    pub fn person(&self, url: &str, wishes: &[(&str, &str)]) -> String {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("url", url).extend_pairs(wishes).finish();
        format!("{}/person?{query}", self.api)
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
