//! Pagination: places, paths, and what must not be set twice.

use std::num::NonZeroU64;

use spile_expression::RecordPath;
use spile_plan::{Injection, PageLimit, PaginationKind, PaginationPlan, TokenSource};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{
    BodySpec, InjectionSpec, OffsetSpec, OneOrMany, PageNumberSpec, PageTokenSpec, PaginationSpec, PlaceSpec,
    StreamSpec, TokenPlace, TokenSpec,
};

/// At a thousand records a page, a hundred million records: more is a loop.
const DEFAULT_MAX_PAGES: NonZeroU64 = NonZeroU64::MIN.saturating_add(99_999);

impl Planner<'_, '_, '_> {
    pub(super) fn pagination(&mut self, stream: &str, spec: &StreamSpec) -> Option<PaginationPlan> {
        let kind = match &spec.pagination {
            None | Some(PaginationSpec::None) => PaginationKind::None,
            Some(PaginationSpec::LinkHeader) => PaginationKind::LinkHeader,
            Some(PaginationSpec::NextUrl(url)) => {
                let path = ["streams", stream, "pagination", "next_url"];
                PaginationKind::NextUrl { url: self.record_path(&path, url)? }
            }
            Some(PaginationSpec::PageToken(token)) => self.page_token(stream, spec, token)?,
            Some(PaginationSpec::PageNumber(number)) => self.page_number(stream, spec, number)?,
            Some(PaginationSpec::Offset(offset)) => self.offset(stream, spec, offset)?,
        };
        let max_pages = spec.max_pages.and_then(NonZeroU64::new).unwrap_or(DEFAULT_MAX_PAGES);
        Some(PaginationPlan { kind, max_pages })
    }

    fn page_token(&mut self, stream: &str, spec: &StreamSpec, token: &PageTokenSpec) -> Option<PaginationKind> {
        let path = ["streams", stream, "pagination", "page_token"];
        let source = self.token_source(&below(&path, "token"), &token.token)?;
        Some(PaginationKind::PageToken {
            token: source,
            inject: self.injection(&below(&path, "param"), spec, &token.param)?,
            has_more: self.optional_path(&below(&path, "has_more"), token.has_more.as_deref())?,
        })
    }

    /// Where a response has a token.
    pub(super) fn token_source(&mut self, path: &[&str], spec: &TokenSpec) -> Option<TokenSource> {
        match spec {
            TokenSpec::Path(text) => self.record_path(path, text).map(TokenSource::Body),
            TokenSpec::Place(TokenPlace::Body(text)) => {
                self.record_path(&below(path, "body"), text).map(TokenSource::Body)
            }
            TokenSpec::Place(TokenPlace::Header(name)) => {
                self.check_header_name(&below(path, "header"), name).then(|| TokenSource::Header(name.clone()))
            }
        }
    }

    fn page_number(&mut self, stream: &str, spec: &StreamSpec, number: &PageNumberSpec) -> Option<PaginationKind> {
        let path = ["streams", stream, "pagination", "page_number"];
        let page = self.injection_or(&below(&path, "param"), spec, number.param.as_ref(), "page")?;
        let size_param = match &number.size_param {
            Some(param) => Some(self.injection(&below(&path, "size_param"), spec, param)?),
            None => None,
        };
        let size = number.size.and_then(NonZeroU64::new);
        if size.is_none() {
            self.needs_size(&path, size_param.is_some(), number.stop_on_short_page.unwrap_or(false));
        }
        Some(PaginationKind::PageNumber {
            page,
            start: number.start.unwrap_or(1),
            size: size.map(|size| PageLimit { inject: size_param, size }),
            total_pages: self.optional_path(&below(&path, "total_pages"), number.total_pages.as_deref())?,
            has_more: self.optional_path(&below(&path, "has_more"), number.has_more.as_deref())?,
            stop_on_short_page: number.stop_on_short_page.unwrap_or(false),
        })
    }

    fn needs_size(&mut self, path: &[&str], has_param: bool, stops_on_short: bool) {
        for (key, needs) in [("size_param", has_param), ("stop_on_short_page", stops_on_short)] {
            if needs {
                let message = format!("`{key}` needs to know how many records a page holds");
                let help = "add `size:`";
                if !self.places.is_wrong(&below(path, "size")) {
                    let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                    self.places.report_key(&below(path, key), diagnostic);
                }
            }
        }
    }

    fn offset(&mut self, stream: &str, spec: &StreamSpec, offset: &OffsetSpec) -> Option<PaginationKind> {
        let path = ["streams", stream, "pagination", "offset"];
        let limit_param =
            self.injection_or(&below(&path, "limit_param"), spec, offset.limit_param.as_ref(), "limit")?;
        Some(PaginationKind::Offset {
            offset: self.injection_or(&below(&path, "param"), spec, offset.param.as_ref(), "offset")?,
            start: offset.start.unwrap_or(0),
            limit: PageLimit { inject: Some(limit_param), size: NonZeroU64::new(offset.limit)? },
            total: self.optional_path(&below(&path, "total"), offset.total.as_deref())?,
            has_more: self.optional_path(&below(&path, "has_more"), offset.has_more.as_deref())?,
            stop_on_short_page: offset.stop_on_short_page.unwrap_or(false),
        })
    }

    fn injection_or(
        &mut self,
        path: &[&str],
        stream: &StreamSpec,
        given: Option<&InjectionSpec>,
        default: &str,
    ) -> Option<Injection> {
        let default = InjectionSpec::Param(default.to_owned());
        self.injection(path, stream, given.unwrap_or(&default))
    }

    /// Where a value is sent; not where the stream already sends something else, and in a body only if there is one.
    pub(super) fn injection(&mut self, path: &[&str], stream: &StreamSpec, spec: &InjectionSpec) -> Option<Injection> {
        let injection = match spec {
            InjectionSpec::Param(name) | InjectionSpec::Place(PlaceSpec::Query(name)) => Injection::Query(name.clone()),
            InjectionSpec::Place(PlaceSpec::Header(name)) => {
                self.check_header_name(&below(path, "header"), name).then(|| Injection::Header(name.clone()))?
            }
            InjectionSpec::Place(PlaceSpec::Body(keys)) => Injection::Body(body_keys(keys)),
        };
        match &injection {
            Injection::Query(name)
                if stream.query.iter().flat_map(|query| query.iter()).any(|(key, _)| key == name) =>
            {
                let message = format!("the parameter `{name}` is also in the stream's `query`");
                let help = format!("remove `{name}` from `query`: it is filled in for every request");
                self.report(path, Diagnostic::error(Code::Conflict, message).with_help(help));
                None
            }
            Injection::Header(name)
                if stream.headers.iter().flat_map(|all| all.iter()).any(|(key, _)| key.eq_ignore_ascii_case(name)) =>
            {
                let message = format!("the header `{name}` is also in the stream's `headers`");
                let help = format!("remove `{name}` from `headers`: it is filled in for every request");
                self.report(path, Diagnostic::error(Code::Conflict, message).with_help(help));
                None
            }
            Injection::Body(keys) => self.check_body_place(path, stream, keys).then_some(injection),
            _ => Some(injection),
        }
    }

    fn check_body_place(&mut self, path: &[&str], stream: &StreamSpec, keys: &[String]) -> bool {
        let problem = match &stream.body {
            None => Some(("the stream sends no body to put this into", "give the stream one: `body: { json: {} }`")),
            Some(BodySpec::Form(_)) if keys.len() != 1 => Some((
                "a form field has one name, not a path of keys",
                "write the name of the field as a list: `body: [name]`",
            )),
            Some(BodySpec::Json(value)) if !value.is_object() => Some((
                "the stream's body is not a JSON object, so nothing can be put into it",
                "make the body an object",
            )),
            Some(_) if keys.iter().any(String::is_empty) => {
                Some(("a key of this path is empty", "write the keys with points between them: `variables.after`"))
            }
            Some(_) => None,
        };
        if let (Some((message, help)), [streams, name, ..]) = (problem, path) {
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
            self.places.report_with(path, &[&[streams, name, "body"]], diagnostic);
        }
        problem.is_none()
    }

    pub(super) fn record_path(&mut self, path: &[&str], text: &str) -> Option<RecordPath> {
        match RecordPath::compile(text) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.report(path, Diagnostic::error(Code::InvalidValue, error.to_string()));
                None
            }
        }
    }

    /// `Some(None)` where there is no path.
    fn optional_path(&mut self, path: &[&str], text: Option<&str>) -> Option<Option<RecordPath>> {
        text.map_or(Some(None), |text| self.record_path(path, text).map(Some))
    }
}

/// Every place of the request that paging fills.
pub(super) fn places(kind: &PaginationKind) -> Vec<&Injection> {
    match kind {
        PaginationKind::None | PaginationKind::NextUrl { .. } | PaginationKind::LinkHeader => Vec::new(),
        PaginationKind::PageToken { inject, .. } => vec![inject],
        PaginationKind::PageNumber { page, size, .. } => {
            std::iter::once(page).chain(size.as_ref().and_then(|size| size.inject.as_ref())).collect()
        }
        PaginationKind::Offset { offset, limit, .. } => std::iter::once(offset).chain(limit.inject.as_ref()).collect(),
    }
}

fn body_keys(keys: &OneOrMany<String>) -> Vec<String> {
    match keys {
        OneOrMany::One(path) => path.split('.').map(str::to_owned).collect(),
        OneOrMany::Many(keys) => keys.clone(),
    }
}

fn below<'k>(path: &[&'k str], key: &'k str) -> Vec<&'k str> {
    [path, &[key]].concat()
}
