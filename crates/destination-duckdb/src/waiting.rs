//! Rows that wait to be handed to DuckDB together: each hand-over is a query of its own, and a page is too little for it
//! (measured: pages of a thousand rows by themselves cost half a load more).

use spile_columnar::TableBatch;

/// So many make a hand-over cheap, and more only cost memory.
pub(crate) const ROWS: usize = 3_072;

/// So much text is enough too, where rows are long.
const BYTES: u64 = 3 << 19;

/// Rows by table, in the order in which they came.
#[derive(Default)]
pub(crate) struct Waiting {
    tables: Vec<Vec<TableBatch>>,
    rows: usize,
    bytes: u64,
}

impl Waiting {
    /// Adds the rows that came from so many bytes of text.
    pub(crate) fn add(&mut self, tables: Vec<TableBatch>, bytes: u64) {
        self.bytes += bytes;
        for table in tables.into_iter().filter(|table| table.rows.num_rows() > 0) {
            self.rows += table.rows.num_rows();
            let same = |waiting: &&mut Vec<TableBatch>| {
                waiting.last().is_some_and(|last| last.table == table.table && last.schema == table.schema)
            };
            match self.tables.iter_mut().find(same) {
                Some(waiting) => waiting.push(table),
                None => self.tables.push(vec![table]),
            }
        }
    }

    /// How many rows wait, of all tables, and how many bytes of memory they take.
    pub(crate) fn size(&self) -> (u64, u64) {
        let bytes = self.tables.iter().flatten().map(|table| table.rows.get_array_memory_size());
        (self.rows as u64, bytes.sum::<usize>() as u64)
    }

    /// Whether it is worth to hand them over.
    pub(crate) fn is_enough(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// The rows, by table; none of the lists is empty.
    pub(crate) fn into_tables(self) -> Vec<Vec<TableBatch>> {
        self.tables
    }
}
