//! What is shown never holds a secret: texts in, the same texts with `[redacted]` in their places out.
//!
//! It knows every secret variable, every credential as it is sent, and every value that a template makes of a secret, and
//! recognises each however its characters are written: as they are, percent-encoded or escaped as in JSON, all or some;
//! and inside of longer texts that are encoded in hex, base64 or once more in percent signs.
//! Secrets that come to be while running (tokens) are learned before anything is done with them.

mod encoded;
pub(crate) mod scrub;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::Url;
use spile_expression::{Scope, Template};
use spile_model::Secret;
use spile_model::secret::REDACTED;
use spile_plan::{BodyPlan, JsonTemplate, NamedTemplate, PipelinePlan};

use self::scrub::Scrubber;
use crate::auth::Authenticator;
use crate::query;

/// So many learned secrets are remembered. A token answer has three or so, and what is older has long expired.
const MOST_LEARNED: usize = 256;

pub(crate) struct Redactor {
    known: RwLock<Known>,
    /// Query parameters whose values are secret, whatever they are.
    parameters: BTreeSet<String>,
}

struct Known {
    /// Longest first, so that a secret that contains another is replaced whole.
    secrets: Vec<Secret>,
    /// Those among them that came while running, oldest first.
    learned: VecDeque<Secret>,
    /// Those that may be none: they only look like it.
    suspected: VecDeque<Secret>,
    /// Made of all but those when it is asked for, and again after each change.
    scrubber: Option<Arc<Scrubber>>,
}

impl Redactor {
    pub(crate) fn new(plan: &PipelinePlan, authenticator: &Authenticator, scope: &Scope) -> Self {
        let mut secrets = plan.variables.secrets();
        secrets.extend(authenticator.secrets());
        secrets.extend(crate::transport::proxy::secrets(&plan.source.proxy));
        let touched = templates(plan).filter(|template| plan.variables.touches_secret(template));
        secrets.extend(touched.filter_map(|template| template.render(scope).ok().flatten()).map(Secret::new));
        let parameters = queries(plan)
            .filter(|parameter| plan.variables.touches_secret(&parameter.value))
            .map(|parameter| parameter.name.clone())
            .chain(authenticator.secret_parameter().map(ToOwned::to_owned))
            .collect();
        Self::knowing(secrets, parameters)
    }

    pub(crate) fn knowing(mut secrets: Vec<Secret>, parameters: BTreeSet<String>) -> Self {
        secrets.retain(|secret| !secret.expose().is_empty());
        sort(&mut secrets);
        Self {
            known: RwLock::new(Known { secrets, learned: VecDeque::new(), suspected: VecDeque::new(), scrubber: None }),
            parameters,
        }
    }

    /// Takes in secrets that did not exist before: from now on no text shows them.
    pub(crate) fn learn(&self, secrets: Vec<Secret>) {
        self.take_in(secrets, |known| &mut known.learned);
    }

    /// Takes in what may be a secret: no text shows it from now on, but data may be kept that holds it. An answer that
    /// gives out tokens may name an account beside them, and so does every record.
    pub(crate) fn suspect(&self, secrets: Vec<Secret>) {
        self.take_in(secrets, |known| &mut known.suspected);
    }

    fn take_in(&self, secrets: Vec<Secret>, list: impl Fn(&mut Known) -> &mut VecDeque<Secret>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if !secret.expose().is_empty() && !known.secrets.contains(&secret) {
                known.secrets.push(secret.clone());
                list(&mut known).push_back(secret);
                known.scrubber = None;
            }
            if list(&mut known).len() > MOST_LEARNED
                && let Some(oldest) = list(&mut known).pop_front()
            {
                known.secrets.retain(|secret| *secret != oldest);
            }
        }
        sort(&mut known.secrets);
    }

    /// What takes the present secrets out of data.
    pub(crate) fn scrubber(&self) -> Arc<Scrubber> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(scrubber) = &known.scrubber {
            return Arc::clone(scrubber);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let sure = known.secrets.iter().filter(|secret| !known.suspected.contains(secret));
        let scrubber = Arc::new(Scrubber::new(sure));
        known.scrubber = Some(Arc::clone(&scrubber));
        scrubber
    }

    /// `url` without its user, its fragment and the values of parameters that are secret whatever they are.
    pub(crate) fn without_secret_parameters(&self, url: &Url) -> String {
        let origin = url.origin().ascii_serialization();
        let query = query::redacted(url, |name| self.parameters.contains(name));
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        format!("{origin}{}{query}", url.path())
    }

    /// `text` without any secret.
    pub(crate) fn clean(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        encoded::without(&known.without_written(text), |decoded| known.is_in(decoded))
    }

    /// `url` as it may be shown: without user, fragment and secrets.
    pub(crate) fn show_url(&self, url: &Url) -> String {
        self.clean(&self.without_secret_parameters(url))
    }
}

impl Known {
    /// `text` without any secret that is written in it, however its characters are.
    fn without_written(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            // A text may come here more than once; a secret such as `act` is not one in the mark of another.
            if let Some(behind) = rest.strip_prefix(REDACTED) {
                shown.push_str(REDACTED);
                rest = behind;
                continue;
            }
            let secret = self.secrets.iter().find_map(|secret| written_at_start(rest.as_bytes(), secret.expose()));
            if secret.is_some() {
                shown.push_str(REDACTED);
            } else {
                shown.push(first);
            }
            rest = &rest[secret.unwrap_or(first.len_utf8())..];
        }
        shown
    }

    /// Whether what was decoded holds a secret. Short ones are found by chance in what only looks encoded.
    fn is_in(&self, decoded: &str) -> bool {
        let long = || self.secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= encoded::SHORTEST_SECRET);
        decoded
            .char_indices()
            .any(|(at, _)| long().any(|secret| written_at_start(&decoded.as_bytes()[at..], secret).is_some()))
    }
}

fn sort(secrets: &mut [Secret]) {
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
}

/// How many bytes `secret` takes where `text` begins with it, in whatever way each of its characters is written.
fn written_at_start(text: &[u8], secret: &str) -> Option<usize> {
    let mut rest = text;
    for character in secret.chars() {
        rest = without_first(rest, character)?;
    }
    Some(text.len() - rest.len())
}

/// `text` behind its first character, where that is `wanted`.
fn without_first(text: &[u8], wanted: char) -> Option<&[u8]> {
    let plain = || text.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes());
    match text.first()? {
        b'%' => without_percent_encoded(text, wanted).or_else(plain),
        b'+' if wanted == ' ' => Some(&text[1..]),
        b'\\' => without_json_escape(text, wanted).or_else(plain),
        _ => plain(),
    }
}

fn without_percent_encoded(text: &[u8], wanted: char) -> Option<&[u8]> {
    let mut rest = text;
    for byte in wanted.encode_utf8(&mut [0; 4]).bytes() {
        let digits = rest.strip_prefix(b"%")?.get(..2)?;
        if hexadecimal(digits) != Some(u32::from(byte)) {
            return None;
        }
        rest = &rest[3..];
    }
    Some(rest)
}

/// A text that was put into JSON more than once has a character behind many backslashes.
fn without_json_escape(text: &[u8], wanted: char) -> Option<&[u8]> {
    let escaped = text.strip_prefix(b"\\")?;
    let first_other = escaped.iter().position(|byte| *byte != b'\\').unwrap_or(escaped.len());
    if first_other > 0 && matches!(wanted, '"' | '/') {
        return escaped[first_other..].strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let first = *escaped.first()?;
    if first != b'u' {
        let meant = match first {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'"' | b'\\' | b'/' => char::from(first),
            _ => return None,
        };
        return (meant == wanted).then(|| &escaped[1..]);
    }
    let mut rest = text;
    for unit in wanted.encode_utf16(&mut [0; 2]) {
        let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
        if hexadecimal(digits) != Some(u32::from(*unit)) {
            return None;
        }
        rest = &rest[6..];
    }
    Some(rest)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

fn queries(plan: &PipelinePlan) -> impl Iterator<Item = &NamedTemplate> {
    plan.source.query.iter().chain(plan.streams.iter().flat_map(|stream| &stream.request.query))
}

/// Every template that goes into a request. (The credentials of `auth` are known from the authenticator.)
fn templates(plan: &PipelinePlan) -> impl Iterator<Item = &Template> {
    let headers = plan.source.headers.iter().chain(plan.streams.iter().flat_map(|stream| &stream.request.headers));
    let named = headers.chain(queries(plan)).chain(plan.source.auth.named()).map(|named| &named.value);
    let paths = plan.streams.iter().map(|stream| &stream.request.path);
    let bodies = plan.streams.iter().filter_map(|stream| stream.request.body.as_ref());
    let bodies = bodies.chain(plan.source.auth.body()).flat_map(body_templates);
    named.chain(paths).chain(bodies)
}

fn body_templates(body: &BodyPlan) -> Vec<&Template> {
    match body {
        BodyPlan::Form(fields) => fields.iter().map(|field| &field.value).collect(),
        BodyPlan::Json(json) => json_templates(json),
    }
}

fn json_templates(json: &JsonTemplate) -> Vec<&Template> {
    match json {
        JsonTemplate::Literal(_) => Vec::new(),
        JsonTemplate::Text(template) => vec![template],
        JsonTemplate::List(items) => items.iter().flat_map(json_templates).collect(),
        JsonTemplate::Object(members) => members.iter().flat_map(|(_, member)| json_templates(member)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Redactor::knowing(secrets, ["key".to_owned()].into())
    }

    #[test]
    fn a_secret_is_recognised_however_its_characters_are_written() {
        let redactor = knowing(&["p/w \"ü\"😀%"]);
        for form in [
            "p/w \"ü\"😀%",
            "p%2Fw+%22%C3%BC%22%F0%9F%98%80%25",
            "p%2fw%20%22%c3%bc%22%f0%9f%98%80%25",
            "p/w%20\"ü\"😀%25",
            "p\\/w \\\"\\u00fc\\\"\\ud83d\\uDE00%",
            "%70%2f%77+\"ü\"😀%",
            "p\\/w \\\\\\\"ü\\\\\\\"😀%",
        ] {
            assert_eq!(redactor.clean(&format!("é {form} b")), "é [redacted] b", "{form}");
        }
        let others = "p/w %22 %2 %zz \\ \\u12 \\q p%2";
        assert_eq!(redactor.clean(others), others);
    }

    #[test]
    fn a_secret_is_recognised_inside_of_what_is_encoded_wherever_it_begins() {
        let redactor = knowing(&["hunter2/+ü~?>", "short"]);
        for before in ["", "a", "ab", "abc", "user:"] {
            // As it is, and as a query has it.
            for written in ["hunter2/+ü~?>", "hunter2%2F%2B%C3%BC~%3F%3E"] {
                let text = format!("{before}{written}; and so on");
                let base64 = STANDARD_NO_PAD.encode(&text);
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
                for encoded in [base64.replace('+', "-").replace('/', "_"), base64, hex.to_uppercase(), hex] {
                    assert_eq!(redactor.clean(&format!("x \"{encoded}\" y")), "x \"[redacted]\" y", "{text}");
                }
                let shown = redactor.clean(&percent);
                assert!(shown.contains("[redacted]") && !shown.contains("%75%6E%74"), "{shown}");
            }
        }
        let others = STANDARD_NO_PAD.encode("a short one, and another short one");
        assert_eq!(redactor.clean(&others), others);
    }

    #[test]
    fn a_secret_inside_another_or_inside_the_word_redacted_does_no_harm() {
        let redactor = knowing(&["red", "redder", "e", ""]);
        assert_eq!(redactor.clean("redder red x"), "[redacted] [redacted] x");
        assert_eq!(redactor.clean(&redactor.clean("redder red x")), "[redacted] [redacted] x");
        assert_eq!(knowing(&[]).clean("as it is"), "as it is");
    }

    #[test]
    fn what_is_learned_is_not_shown_from_then_on_and_the_oldest_is_forgotten_at_last() {
        let redactor = knowing(&["plan"]);
        assert_eq!(redactor.clean("plan tok-0"), "[redacted] tok-0");
        let token = |number: usize| Secret::new(format!("tok-{number}-"));
        (0..=MOST_LEARNED).for_each(|number| redactor.learn(vec![token(number), token(number)]));
        assert_eq!(redactor.clean("tok-0- tok-1- tok-256- plan"), "tok-0- [redacted] [redacted] [redacted]");
    }

    #[test]
    fn a_url_is_shown_without_its_user_its_fragment_and_its_secret_parameters() {
        let url = Url::parse("https://me:pw@api.test:8443/v1/s3cret?key=other&q=s3cret&page=2#top").unwrap();
        let shown = knowing(&["s3cret"]).show_url(&url);
        assert_eq!(shown, "https://api.test:8443/v1/[redacted]?key=[redacted]&q=[redacted]&page=2");
    }
}
