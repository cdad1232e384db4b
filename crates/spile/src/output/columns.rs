//! Tables of things that have the same facts: columns appear where they say something, and go where the terminal is too
//! narrow.

use crate::output::table;
use crate::output::terminal::Terminal;

/// A column of a table of `T`s.
pub(crate) struct Column<T> {
    pub(crate) head: &'static str,
    pub(crate) value: fn(&T) -> String,
    /// Whether the column says something about this one; a column that says nothing about any is left out.
    pub(crate) says: fn(&T) -> bool,
    pub(crate) number: bool,
    /// Where the terminal is too narrow, columns go in this order; 0 stays.
    pub(crate) goes: u8,
}

/// The table, with as many columns as there is room for.
pub(crate) fn drawn<T>(things: &[T], columns: &[Column<T>], terminal: &Terminal) -> String {
    let mut columns: Vec<&Column<T>> = columns.iter().filter(|column| things.iter().any(column.says)).collect();
    let boundless = Terminal { table_width: None, ..*terminal };
    let room = terminal.table_width.map_or(usize::MAX, usize::from);
    loop {
        let shown = with(things, &columns, &boundless);
        let width = shown.lines().map(console::measure_text_width).max().unwrap_or(0);
        match columns.iter().map(|column| column.goes).filter(|&goes| goes > 0).min() {
            Some(first) if width > room => columns.retain(|column| column.goes != first),
            _ if width > room => return with(things, &columns, terminal),
            _ => return shown,
        }
    }
}

fn with<T>(things: &[T], columns: &[&Column<T>], terminal: &Terminal) -> String {
    let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
    let mut shown = table::new(&heads, terminal);
    for thing in things {
        shown.add_row(columns.iter().map(|column| (column.value)(thing)));
    }
    let numbers = columns.iter().enumerate().filter(|(_, column)| column.number).map(|(index, _)| index);
    table::align_right(&mut shown, numbers);
    table::text(&shown)
}
