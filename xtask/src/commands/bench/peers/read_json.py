"""The floor: DuckDB's own read_json of files on disk into a table of a DuckDB file, with every type given.

usage: read_json.py OUTPUT THREADS(0 = its default) SELECT
"""
import sys

import duckdb

output, threads, select = sys.argv[1:]
connection = duckdb.connect(output)
if threads != "0":
    connection.execute(f"set threads={threads}")
connection.execute(f"create table items as {select}")
connection.execute("checkpoint")
