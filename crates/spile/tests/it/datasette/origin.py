"""The origin of the end-to-end test: real data sets in an SQLite file, which Datasette serves.

    origin.py build FILE    makes the file, one table for each data set
    origin.py change FILE   inserts, updates and deletes rows, and adds columns
    origin.py dump FILE     prints {table: {"columns": [...], "rows": [[...], ...]}} as JSON
"""

import csv
import json
import sqlite3
import sys
from pathlib import Path

import vega_datasets

DATA = Path(vega_datasets.__file__).parent / "_data"


def read(path):
    """The records of a data set; CSV has text only, and an empty field is NULL."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    with path.open(encoding="utf-8", newline="") as lines:
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(lines)]


def kind(values):
    """The type that all values of a column have, as SQLite names it."""
    for parse, name in ((int, "INTEGER"), (float, "REAL")):
        try:
            for value in values:
                if isinstance(value, float) and parse is int and not value.is_integer():
                    raise ValueError
                parse(value)
            return name
        except ValueError:
            continue
    return "TEXT"


def table_name(path):
    return path.stem.replace("-", "_")


def build(connection):
    for path in sorted(DATA.iterdir()):
        if path.suffix not in (".json", ".csv"):
            continue
        records = read(path)
        columns = list(dict.fromkeys(key for record in records for key in record))
        kinds = {c: kind([r[c] for r in records if r.get(c) is not None]) for c in columns}
        definitions = [f'"{c}" {kinds[c]}' + (" PRIMARY KEY" if c == "iata" else "") for c in columns]
        rows = [[record.get(c) for c in columns] for record in records]
        name = table_name(path)
        connection.execute(f'CREATE TABLE "{name}" ({", ".join(definitions)})')
        connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', rows)
    # As APIs keep an "updated_at": every change of an airport gets the next number.
    connection.execute("ALTER TABLE airports ADD COLUMN revision INTEGER NOT NULL DEFAULT 1")


def change(connection):
    def run(sql):
        return connection.execute(sql).rowcount

    # Read by `revision`: rows that changed and rows that are new, with a column that nobody had before.
    run("ALTER TABLE airports ADD COLUMN elevation REAL")
    run("UPDATE airports SET city = 'Ciudad Ñuñoa 🛫', elevation = 12.5, revision = 2 WHERE iata IN ('ANC', 'JFK')")
    run("UPDATE airports SET state = NULL, latitude = latitude + 0.1, revision = 3 WHERE iata LIKE 'S%'")
    run(
        "INSERT INTO airports (iata, name, latitude, longitude, revision, elevation) "
        "VALUES ('X~1', 'O''Hare \"annex\"', 41.978603000000001, -87.90484, 4, NULL), "
        "('X~2', '', -0.0, 180, 4, 9007199254740993)"
    )
    # Read by `date`: a table that only grows.
    run(
        "INSERT INTO seattle_weather (date, precipitation, temp_max, temp_min, wind, weather) "
        "SELECT '2016' || substr(date, 5), precipitation, temp_max, temp_min, wind, weather "
        "FROM seattle_weather WHERE date LIKE '2015/01/%'"
    )
    # Read whole: anything may happen.
    run("DELETE FROM cars WHERE Origin = 'Europe'")
    run("UPDATE cars SET Horsepower = Horsepower + 0.5, Name = upper(Name) WHERE Cylinders = 4")
    run("INSERT INTO cars (Name, Weight_in_lbs, Year) VALUES ('spile', 1, '2026-02-30'), (NULL, NULL, NULL)")
    run("DELETE FROM iris")
    run("ALTER TABLE wheat ADD COLUMN note TEXT")
    run("UPDATE wheat SET note = 'Elizabeth' WHERE year < 1603")


def exact(value):
    """A double as text: many readers of JSON round the last digit of a bare number."""
    return {"double": repr(value)} if isinstance(value, float) else value


def dump(connection):
    tables = {}
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    for (name,) in names:
        # Datasette shows the row number of a table without a primary key.
        keyed = any(column[5] for column in connection.execute(f'PRAGMA table_info("{name}")'))
        cursor = connection.execute(f'SELECT {"*" if keyed else "rowid, *"} FROM "{name}"')
        rows = [[exact(value) for value in row] for row in cursor]
        tables[name] = {"columns": [column[0] for column in cursor.description], "rows": rows}
    json.dump(tables, sys.stdout)


if __name__ == "__main__":
    action, file = sys.argv[1:]
    with sqlite3.connect(file) as database:
        {"build": build, "change": change, "dump": dump}[action](database)
