//! Keys to column names: usable in SQL without care, and each once.

use std::collections::HashSet;

use spile_plan::Naming;

use crate::{AT_COLUMN, INDEX_COLUMN, PARENT_COLUMN, ROW_COLUMN, RUN_COLUMN};

/// The longest name that every destination takes (PostgreSQL's 63 bytes).
const MAX_NAME: usize = 63;

/// What stands between the parts of a flattened name and between a table and its child.
pub(crate) const SEPARATOR: &str = "__";

/// What DuckDB and SQLite call the number that every row has: a column of that name would hide it, also from the merge.
const ROW_ID: &str = "rowid";

/// The names that are taken in one scope (a table, or a struct). Names that differ only in case are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// The scope of a table, where Spile's own columns and the database's row number are taken.
    pub(crate) fn of_table() -> Self {
        let own = [RUN_COLUMN, AT_COLUMN, ROW_COLUMN, PARENT_COLUMN, INDEX_COLUMN, ROW_ID];
        Self(own.into_iter().map(ToOwned::to_owned).collect())
    }

    /// Takes a name; whether it was free.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.0.insert(name.to_lowercase())
    }

    /// A free name for `key` behind `prefix`, taken from now on: `key` itself if it can be, or with `_2`, `_3` …
    pub(crate) fn claim(&mut self, prefix: &str, key: &str, naming: Naming) -> String {
        let wanted = normalise(key, naming);
        let mut local = shortened(&wanted, MAX_NAME.saturating_sub(prefix.len()).max(MAX_NAME / 2));
        let mut count = 1;
        while !self.take(&format!("{prefix}{local}")) {
            count += 1;
            let suffix = format!("_{count}");
            local =
                shortened(&wanted, MAX_NAME.saturating_sub(prefix.len() + suffix.len()).max(MAX_NAME / 2)) + &suffix;
        }
        local
    }
}

/// A key with every character that would need care replaced by `_`.
fn normalise(key: &str, naming: Naming) -> String {
    let mut name = String::with_capacity(key.len());
    let mut before = '_';
    for character in key.trim().chars() {
        let kept = if character.is_alphanumeric() { character } else { '_' };
        let starts_word =
            naming == Naming::SnakeCase && kept.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        if starts_word {
            name.push('_');
        }
        match naming {
            Naming::AsIs => name.push(kept),
            Naming::SnakeCase => name.extend(kept.to_lowercase()),
        }
        before = character;
    }
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// At most `limit` bytes; a name that is cut ends in a hash of the whole, so that two long names stay two.
fn shortened(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) // FNV-1a: stable for ever, which a library's hasher is not
    });
    let mut cut = limit.saturating_sub(9);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}_{:08x}", &name[..cut], hash & 0xffff_ffff)
}

/// The name of the child table that holds `list` of `table`.
pub(crate) fn child_table(table: &str, list: &str) -> String {
    shortened(&format!("{table}{SEPARATOR}{list}"), MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(names: &mut Names, key: &str) -> String {
        names.claim("", key, Naming::AsIs)
    }

    #[test]
    fn names_need_no_care_and_each_is_taken_once() {
        let mut names = Names::of_table();
        assert_eq!(claim(&mut names, "createdAt"), "createdAt");
        assert_eq!(claim(&mut names, "First Name"), "First_Name");
        assert_eq!(claim(&mut names, "first-name"), "first_name_2");
        assert_eq!(claim(&mut names, "ID"), "ID");
        assert_eq!(claim(&mut names, "id"), "id_2");
        assert_eq!(claim(&mut names, ""), "_");
        assert_eq!(claim(&mut names, "2fa"), "_2fa");
        assert_eq!(claim(&mut names, "Größe"), "Größe");
        assert_eq!(claim(&mut names, "_spile_run"), "_spile_run_2");
        assert_eq!(claim(&mut names, "ROWID"), "ROWID_2");
        assert_eq!(claim(&mut names, "a\0b\"; DROP TABLE x"), "a_b___DROP_TABLE_x");
    }

    #[test]
    fn snake_case_splits_words() {
        let mut names = Names::default();
        let mut claim = |key| names.claim("", key, Naming::SnakeCase);
        assert_eq!(claim("createdAt"), "created_at");
        assert_eq!(claim("HTTPStatus"), "httpstatus");
        assert_eq!(claim("Order ID"), "order_id");
        assert_eq!(claim("address2Line"), "address2_line");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let mut names = Names::default();
        let (a, b) = (claim(&mut names, &"x".repeat(70)), claim(&mut names, &"x".repeat(71)));
        assert_eq!((a.len(), b.len()), (63, 63));
        assert_ne!(a, b);
        assert!(claim(&mut names, &"ü".repeat(100)).len() <= 63);
    }
}
