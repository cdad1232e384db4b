//! The pinned version of an API: it becomes part of the address, a header or a parameter, and is remembered, so that
//! answers can be held against it.

use spile_expression::Template;
use spile_plan::{ApiVersionPlan, NamedTemplate};
use url::Url;

use super::{Names, Planner};
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{ApiVersionSpec, SourceSpec};

/// What requests accept where the file does not say it.
const ACCEPT: &str = "application/json";

/// Where Shopify, whose versions stand in paths, says which one answered.
const TOLD_BY_SHOPIFY: &str = "X-Shopify-API-Version";

/// What a pinned version is put into.
pub(super) struct Pinned<'p> {
    pub(super) base_url: Option<&'p mut String>,
    pub(super) headers: Option<&'p mut Vec<NamedTemplate>>,
    pub(super) query: Option<&'p mut Vec<NamedTemplate>>,
}

impl Planner<'_, '_, '_> {
    /// Puts the version where it is asked for. `Some(None)` where none is pinned.
    pub(super) fn api_version(&mut self, spec: &SourceSpec, into: Pinned<'_>) -> Option<Option<ApiVersionPlan>> {
        let Some(version) = &spec.api_version else { return Some(None) };
        let path = ["source", "api_version"];
        let value = self.rendered(&["source", "api_version", "value"], &version.value.0);
        let template = self.template(&["source", "api_version", "value"], &version.value.0, Names::Variables);
        let places = [&version.header, &version.query, &version.path, &version.media_type];
        if places.into_iter().flatten().count() != 1 {
            let message = "a version is asked for in exactly one place";
            let help = if places.iter().all(|place| place.is_none()) {
                "add one of `header`, `query`, `path` and `media_type`"
            } else {
                "keep one of `header`, `query`, `path` and `media_type`"
            };
            self.report(&path, Diagnostic::error(Code::Conflict, message).with_help(help));
            return None;
        }
        if let Some(answered_in) = &version.answered_in
            && !self.check_header_name(&["source", "api_version", "answered_in"], answered_in)
        {
            return None;
        }
        let (value, template) = (value?, template?);
        if let Some((problem, help)) = self.complain_about_version(&value, &template) {
            let at = ["source", "api_version", "value"];
            self.report(&at, Diagnostic::error(Code::InvalidValue, problem).with_help(help));
            return None;
        }
        self.pin(version, spec.auth.is_some(), &value, template, into)?;
        Some(Some(ApiVersionPlan { value, told_in: told_in(version) }))
    }

    fn complain_about_version(&self, value: &str, template: &Template) -> Option<(&'static str, &'static str)> {
        if self.variables.touches_secret(template) {
            return Some(("a version is no secret: it stands in addresses and in the report", "use another variable"));
        }
        let is_one = !matches!(value, "" | "." | "..") && !value.contains(char::is_control) && value.trim() == value;
        (!is_one).then_some(("this cannot be a version", "write it like `\"2024-01\"`, or remove `api_version`"))
    }

    fn pin(
        &mut self,
        version: &ApiVersionSpec,
        has_auth: bool,
        value: &str,
        template: Template,
        into: Pinned<'_>,
    ) -> Option<()> {
        if let Some(name) = &version.header {
            let at = ["source", "api_version", "header"];
            let headers = into.headers?;
            if has_auth && name.eq_ignore_ascii_case("authorization") {
                let message = "`Authorization` is what `auth` sends";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("name the header of the version");
                self.places.report_with(&at, &[&["source", "auth"]], diagnostic);
                return None;
            }
            if !self.check_header_name(&at, name) || self.is_there_twice(&at, "headers", name, headers, true) {
                return None;
            }
            headers.push(NamedTemplate { name: name.clone(), value: template });
        } else if let Some(name) = &version.query {
            let query = into.query?;
            if self.is_there_twice(&["source", "api_version", "query"], "query", name, query, false) {
                return None;
            }
            query.push(NamedTemplate { name: name.clone(), value: template });
        } else if let Some(before) = &version.path {
            let base_url = into.base_url?;
            let at = ["source", "api_version", "path"];
            let before = self.rendered_openly(&at, before, "a version's place is no secret")?;
            if before.contains(['?', '#']) {
                let message = format!("`{before}` is more than a path");
                let help = "write what stands before the version in the path, such as `/admin/api`";
                self.report(&at, Diagnostic::error(Code::InvalidValue, message).with_help(help));
                return None;
            }
            *base_url = behind(base_url, &before, value)?;
        } else if let Some(parameter) = &version.media_type {
            self.accept(parameter, &version.value.0, into.headers?)?;
        }
        Some(())
    }

    fn is_there_twice(
        &mut self,
        at: &[&str],
        key: &str,
        name: &str,
        others: &[NamedTemplate],
        ignore_case: bool,
    ) -> bool {
        let same = |other: &NamedTemplate| other.name == name || ignore_case && other.name.eq_ignore_ascii_case(name);
        let twice = others.iter().any(same);
        if twice {
            let message = format!("`{name}` is also in the source's `{key}`");
            self.report(at, Diagnostic::error(Code::Conflict, message).with_help("keep one of them"));
        }
        twice
    }

    /// `Accept: application/json; version=2`.
    fn accept(&mut self, parameter: &str, value: &str, headers: &mut Vec<NamedTemplate>) -> Option<()> {
        let at = ["source", "api_version", "media_type"];
        if !self.check_header_name(&at, parameter) {
            return None;
        }
        let present = headers.iter().position(|header| header.name.eq_ignore_ascii_case("accept"));
        let accepted = present.map_or(ACCEPT, |at| headers[at].value.source());
        let value = self.template(&at, &format!("{accepted}; {parameter}={value}"), Names::Variables)?;
        match present {
            Some(at) => headers[at].value = value,
            None => headers.push(NamedTemplate { name: "Accept".to_owned(), value }),
        }
        Some(())
    }
}

/// The base URL with the version in its path, behind what stands before it there.
fn behind(base_url: &str, before: &str, value: &str) -> Option<String> {
    let mut url = Url::parse(base_url).ok()?;
    let before = before.split('/').filter(|segment| !segment.is_empty());
    url.path_segments_mut().ok()?.pop_if_empty().extend(before).push(value);
    Some(url.into())
}

fn told_in(version: &ApiVersionSpec) -> Vec<String> {
    match (&version.answered_in, &version.header) {
        (Some(named), _) => vec![named.clone()],
        (None, Some(header)) => vec![header.clone()],
        (None, None) => vec![TOLD_BY_SHOPIFY.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_in_the_path_behind_what_the_file_says() {
        let at = |base: &str, before: &str| behind(base, before, "2024-01").unwrap();
        assert_eq!(at("https://shop.test", "/admin/api"), "https://shop.test/admin/api/2024-01");
        assert_eq!(at("https://shop.test/x/", "admin/api/"), "https://shop.test/x/admin/api/2024-01");
        assert_eq!(at("https://shop.test/x", "/"), "https://shop.test/x/2024-01");
        assert_eq!(behind("https://shop.test", "/", "a/b").unwrap(), "https://shop.test/a%2Fb");
    }
}
