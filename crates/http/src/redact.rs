//! What is shown never holds a secret: texts in, the same texts with `[redacted]` in their places out.
//!
//! It knows every secret variable, every credential as it is sent, and every value that a template makes of a secret, and
//! recognises each however its characters are written, and inside of longer texts that are encoded (`written`).
//! Secrets that come to be while running (tokens) are learned before anything is done with them.
//!
//! What is shown is short, and no secret is too short to be hidden there. What is kept is read again as data: there, what
//! may be a secret or not stays, and so does what is too short to be told from chance.

pub(crate) mod scrub;
mod written;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use spile_expression::{Scope, Template};
use spile_model::Secret;
use spile_plan::{BodyPlan, JsonTemplate, NamedTemplate, PipelinePlan};

use self::scrub::Scrubber;
use crate::query;

/// So many learned secrets are remembered. A token answer has three or so, and what is older has long expired.
const MOST_LEARNED: usize = 256;

pub(crate) struct Redactor {
    known: Mutex<Known>,
    /// Query parameters whose values are secret, whatever they are.
    parameters: BTreeSet<String>,
}

struct Known {
    /// What the plan says, and its credentials.
    given: Vec<Secret>,
    /// Those that came while running, oldest first.
    learned: VecDeque<Secret>,
    /// Those that may be none: they only look like it.
    suspected: VecDeque<Secret>,
    /// Made when it is asked for, and again after each change: what takes them all out of what is shown,
    shown: Option<Arc<Scrubber>>,
    /// and what takes those that are sure out of data.
    kept: Option<Arc<Scrubber>>,
}

impl Redactor {
    /// Of the plan, whose `credentials` are these; `parameter`: the key of the query that one of them is.
    pub(crate) fn new(plan: &PipelinePlan, credentials: Vec<Secret>, parameter: Option<&str>, scope: &Scope) -> Self {
        let mut secrets = plan.variables.secrets();
        secrets.extend(credentials);
        secrets.extend(crate::transport::proxy::secrets(&plan.source.proxy));
        let touched = templates(plan).filter(|template| plan.variables.touches_secret(template));
        let rendered: Vec<String> = touched.filter_map(|template| template.render(scope).ok().flatten()).collect();
        // What shows a secret as it is needs no place of its own, and more of it stays readable.
        let holds_one =
            |text: &String| secrets.iter().any(|secret| scrub::is_long(secret) && text.contains(secret.expose()));
        let made: Vec<Secret> = rendered.into_iter().filter(|text| !holds_one(text)).map(Secret::new).collect();
        secrets.extend(made);
        let parameters = queries(plan)
            .filter(|parameter| plan.variables.touches_secret(&parameter.value))
            .map(|parameter| parameter.name.clone())
            .chain(parameter.map(ToOwned::to_owned))
            .collect();
        Self::knowing(secrets, parameters)
    }

    pub(crate) fn knowing(given: Vec<Secret>, parameters: BTreeSet<String>) -> Self {
        let known = Known { given, learned: VecDeque::new(), suspected: VecDeque::new(), shown: None, kept: None };
        Self { known: Mutex::new(known), parameters }
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
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if known.given.contains(&secret) || list(&mut known).contains(&secret) {
                continue;
            }
            list(&mut known).push_back(secret);
            if list(&mut known).len() > MOST_LEARNED {
                list(&mut known).pop_front();
            }
            (known.shown, known.kept) = (None, None);
        }
    }

    /// What takes the present secrets out of data.
    pub(crate) fn scrubber(&self) -> Arc<Scrubber> {
        self.made(|known| &mut known.kept, |known| Scrubber::of_data(known.given.iter().chain(&known.learned)))
    }

    /// The scrubber in `place`, made if it is not there.
    fn made(
        &self,
        place: impl Fn(&mut Known) -> &mut Option<Arc<Scrubber>>,
        make: impl Fn(&Known) -> Scrubber,
    ) -> Arc<Scrubber> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scrubber) = place(&mut known) {
            return Arc::clone(scrubber);
        }
        let scrubber = Arc::new(make(&known));
        *place(&mut known) = Some(Arc::clone(&scrubber));
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
        let scrubber = self.made(
            |known| &mut known.shown,
            |known| Scrubber::of_texts(known.given.iter().chain(&known.learned).chain(&known.suspected)),
        );
        scrubber.text(text).into_owned()
    }

    /// `url` as it may be shown: without user, fragment and secrets.
    pub(crate) fn show_url(&self, url: &Url) -> String {
        self.clean(&self.without_secret_parameters(url))
    }
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
    use spile_model::secret::REDACTED;

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
        let redactor = knowing(&["hunter2/+ü~?>\"(", "short"]);
        for before in ["", "a", "ab", "abc", "user:"] {
            for written in [
                "hunter2/+ü~?>\"(",
                "hunter2%2F%2B%C3%BC~%3F%3E%22%28",
                "hunter2%2f%2b%c3%bc~%3f%3e%22(",
                "hunter2/+%C3%BC~?%3E%22(",
                "hunter2\\/+\\u00fc~?>\\\"(",
                "hunter2/+ü~?>\\\"(",
            ] {
                let text = format!("{before}{written}; and so on");
                let base64 = STANDARD_NO_PAD.encode(&text);
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
                let in_query = text.replace('%', "%25");
                let in_url = base64.replace('+', "-").replace('/', "_");
                for encoded in [base64, in_url, hex.to_uppercase(), hex, percent, in_query] {
                    let shown = redactor.clean(&format!("x \"{encoded}\" y"));
                    let left = shown.strip_prefix("x \"").and_then(|shown| shown.strip_suffix("\" y"));
                    let (first, last) = left.and_then(|left| left.split_once(REDACTED)).expect(&shown);
                    let secret = encoded.len() - first.len() - last.len();
                    assert!(encoded.starts_with(first) && encoded.ends_with(last), "{shown}");
                    assert!(secret + 4 >= encoded.len() * written.len() / text.len(), "{encoded} is shown as {shown}");
                }
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
    fn what_may_be_a_secret_is_not_shown_and_leaves_data_once_it_is_one() {
        let redactor = knowing(&[]);
        let kept = |text: &str| redactor.scrubber().text(text).into_owned();
        redactor.suspect(vec![Secret::new("account-17")]);
        assert_eq!((redactor.clean("account-17"), kept("account-17")), ("[redacted]".into(), "account-17".into()));
        redactor.learn(vec![Secret::new("account-17")]);
        assert_eq!((redactor.clean("account-17"), kept("account-17")), ("[redacted]".into(), "[redacted]".into()));
    }

    #[test]
    fn a_url_is_shown_without_its_user_its_fragment_and_its_secret_parameters() {
        let url = Url::parse("https://me:pw@api.test:8443/v1/s3cret?key=other&q=s3cret&page=2#top").unwrap();
        let shown = knowing(&["s3cret"]).show_url(&url);
        assert_eq!(shown, "https://api.test:8443/v1/[redacted]?key=[redacted]&q=[redacted]&page=2");
    }
}
