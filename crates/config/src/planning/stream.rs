//! A stream: its request, its progress, how its rows meet the table, and which of these go together.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use spile_expression::{RecordPath, Template};
use spile_model::StreamName;
use spile_plan::{
    BodyPlan, CachePlan, CursorOrder, CursorPlan, Injection, Lists, Lookback, MissingRecords, Naming, Nested,
    PaginationKind, PaginationPlan, RequestPlan, Reuse, ShapePlan, StreamPlan, WriteMode,
};
use url::Url;

use super::{Names, Planner};
use crate::column_type;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{
    BodySpec, CacheForm, CacheSpec, CursorForm, CursorSpec, ListsSpec, LookbackSpec, MethodSpec, MissingRecordsSpec,
    NamesSpec, NestedSpec, OrderSpec, ReuseSpec, StreamSpec, WriteSpec,
};

impl Planner<'_, '_, '_> {
    pub(super) fn stream(&mut self, name: &str, spec: &StreamSpec) -> Option<StreamPlan> {
        self.check_name(&["streams", name], "stream", name);
        let names = Names::Stream { cursor: spec.cursor.is_some() };
        let request = self.request(name, spec, names);
        let cost = self.cost(name, spec);
        let price = self.price(name, spec);
        let responses = self.responses(name, spec);
        let pagination = self.pagination(name, spec);
        let records = match &spec.records {
            Some(path) => self.record_path(&["streams", name, "records"], path),
            None => Some(RecordPath::root()),
        };
        let cursor = spec.cursor.as_ref().map_or(Some(None), |cursor| self.cursor(name, spec, cursor).map(Some));
        if let Some(pagination) = &pagination {
            self.check_places(name, pagination, cursor.as_ref().and_then(Option::as_ref));
        }
        let primary_key = self.primary_key(name, spec);
        let shape = self.shape(name, spec);
        let write = write_mode(spec, !primary_key.is_empty());
        self.check_progress(name, spec, write, request.as_ref(), cursor.as_ref().and_then(Option::as_ref));
        self.check_cache(name, spec, write, pagination.as_ref());
        Some(StreamPlan {
            name: StreamName::new(name),
            table: spec.table.clone().unwrap_or_else(|| name.to_owned()),
            request: request?,
            cost: cost?,
            price: price?,
            responses: responses?,
            pagination: pagination?,
            records: records?,
            missing_records: match spec.missing_records {
                None | Some(MissingRecordsSpec::Fail) => MissingRecords::Fail,
                Some(MissingRecordsSpec::Empty) => MissingRecords::Empty,
            },
            primary_key,
            cursor: cursor?,
            write,
            cache: cache(spec),
            shape,
        })
    }

    fn request(&mut self, stream: &str, spec: &StreamSpec, names: Names) -> Option<RequestPlan> {
        let path = spec.path.as_ref().and_then(|path| self.path(stream, path, names));
        let query = self.named(&["streams", stream, "query"], spec.query.as_ref(), names);
        let headers = self.headers(&["streams", stream, "headers"], spec.headers.as_ref(), names);
        let body = self.body(&["streams", stream, "body"], spec.body.as_ref(), names);
        let default_method = if spec.body.is_some() { "POST" } else { "GET" };
        let method = spec.method.map_or(default_method, MethodSpec::as_str);
        // POST and PATCH are the methods of this format that RFC 9110 does not call idempotent.
        let idempotent = spec.idempotent.unwrap_or(!matches!(method, "POST" | "PATCH"));
        Some(RequestPlan {
            method: method.to_owned(),
            path: path?,
            query: query?,
            headers: headers?,
            body: body?,
            idempotent,
        })
    }

    /// `Some(None)` where there is no body.
    pub(super) fn body(&mut self, path: &[&str], spec: Option<&BodySpec>, names: Names) -> Option<Option<BodyPlan>> {
        match spec {
            None => Some(None),
            Some(BodySpec::Json(value)) => {
                self.json(&[path, &["json"]].concat(), value, names).map(BodyPlan::Json).map(Some)
            }
            Some(BodySpec::Form(fields)) => {
                self.named(&[path, &["form"]].concat(), Some(fields), names).map(BodyPlan::Form).map(Some)
            }
        }
    }

    fn path(&mut self, stream: &str, text: &str, names: Names) -> Option<Template> {
        let at = ["streams", stream, "path"];
        let template = self.template(&at, text, names)?;
        let literal = template.is_literal().then_some(text);
        let problem = match literal {
            Some(text) if text.contains('#') => {
                Some(("a path cannot have a fragment (`#…`) in it", "remove it: it is never sent"))
            }
            Some(text) if text.contains('?') => {
                Some(("the path has a query in it", "put its parameters below `query:`"))
            }
            Some(text) if text.contains(char::is_whitespace) => {
                Some(("the path has a blank in it", "write a blank as `%20`, or remove it"))
            }
            Some(text) if text.contains("://") && !self.may_be_asked(text) => Some((
                "the path leads to another host",
                "write it like `/items`, it is put behind `base_url`; another origin must be one of the source's \
                 `allowed_origins`",
            )),
            _ => None,
        };
        if let Some((message, help)) = problem {
            self.report(&at, Diagnostic::error(Code::InvalidValue, message).with_help(help));
            return None;
        }
        Some(template)
    }

    /// Whether an origin that the source names has this address.
    fn may_be_asked(&self, address: &str) -> bool {
        let (Some(base), Some(allowed)) = (&self.base, &self.allowed) else {
            return true; // What is wrong there has been said.
        };
        let mut named = std::iter::once(base).chain(allowed);
        Url::parse(address).is_ok_and(|url| named.any(|known| known.origin() == url.origin()))
    }

    fn primary_key(&mut self, stream: &str, spec: &StreamSpec) -> Vec<String> {
        let Some(keys) = &spec.primary_key else { return Vec::new() };
        let mut seen = BTreeSet::new();
        for (index, key) in keys.as_slice().iter().enumerate() {
            let index = index.to_string();
            let path = ["streams", stream, "primary_key", &index];
            if key.trim().is_empty() {
                self.report(&path, Diagnostic::error(Code::InvalidValue, "a key of the primary key is empty"));
            } else if !seen.insert(key) {
                let message = format!("`{key}` is in the primary key twice");
                self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help("keep one of them"));
            }
        }
        keys.as_slice().to_vec()
    }

    fn cursor(&mut self, stream: &str, spec: &StreamSpec, cursor: &CursorForm) -> Option<CursorPlan> {
        let settings = match cursor {
            CursorForm::Settings(settings) => settings,
            CursorForm::Field(field) => {
                return Some(CursorPlan {
                    field: field.clone(),
                    inject: None,
                    format: None,
                    start: None,
                    lookback: Lookback::None,
                    order: CursorOrder::Unordered,
                });
            }
        };
        let inject = match &settings.param {
            Some(param) => self.injection(&["streams", stream, "cursor", "param"], spec, param).map(Some),
            None => Some(None),
        };
        let format = self.cursor_format(stream, settings);
        let start = match &settings.start {
            Some(start) => self.rendered(&["streams", stream, "cursor", "start"], &start.0).map(Some),
            None => Some(None),
        };
        Some(CursorPlan {
            field: settings.field.clone()?,
            inject: inject?,
            format: format?,
            start: start?,
            lookback: match &settings.lookback {
                None | Some(LookbackSpec::Count(0)) => Lookback::None,
                Some(LookbackSpec::Time(time)) if time.0.is_zero() => Lookback::None,
                Some(LookbackSpec::Time(time)) => Lookback::Time(time.0),
                Some(LookbackSpec::Count(count)) => Lookback::Count(*count),
            },
            order: match settings.order {
                Some(OrderSpec::Ascending) => CursorOrder::Ascending,
                None | Some(OrderSpec::Unordered) => CursorOrder::Unordered,
            },
        })
    }

    fn cursor_format(&mut self, stream: &str, settings: &CursorSpec) -> Option<Option<Template>> {
        let path = ["streams", stream, "cursor", "format"];
        let Some(text) = &settings.format else { return Some(None) };
        let template = self.template(&path, text, Names::Stream { cursor: true })?;
        if template.names().contains("cursor") {
            return Some(Some(template));
        }
        let message = "`format` does not use the cursor, so every request would be the same";
        let help = "write it as a template: \"{{ cursor | format_date('%Y-%m-%d') }}\"";
        self.report(&path, Diagnostic::error(Code::Conflict, message).with_help(help));
        None
    }

    fn shape(&mut self, stream: &str, spec: &StreamSpec) -> ShapePlan {
        let default = ShapePlan::default();
        ShapePlan {
            nested: spec.nested.map_or(default.nested, |nested| match nested {
                NestedSpec::Struct => Nested::Struct,
                NestedSpec::Json => Nested::Json,
                NestedSpec::Flatten => Nested::Flatten,
            }),
            lists: spec.lists.map_or(default.lists, |lists| match lists {
                ListsSpec::List => Lists::List,
                ListsSpec::Json => Lists::Json,
                ListsSpec::ChildTables => Lists::ChildTables,
            }),
            naming: spec.names.map_or(default.naming, |names| match names {
                NamesSpec::AsIs => Naming::AsIs,
                NamesSpec::SnakeCase => Naming::SnakeCase,
            }),
            columns: self.columns(stream, spec),
            detect_dates: spec.detect_dates.unwrap_or(default.detect_dates),
            max_columns: spec.max_columns.and_then(NonZeroUsize::new).unwrap_or(default.max_columns),
            max_depth: spec.max_depth.and_then(NonZeroUsize::new).unwrap_or(default.max_depth),
        }
    }

    fn columns(&mut self, stream: &str, spec: &StreamSpec) -> BTreeMap<String, spile_model::ColumnType> {
        let mut columns = BTreeMap::new();
        for (key, text) in spec.columns.iter().flat_map(|columns| columns.iter()) {
            match column_type::parse(&text.0) {
                Ok(column_type) => {
                    columns.insert(key.to_owned(), column_type);
                }
                Err(problem) => {
                    let path = ["streams", stream, "columns", key];
                    self.report(&path, Diagnostic::error(Code::InvalidValue, problem));
                }
            }
        }
        columns
    }

    /// No two values in one place of the request.
    fn check_places(&mut self, stream: &str, pagination: &PaginationPlan, cursor: Option<&CursorPlan>) {
        let mut taken: Vec<&Injection> = super::pagination::places(&pagination.kind);
        taken.extend(cursor.and_then(|cursor| cursor.inject.as_ref()));
        let twice = taken.iter().enumerate().find(|(at, place)| taken[..*at].contains(place));
        if let Some((_, place)) = twice {
            let name = match place {
                Injection::Query(name) | Injection::Header(name) => name.clone(),
                Injection::Body(keys) => keys.join("."),
            };
            let message = format!("two different values are sent as `{name}`");
            let help = "give each a parameter of its own";
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
            self.conflict(stream, &["pagination"], &["cursor"], diagnostic);
        }
    }

    /// Which ways of writing, keys and cursors go together without losing or doubling a row.
    fn check_progress(
        &mut self,
        stream: &str,
        spec: &StreamSpec,
        write: WriteMode,
        request: Option<&RequestPlan>,
        cursor: Option<&CursorPlan>,
    ) {
        let has_key = spec.primary_key.is_some();
        if write == WriteMode::Merge && !has_key {
            let message = "`write: merge` needs to know which rows are the same";
            let help = "add `primary_key:`, the key of the record that identifies it";
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
            self.conflict(stream, &["write"], &["primary_key"], diagnostic);
        }
        let Some(cursor) = cursor else { return };
        let is_sent = cursor.inject.is_some() || request.is_some_and(uses_cursor);
        match write {
            WriteMode::Append if cursor.lookback != Lookback::None && !has_key => {
                let message = "`lookback` reads records again, and `append` would add them again";
                let help = "add a `primary_key:`, so that they can be told apart, or remove `lookback`";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                self.conflict(stream, &["cursor", "lookback"], &["primary_key", "write"], diagnostic);
            }
            // Of a request that cannot be made, nobody knows what it would send.
            _ if !is_sent && request.is_none() => {}
            WriteMode::Append if !is_sent => {
                let message = "the cursor is not sent anywhere, so every run would read all and add all again";
                self.cursor_not_sent(stream, message);
            }
            WriteMode::Replace if is_sent => {
                let message =
                    "`write: replace` with a cursor would replace the table by what is new since the last run";
                let help = "use `write: merge` with a `primary_key`, or `write: append`, or remove `cursor`";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                self.conflict(stream, &["write"], &[], diagnostic);
            }
            _ if !is_sent && asks_for_more(cursor) => {
                let message = "the cursor is not sent anywhere, so these settings of it do nothing";
                self.cursor_not_sent(stream, message);
            }
            _ => {}
        }
    }

    /// Where the rows of an unchanged page would not stay in the table beside those of the others.
    fn check_cache(&mut self, stream: &str, spec: &StreamSpec, write: WriteMode, pagination: Option<&PaginationPlan>) {
        if cache(spec).is_none() {
            return;
        }
        let has_pages = pagination.is_none_or(|pagination| !matches!(pagination.kind, PaginationKind::None));
        let (message, help) = match write {
            WriteMode::Replace if has_pages => (
                "`write: replace` makes the table anew from all pages, and of an unchanged page `cache` has no rows",
                "use `write: merge` with a `primary_key`, or remove `cache`; a stream of one page may have both",
            ),
            WriteMode::Append if spec.cursor.is_none() => (
                "`write: append` without a cursor adds a copy of everything with each run, from which unchanged pages would \
                 be missing with `cache`",
                "use `write: merge` with a `primary_key`, add a `cursor`, or remove `cache`",
            ),
            _ => return,
        };
        let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
        self.conflict(stream, &["cache"], &["write", "pagination", "primary_key", "cursor"], diagnostic);
    }

    fn cursor_not_sent(&mut self, stream: &str, message: &str) {
        let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(SEND_IT);
        self.conflict(stream, &["cursor"], &["path", "query", "headers", "body", "primary_key", "write"], diagnostic);
    }

    /// Reports at the setting `at` of a stream what also rests on other settings of it.
    fn conflict(&mut self, stream: &str, at: &[&str], others: &[&str], diagnostic: Diagnostic) {
        let others: Vec<[&str; 3]> = others.iter().map(|setting| ["streams", stream, setting]).collect();
        let others: Vec<&[&str]> = others.iter().map(<[&str; 3]>::as_slice).collect();
        self.places.report_with(&[&["streams", stream], at].concat(), &others, diagnostic);
    }
}

const SEND_IT: &str = "name its parameter (`cursor: { field: …, param: since }`), or use `{{ cursor }}` in `query:`";

fn cache(spec: &StreamSpec) -> Option<CachePlan> {
    let default = CacheSpec::default();
    let settings = match spec.cache.as_ref()? {
        CacheForm::Switch(false) => return None,
        CacheForm::Switch(true) => &default,
        CacheForm::Settings(settings) => settings,
    };
    let reuse = match settings.reuse {
        None | Some(ReuseSpec::Never) => Reuse::Never,
        Some(ReuseSpec::Fresh) => Reuse::Fresh,
        Some(ReuseSpec::Heuristic) => Reuse::Heuristic,
    };
    let pages = settings.pages.and_then(NonZeroUsize::new).unwrap_or(CachePlan::PAGES);
    Some(CachePlan { reuse, pages })
}

fn write_mode(spec: &StreamSpec, has_key: bool) -> WriteMode {
    match spec.write {
        Some(WriteSpec::Append) => WriteMode::Append,
        Some(WriteSpec::Replace) => WriteMode::Replace,
        Some(WriteSpec::Merge) => WriteMode::Merge,
        None if has_key => WriteMode::Merge,
        None if spec.cursor.is_some() => WriteMode::Append,
        None => WriteMode::Replace,
    }
}

/// Whether any part of the request is made from the cursor.
fn uses_cursor(request: &RequestPlan) -> bool {
    let reads = |template: &Template| template.names().contains("cursor");
    let named = request.query.iter().chain(&request.headers).any(|named| reads(&named.value));
    reads(&request.path) || named || request.body.as_ref().is_some_and(|body| body_uses_cursor(body, &reads))
}

fn body_uses_cursor(body: &BodyPlan, reads: &dyn Fn(&Template) -> bool) -> bool {
    match body {
        BodyPlan::Form(fields) => fields.iter().any(|field| reads(&field.value)),
        BodyPlan::Json(json) => json_uses_cursor(json, reads),
    }
}

fn json_uses_cursor(json: &spile_plan::JsonTemplate, reads: &dyn Fn(&Template) -> bool) -> bool {
    use spile_plan::JsonTemplate;
    match json {
        JsonTemplate::Literal(_) => false,
        JsonTemplate::Text(template) => reads(template),
        JsonTemplate::List(items) => items.iter().any(|item| json_uses_cursor(item, reads)),
        JsonTemplate::Object(members) => members.iter().any(|(_, member)| json_uses_cursor(member, reads)),
    }
}

/// Settings that only mean something when the cursor is sent.
fn asks_for_more(cursor: &CursorPlan) -> bool {
    cursor.start.is_some() || cursor.format.is_some() || cursor.lookback != Lookback::None
}
