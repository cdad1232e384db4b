use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use spile_http::Surroundings;
use spile_model::{Events, Secret, SystemClock};
use spile_plan::{JsonTemplate, Variable};
use spile_testkit::plan::{named, pipeline, stream, template};

use super::*;

struct Case {
    plan: PipelinePlan,
    from: Option<CursorValue>,
}

fn case(base_url: &str, path: &str) -> Case {
    let mut plan = pipeline(base_url, vec![stream("items")]);
    plan.variables = Variables(BTreeMap::from([
        ("team".to_owned(), Variable::Plain(json!("a b"))),
        ("unset".to_owned(), Variable::Plain(json!(null))),
        ("size".to_owned(), Variable::Plain(json!(50))),
        ("token".to_owned(), Variable::Secret(Secret::new("s3cret"))),
    ]));
    plan.streams[0].request.path = template(path);
    Case { plan, from: None }
}

fn cursor(format: Option<&str>, inject: Option<Injection>) -> CursorPlan {
    CursorPlan {
        inject,
        format: format.map(template),
        start: Some("2020-01-01".to_owned()),
        ..spile_testkit::plan::cursor("updated_at")
    }
}

impl Case {
    fn render_at(&self, position: &Position, injections: &[Inject<'_>]) -> Result<Request, Failure> {
        let client = Client::new(&self.plan, Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 1)).unwrap();
        Requests::new(&self.plan, &self.plan.streams[0], self.from.clone(), &client).render(position, injections)
    }

    fn render(&self) -> Request {
        self.render_at(&Position::First, &[]).unwrap()
    }

    fn refusal(&self) -> String {
        let failure = self.render_at(&Position::First, &[]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        failure.message
    }
}

#[test]
fn a_path_stands_behind_the_path_of_the_base() {
    for (base, path, expected) in [
        ("http://a.test", "/items", "http://a.test/items"),
        ("http://a.test/", "items", "http://a.test/items"),
        ("http://a.test/v1", "/items", "http://a.test/v1/items"),
        ("http://a.test/v1/", "/items/", "http://a.test/v1/items/"),
        ("http://a.test/v1", "", "http://a.test/v1"),
        ("http://a.test/v1?k=1", "/items?x=2", "http://a.test/v1/items?k=1&x=2"),
        ("http://a.test/v1", "/teams/{{ team }}/x", "http://a.test/v1/teams/a%20b/x"),
        ("http://a.test/v1", "http://a.test/other", "http://a.test/other"),
    ] {
        assert_eq!(case(base, path).render().url.as_str(), expected, "{base} {path}");
    }
}

#[test]
fn query_parameters_keep_their_order_and_those_of_nothing_are_left_out() {
    let mut case = case("http://a.test", "/items");
    case.plan.source.query = vec![named("z", "1"), named("none", "{{ unset }}")];
    let own = &mut case.plan.streams[0].request;
    own.query = vec![
        named("b", "{{ team }}&"),
        named("a", "{{ size }}"),
        named("since", "after {{ cursor }}"),
        named("a", "2"),
    ];
    own.headers = vec![named("X-Team", "{{ team }}"), named("X-None", "{{ unset }}"), named("X-Key", "k {{ token }}")];
    let request = case.render();
    assert_eq!(request.url.query(), Some("z=1&b=a+b%26&a=50&a=2"));
    assert_eq!(request.headers.len(), 2);
    assert_eq!(request.headers["x-team"], "a b");
    assert!(request.headers["x-key"].is_sensitive() && !request.headers["x-team"].is_sensitive());
}

#[test]
fn a_streams_own_parameters_and_headers_take_the_place_of_the_sources() {
    let mut case = case("http://a.test", "/items");
    case.plan.source.query = vec![named("size", "10"), named("kind", "all"), named("team", "1"), named("kind", "more")];
    case.plan.source.headers = vec![named("Accept", "text/csv"), named("X-Team", "1"), named("X-All", "yes")];
    let own = &mut case.plan.streams[0].request;
    own.query = vec![named("kind", "{{ unset }}"), named("size", "20"), named("size", "21")];
    own.headers = vec![named("accept", "text/html"), named("x-team", "{{ unset }}")];
    let request = case.render();
    assert_eq!(request.url.query(), Some("team=1&size=20&size=21"));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers.len(), 2);
    assert!(headers.contains(&("x-all", "yes")) && headers.contains(&("accept", "text/html")), "{headers:?}");
}

#[test]
fn the_sources_parameters_are_for_its_own_origin_alone() {
    let mut case = case("http://a.test", "http://files.test/items");
    case.plan.source.query = vec![named("key", "{{ token }}"), named("tenant", "7")];
    case.plan.streams[0].request.query = vec![named("size", "{{ size }}")];
    assert_eq!(case.render().url.as_str(), "http://files.test/items?size=50");
    case.plan.streams[0].request.path = template("http://a.test/items");
    assert_eq!(case.render().url.as_str(), "http://a.test/items?key=s3cret&tenant=7&size=50");
}

#[test]
fn what_cannot_be_rendered_or_sent_names_its_place() {
    let nothing = case("http://a.test", "/items/{{ unset }}").refusal();
    assert_eq!(nothing, "`path` renders to nothing: a name in `/items/{{ unset }}` has no value");
    let mut broken = case("http://a.test", "/items");
    broken.plan.streams[0].request.query = vec![named("at", "{{ team | epoch }}")];
    assert!(broken.refusal().starts_with("`query.at`: `{{ team | epoch }}` does not render"), "{}", broken.refusal());
    let mut header = case("http://a.test", "/items");
    header.plan.streams[0].request.headers = vec![named("X-A", "a\nb")];
    assert!(header.refusal().contains("`X-A`"));
    header.plan.streams[0].request.headers = vec![named("Content-Length", "7")];
    assert!(header.refusal().contains("cannot be set"));
}

#[test]
fn bodies_are_json_with_types_or_forms() {
    let mut case = case("http://a.test", "/items");
    let text = |source: &str| JsonTemplate::Text(template(source));
    case.plan.streams[0].request.method = "POST".to_owned();
    case.plan.streams[0].request.body = Some(BodyPlan::Json(JsonTemplate::Object(vec![
        ("size".to_owned(), text("{{ size }}")),
        ("none".to_owned(), text("{{ unset }}")),
        (
            "list".to_owned(),
            JsonTemplate::List(vec![text("p{{ size }}"), text("{{ unset }}"), JsonTemplate::Literal(json!(false))]),
        ),
    ])));
    let body = case.render().body.unwrap();
    assert_eq!(
        (body.content_type, &body.bytes[..]),
        ("application/json", br#"{"size":50,"list":["p50",false]}"#.as_slice())
    );
    case.plan.streams[0].request.body = Some(BodyPlan::Form(vec![named("a", "{{ team }}"), named("b", "{{ unset }}")]));
    let body = case.render().body.unwrap();
    assert_eq!((body.content_type, &body.bytes[..]), ("application/x-www-form-urlencoded", b"a=a+b".as_slice()));
}

#[test]
fn the_cursor_goes_where_it_is_wanted_in_the_form_that_is_wanted() {
    let mut case = case("http://a.test", "/items");
    let inject = Some(Injection::Query("since".to_owned()));
    case.plan.streams[0].cursor = Some(cursor(None, inject.clone()));
    assert_eq!(case.render().url.query(), Some("since=2020-01-01"), "the start, while there is no cursor");
    case.from = Some(CursorValue::Timestamp(1_735_689_600_000_000));
    assert_eq!(case.render().url.query(), Some("since=2025-01-01T00%3A00%3A00Z"));
    case.plan.streams[0].cursor = Some(cursor(Some("{{ cursor | epoch }}"), inject));
    case.plan.streams[0].request.query = vec![named("since", "overridden"), named("q", "updated>{{ cursor }}")];
    assert_eq!(case.render().url.query(), Some("since=1735689600&q=updated%3E1735689600"));
    case.plan.streams[0].cursor =
        Some(cursor(None, Some(Injection::Body(vec!["filter".to_owned(), "since".to_owned()]))));
    case.from = Some(CursorValue::Int(7));
    assert_eq!(&case.render().body.unwrap().bytes[..], br#"{"filter":{"since":7}}"#);
}

#[test]
fn paging_puts_its_values_over_what_the_templates_say() {
    let mut case = case("http://a.test", "/items");
    case.plan.streams[0].request.query = vec![named("page", "9"), named("x", "p{{ page }}")];
    let (query, header) = (Injection::Query("page".to_owned()), Injection::Header("X-Page".to_owned()));
    let body = Injection::Body(vec!["page".to_owned()]);
    let injections = [&query, &header, &body].map(|place| Inject { place, value: json!(3) });
    let request = case.render_at(&Position::Page(3), &injections).unwrap();
    assert_eq!(request.url.query(), Some("page=3&x=p3"));
    assert_eq!(request.headers["x-page"], "3");
    assert_eq!(&request.body.unwrap().bytes[..], br#"{"page":3}"#);
}

#[test]
fn the_next_pages_own_url_is_taken_as_it_is() {
    let mut case = case("http://a.test", "/items");
    case.plan.source.query = vec![named("key", "1")];
    case.plan.streams[0].request.headers = vec![named("X-A", "1")];
    let url = Url::parse("http://a.test/items?token=%2f+x").unwrap();
    let request = case.render_at(&Position::Url(url.clone()), &[]).unwrap();
    assert_eq!(request.url, url);
    assert_eq!(request.headers["x-a"], "1");
    for (inject, in_header) in
        [(Injection::Query("q".to_owned()), None), (Injection::Header("X-Q".to_owned()), Some("2020-01-01"))]
    {
        case.plan.streams[0].cursor = Some(cursor(None, Some(inject)));
        let request = case.render_at(&Position::Url(url.clone()), &[]).unwrap();
        assert_eq!(request.url, url);
        assert_eq!(request.headers.get("x-q").map(|value| value.to_str().unwrap()), in_header);
    }
}
