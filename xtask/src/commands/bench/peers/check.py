"""What a tool wrote, by content: rows, distinct ids, sum of amounts in cents.

usage: check.py DATABASE("" = none) FROM
"""
import sys

import duckdb

database, source = sys.argv[1:]
connection = duckdb.connect(database, read_only=True) if database else duckdb.connect()
columns = "count(*), count(distinct cast(id as bigint)), cast(sum(cast(round(cast(amount as double) * 100) as bigint)) as bigint)"
print(*connection.execute(f"select {columns} from {source}").fetchone())
