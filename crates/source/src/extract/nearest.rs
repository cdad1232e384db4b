//! The record paths that exist in a response, nearest first to one that does not.

use spile_expression::{RecordPath, Step};

use super::survey::List;
use super::{Clean, Reached, route, slice};

/// So many paths are named.
const SHOWN: usize = 3;

/// Paths to the lists that stand in `text`, as a message names them; the one that was most likely meant comes first.
pub(super) fn paths(text: &str, wanted: &RecordPath, lists: &[List], clean: Clean<'_>) -> Vec<String> {
    let steps = wanted.steps().unwrap_or_default();
    let shown = |path: &String| clean(path) == **path;
    if let Some(path) = lists.iter().find_map(|list| through(text, list, steps)).filter(shown) {
        return vec![format!("`{path}`")];
    }
    let last = steps.last().and_then(key);
    let of_that_name =
        |list: &List| last.zip(list.keys.last()).is_some_and(|(wanted, key)| wanted.eq_ignore_ascii_case(key));
    let mut lists: Vec<&List> = lists.iter().collect();
    lists.sort_by_key(|list| (!of_that_name(list), !list.of_objects, list.keys.len()));
    let named = lists.first().is_some_and(|list| of_that_name(list));
    let paths = lists.into_iter().filter_map(|list| written(&list.keys)).filter(shown);
    // A list of the very name leaves no doubt.
    paths.take(if named { 1 } else { SHOWN }).map(|path| format!("`{path}`")).collect()
}

/// The wanted path with `[*]` where it leads into the elements of this list, if that leads anywhere.
fn through(text: &str, list: &List, steps: &[Step]) -> Option<String> {
    let wanted: Vec<String> = steps.iter().map(|step| key(step).map(ToOwned::to_owned)).collect::<Option<_>>()?;
    let rest = wanted.strip_prefix(list.keys.as_slice()).filter(|rest| list.of_objects && !rest.is_empty())?;
    let path = format!("{}[*]{}", written(&list.keys)?, written(rest)?.strip_prefix('$')?);
    let routes = route::routes(&RecordPath::compile(&path).ok()?, &[])?;
    let found = slice::find(text, &routes, 0).ok()?;
    (found.reached == Reached::Values).then_some(path)
}

fn key(step: &Step) -> Option<&str> {
    match step {
        Step::Key(key) => Some(key),
        Step::Index(_) | Step::Each => None,
    }
}

/// The keys as a path; `None` where one would need escapes, which nobody wants to read.
fn written(keys: &[String]) -> Option<String> {
    let mut path = "$".to_owned();
    for key in keys {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.chars().all(is_name) && key.starts_with(|c: char| !c.is_ascii_digit()) {
            path.push_str(&format!(".{key}"));
        } else if key.contains(|c: char| matches!(c, '\'' | '\\' | '`') || c.is_control()) {
            return None;
        } else {
            path.push_str(&format!("['{key}']"));
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::survey::Survey;

    fn paths_for(wanted: &str, text: &str) -> Vec<String> {
        let wanted = RecordPath::compile(wanted).unwrap();
        paths(text, &wanted, &Survey::of(text).lists, &|text| text.replace("s3cret", "*"))
    }

    #[test]
    fn a_list_of_the_same_name_is_what_was_meant() {
        let text = r#"{"included":[{}],"data":{"Orders":[],"tags":[1]}}"#;
        assert_eq!(paths_for("$.orders", text), ["`$.data.Orders`"]);
        assert_eq!(paths_for("$.result.items", text), ["`$.included`", "`$.data.Orders`", "`$.data.tags`"]);
        assert_eq!(paths_for("$.data", "[{}]"), ["`$`"]);
        assert_eq!(paths_for("$.items", "{}"), [""; 0]);
    }

    #[test]
    fn a_path_that_forgets_that_there_is_a_list_is_told_where() {
        let text = r#"{"edges":[{"node":{"id":1}}]}"#;
        assert_eq!(paths_for("$.edges.node", text), ["`$.edges[*].node`"]);
        assert_eq!(paths_for("$.node", r#"[{"node":{}}]"#), ["`$[*].node`"]);
        assert_eq!(paths_for("$.edges.other", text), ["`$.edges`"]);
    }

    #[test]
    fn keys_are_written_as_a_path_reads_them_and_never_show_a_secret() {
        let text = r#"{"odd name":[],"9":[],"it's":[],"s3cret":[]}"#;
        assert_eq!(paths_for("$.x", text), ["`$['odd name']`", "`$['9']`"]);
        for path in ["$['odd name']", "$['9']"] {
            assert!(RecordPath::compile(path).unwrap().steps().is_some());
        }
    }
}
