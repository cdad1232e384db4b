//! Nested records as structs, JSON, flattened columns or child tables.

use spile_plan::{Lists, Naming, Nested, ShapePlan};

use crate::show::{build, builder, builder_knowing, columns, table};

const ORDER: &str = r#"{"id":7,"customer":{"name":"Ann","geo":{"lat":1.5}},"tags":["a","b"],"lines":[{"sku":"x","parts":[1,2]},{"sku":"y"}]}"#;

#[test]
fn json_keeps_nested_values_as_text() {
    let shape = ShapePlan { nested: Nested::Json, lists: Lists::Json, ..ShapePlan::default() };
    let built = build(&mut builder(shape), &[ORDER]);
    assert_eq!(
        columns(&built),
        [
            "id int: 7",
            r#"customer json: {"name":"Ann","geo":{"lat":1.5}}"#,
            r#"tags json: ["a","b"]"#,
            r#"lines json: [{"sku":"x","parts":[1,2]},{"sku":"y"}]"#,
        ]
    );
}

#[test]
fn flattening_makes_a_column_of_each_inner_field() {
    let shape = ShapePlan { nested: Nested::Flatten, ..ShapePlan::default() };
    let built = build(&mut builder(shape.clone()), &[ORDER, r#"{"id":8,"customer":null}"#]);
    assert_eq!(
        columns(&built),
        [
            "id int: 7 | 8",
            "customer__name text: Ann | null",
            "customer__geo__lat float: 1.5 | null",
            "tags list of text: [a,b] | null",
            "lines list of struct: [{sku=x,parts=[1,2]},{sku=y,parts=null}] | null",
        ]
    );
    let mut again = builder_knowing(shape, &built.record_schema);
    let built = build(&mut again, &[r#"{"customer__name":"taken","customer":{"name":"Bo"}}"#]);
    assert!(columns(&built).contains(&"customer__name_2 text: taken".to_owned()), "{:?}", columns(&built));
    assert!(columns(&built).contains(&"customer__name text: Bo".to_owned()));
}

#[test]
fn child_tables_hold_the_lists_and_name_their_parents() {
    let shape = ShapePlan { lists: Lists::ChildTables, ..ShapePlan::default() };
    let mut builder = builder(shape);
    let built = build(&mut builder, &[ORDER, r#"{"id":8,"lines":[],"tags":["c"]}"#]);
    let names: Vec<&str> = built.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(names, ["items", "items__tags", "items__lines", "items__lines__parts"]);
    assert_eq!(built.tables[3].parent.as_deref(), Some("items__lines"));
    let first = 1_i64 << 34;
    assert_eq!(
        table(&built.tables[0]),
        [
            "id int: 7 | 8".to_owned(),
            "customer struct: {name=Ann,geo={lat=1.5}} | null".to_owned(),
            format!("_spile_row int: {first} | {}", first + 1),
        ]
    );
    assert_eq!(
        table(&built.tables[1])[..3],
        [
            "value text: a | b | c".to_owned(),
            format!("_spile_parent int: {first} | {first} | {}", first + 1),
            "_spile_index int: 0 | 1 | 0".to_owned(),
        ]
    );
    let lines = table(&built.tables[2]);
    assert_eq!(lines[0], "sku text: x | y");
    let line_number = lines[3].strip_prefix("_spile_row int: ").unwrap().split(" | ").next().unwrap();
    assert_eq!(table(&built.tables[3])[1], format!("_spile_parent int: {line_number} | {line_number}"));
    let built = build(&mut builder, &[r#"{"id":9,"tags":["d"]}"#]);
    assert_eq!(table(&built.tables[1])[0], "value text: d", "a page starts with empty builders");
    assert!(!table(&built.tables[0])[2].contains(&(first + 1).to_string()), "row numbers go on");
}

#[test]
fn snake_case_renames_columns_and_inner_fields() {
    let shape = ShapePlan { naming: Naming::SnakeCase, ..ShapePlan::default() };
    let built = build(&mut builder(shape), &[r#"{"createdAt":1,"shipTo":{"zipCode":"x"}}"#]);
    assert_eq!(columns(&built), ["created_at int: 1", "ship_to struct: {zip_code=x}"]);
}

#[test]
fn keys_that_differ_only_in_case_stay_two_columns_at_every_level() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"id":1,"ID":2,"o":{"a":1,"A":2}}"#]);
    assert_eq!(columns(&built), ["id int: 1", "ID_2 int: 2", "o struct: {a=1,A_2=2}"]);
}
