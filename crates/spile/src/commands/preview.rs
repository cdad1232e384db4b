//! `spile preview`: the request as it is sent, the first records as they come, the columns that they would make.
//!
//! Where a stream fails, its last request and the answer are shown as far as they may be, for that is where the mistake
//! is looked for; then the other streams follow.

use clap::Args;
use spile_engine::{Exchange, Look, look};
use spile_model::{ColumnType, TableSchema};
use spile_plan::StreamPlan;

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::open;
use crate::output::failure;
use crate::output::number::plural;
use crate::output::progress::{Progress, Style};
use crate::output::table;
use crate::output::terminal::Terminal;
use crate::problem::{Problem, exit_of};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// The stream; all of them where none is named
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
    /// Show so many records; further pages are read where the first holds fewer
    #[arg(long, value_name = "N", default_value_t = 3)]
    limit: usize,
}

pub(crate) async fn execute(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let plan = open::pipeline(&arguments.pipeline, Some(terminal)).await?;
    let only = open::streams(&plan, arguments.stream.as_slice())?;
    let world = open::world(&plan, Progress::start(Style::Plain, terminal).events());
    let mut exit = Exit::Success;
    for stream in plan.streams.iter().filter(|stream| only.is_empty() || only.contains(&stream.name)) {
        let look = look(&plan, stream, arguments.limit, &world).await;
        terminal.say(&terminal.strong(stream.name.as_str()));
        if look.failure.is_none() || look.found > 0 {
            show(stream, &look, terminal);
        }
        if let Some(failed) = &look.failure {
            look.last.iter().for_each(|last| terminal.say(&format!("{}\n", exchange(last, terminal))));
            failure::show_failure(failed, terminal);
            exit = if exit == Exit::Success { exit_of(&failed.kind) } else { exit };
        }
    }
    Ok(exit)
}

/// The request as it was sent, and the answer as far as it came.
fn exchange(exchange: &Exchange, terminal: &Terminal) -> String {
    let mut lines = vec![format!("  {}", exchange.request)];
    lines.extend(exchange.request_headers.iter().map(|(name, value)| format!("    {name}: {value}")));
    lines.extend(exchange.request_body.iter().map(|body| format!("    {body}")));
    let status = exchange.status.as_deref().unwrap_or("no answer");
    lines.push(format!("  {} {}", terminal.quiet("answer:"), terminal.bad(status)));
    let telling = exchange.headers.iter().filter(|(name, _)| is_telling(name));
    lines.extend(telling.map(|(name, value)| format!("    {name}: {value}")));
    lines.extend(exchange.body.iter().map(|body| format!("    {body}")));
    lines.join("\n")
}

/// Whether a header of an answer says something of why a stream fails; most are of the way and of browsers.
fn is_telling(name: &str) -> bool {
    TELLING.contains(&name) || name.contains("ratelimit") || name.contains("rate-limit") || name.contains("request-id")
}

const TELLING: [&str; 11] = [
    "allow",
    "content-encoding",
    "content-length",
    "content-type",
    "deprecation",
    "link",
    "location",
    "retry-after",
    "server",
    "sunset",
    "www-authenticate",
];

fn show(stream: &StreamPlan, look: &Look, terminal: &Terminal) {
    for request in &look.requests {
        terminal.say(&format!("  {request}"));
    }
    let more = if look.more { ", and more follow" } else { "" };
    terminal.say(&format!("  {}{more}\n", plural(look.found as u64, "record")));
    for record in &look.records {
        terminal.say(&laid_out(record));
    }
    terminal.say(&format!("\n{}\n", columns(stream, &look.schema, terminal)));
    for reject in &look.rejects {
        terminal.say(&format!("  {} {}: {}", terminal.bad("reject"), reject.reason, reject.record));
    }
}

/// The columns with their types, and what each is to the stream where that is anything.
fn columns(stream: &StreamPlan, schema: &TableSchema, terminal: &Terminal) -> String {
    let mut shown = table::new(&["column", "type", ""], terminal);
    for field in &schema.columns {
        let is_cursor = stream.cursor.as_ref().is_some_and(|cursor| cursor.field == field.source);
        let renamed = format!("`{}` in the record", field.source);
        let remarks: Vec<&str> = [
            (stream.primary_key.contains(&field.source), "primary key"),
            (is_cursor, "cursor"),
            (field.source != field.name, &renamed),
            (field.column_type == ColumnType::Null, "no column before a value comes"),
        ]
        .into_iter()
        .filter_map(|(holds, remark)| holds.then_some(remark))
        .collect();
        shown.add_row([field.name.as_str(), &field.column_type.describe(), &remarks.join(", ")]);
    }
    table::text(&shown)
}

/// The record over several lines. Numbers keep their digits only in the text as it came, so the layout is made from
/// the text, not from parsed values.
fn laid_out(record: &str) -> String {
    let mut out = String::with_capacity(record.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut characters = record.chars().peekable();
    while let Some(character) = characters.next() {
        if in_text {
            out.push(character);
            in_text = character != '"' || escaped;
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '"' => {
                in_text = true;
                out.push(character);
            }
            '{' | '[' => {
                out.push(character);
                while characters.peek().is_some_and(|next| next.is_ascii_whitespace()) {
                    characters.next();
                }
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::laid_out;

    #[test]
    fn a_record_is_laid_out_without_touching_its_values() {
        let record = r#"{"n":1.50,"e":{ },"s":"a \"{,:\" \\","l":[1,{"x":null}]}"#;
        let expected = "{\n  \"n\": 1.50,\n  \"e\": {},\n  \"s\": \"a \\\"{,:\\\" \\\\\",\n  \"l\": [\n    1,\n    {\n      \"x\": null\n    }\n  ]\n}";
        assert_eq!(laid_out(record), expected);
    }
}
