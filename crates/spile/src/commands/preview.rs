//! `spile preview`: the request as it is sent, the first records as they come, the columns that they would make.

use clap::Args;
use spile_engine::{Look, look};
use spile_model::{ColumnType, TableSchema};
use spile_plan::StreamPlan;

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::open;
use crate::output::number::plural;
use crate::output::progress::{Progress, Style};
use crate::output::table;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

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
    let plan = open::pipeline(&arguments.pipeline)?;
    let only = open::streams(&plan, arguments.stream.as_slice())?;
    let world = open::world(Progress::start(Style::Plain, terminal).events());
    for stream in &plan.streams {
        if only.is_empty() || only.contains(&stream.name) {
            let found = look(&plan, stream, arguments.limit, &world).await?;
            show(stream, &found, terminal);
        }
    }
    Ok(Exit::Success)
}

fn show(stream: &StreamPlan, look: &Look, terminal: &Terminal) {
    terminal.say(&terminal.strong(stream.name.as_str()));
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
