//! Query parameters, replaced in place: opaque tokens and signatures in the other parameters keep the very bytes that
//! the API wrote, which a parse and a new serialisation would not promise.

use reqwest::Url;
use spile_model::secret::REDACTED;

/// Sets the parameter `name` to `value`: in the place of the first of that name, further ones removed, or at the end.
pub fn set(url: &mut Url, name: &str, value: &str) {
    let written = encode(name, value);
    let mut placed = false;
    let mut pairs: Vec<String> = Vec::new();
    for pair in pairs_of(url) {
        if !is_named(pair, name) {
            pairs.push(pair.to_owned());
        } else if !placed {
            placed = true;
            pairs.push(written.clone());
        }
    }
    if !placed {
        pairs.push(written);
    }
    url.set_query(Some(&pairs.join("&")));
}

/// Adds a parameter at the end, whether or not there is one of that name.
pub fn append(url: &mut Url, name: &str, value: &str) {
    let written = encode(name, value);
    let query = match url.query() {
        Some(before) if !before.is_empty() => format!("{before}&{written}"),
        _ => written,
    };
    url.set_query(Some(&query));
}

/// The query with the values of the parameters that `is_secret` names replaced; `None` where there is no query.
pub(crate) fn redacted(url: &Url, is_secret: impl Fn(&str) -> bool) -> Option<String> {
    url.query()?;
    let pairs: Vec<String> = pairs_of(url)
        .map(|pair| {
            let (name, _) = decoded(pair);
            if is_secret(&name) {
                let written = pair.split('=').next().unwrap_or_default();
                format!("{written}={REDACTED}")
            } else {
                pair.to_owned()
            }
        })
        .collect();
    Some(pairs.join("&"))
}

fn pairs_of(url: &Url) -> impl Iterator<Item = &str> {
    url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty())
}

fn is_named(pair: &str, name: &str) -> bool {
    decoded(pair).0 == name
}

fn decoded(pair: &str) -> (String, String) {
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .unwrap_or_default()
}

fn encode(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_parameter_is_replaced_in_its_place_and_the_others_keep_their_bytes() {
        let mut address = url("http://a.test/x?sig=%2f%2B+a%20b&page=1&z&page=7");
        set(&mut address, "page", "2");
        assert_eq!(address.query(), Some("sig=%2f%2B+a%20b&page=2&z"));
    }

    #[test]
    fn a_new_parameter_goes_to_the_end_and_is_encoded() {
        let mut address = url("http://a.test/x");
        set(&mut address, "since", "2024-01-01T00:00:00+01:00 &");
        append(&mut address, "since", "b");
        assert_eq!(address.query(), Some("since=2024-01-01T00%3A00%3A00%2B01%3A00+%26&since=b"));
    }

    #[test]
    fn secret_parameters_are_redacted_by_their_decoded_name() {
        let address = url("http://a.test/x?api%5Fkey=hunter2&page=1&api_key");
        let shown = redacted(&address, |name| name == "api_key");
        assert_eq!(shown.as_deref(), Some("api%5Fkey=[redacted]&page=1&api_key=[redacted]"));
        assert_eq!(redacted(&url("http://a.test/x"), |_| true), None);
    }
}
