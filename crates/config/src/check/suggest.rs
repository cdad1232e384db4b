//! "Did you mean": the nearest name, the word other tools use, and names that come with a later version.

use strsim::damerau_levenshtein;

/// Words of other tools and of habit, with ours.
const SYNONYMS: [(&str, &[&str]); 18] = [
    ("base_url", &["url", "host", "server", "url_base", "baseurl"]),
    ("path", &["endpoint", "route", "uri", "url"]),
    ("query", &["params", "parameters", "query_params", "request_parameters"]),
    ("headers", &["header", "request_headers"]),
    (
        "records",
        &["data_selector", "data_path", "record_path", "record_selector", "json_path", "root", "items", "data"],
    ),
    ("pagination", &["paginator", "paging", "pages"]),
    ("primary_key", &["key", "id", "primary_keys", "unique_key", "keys"]),
    ("cursor", &["incremental", "cursor_field", "replication_key", "bookmark"]),
    ("write", &["write_disposition", "mode", "sync_mode", "disposition", "materialize"]),
    ("auth", &["authentication", "authenticator", "authorization", "credentials"]),
    ("streams", &["resources", "resource", "tables", "endpoints"]),
    ("destination", &["target", "sink", "dest", "output"]),
    ("variables", &["vars", "config", "inputs", "parameters", "env"]),
    ("rate_limit", &["ratelimit", "throttle", "quota"]),
    ("bearer", &["token", "api_token", "access_token"]),
    ("method", &["verb", "http_method"]),
    ("retries", &["retry", "retry_policy", "backoff"]),
    ("responses", &["error_handler", "response_filters", "response_actions"]),
];

/// Keys that the design has and this version does not.
const LATER: [&str; 4] = ["partitions", "for_each", "webhooks", "schedule"];

/// The known name that was probably meant.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let known: Vec<&str> = known.into_iter().collect();
    let plain = simplified(name);
    if let Some(same) = known.iter().find(|candidate| simplified(candidate) == plain) {
        return Some(same);
    }
    let by_distance = known
        .iter()
        .map(|candidate| (damerau_levenshtein(&plain, &simplified(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= allowed_distance(name, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    by_distance.or_else(|| synonym(&plain, &known))
}

/// The hint for an unknown name among the known ones.
pub(crate) fn did_you_mean<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(name, known).map(|found| format!("did you mean `{found}`?"))
}

/// Whether a later version knows this key.
pub(crate) fn comes_later(key: &str) -> bool {
    LATER.contains(&key)
}

/// One slip in a short word, one in three letters of a longer one.
fn allowed_distance(name: &str, candidate: &str) -> usize {
    let length = name.chars().count().min(candidate.chars().count());
    (length / 3).clamp(1, 3)
}

fn simplified(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

fn synonym<'n>(plain: &str, known: &[&'n str]) -> Option<&'n str> {
    let ours = SYNONYMS.iter().filter(|(_, theirs)| theirs.iter().any(|word| simplified(word) == plain));
    ours.filter_map(|(ours, _)| known.iter().find(|candidate| *candidate == ours)).next().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_keyboard_find_their_word() {
        let known = ["pagination", "path", "primary_key", "query"];
        assert_eq!(nearest("paginatoin", known), Some("pagination"));
        assert_eq!(nearest("primaryKey", known), Some("primary_key"));
        assert_eq!(nearest("qurey", known), Some("query"));
        assert_eq!(nearest("pth", known), Some("path"));
    }

    #[test]
    fn words_of_other_tools_find_ours() {
        assert_eq!(nearest("params", ["path", "query"]), Some("query"));
        assert_eq!(nearest("write_disposition", ["path", "write"]), Some("write"));
    }

    #[test]
    fn a_name_unlike_any_gets_no_suggestion() {
        assert_eq!(nearest("colour", ["path", "query"]), None);
        assert_eq!(nearest("", ["path"]), None);
    }
}
