"""dlt's REST source into DuckDB, in the setting that was its fastest: Parquet loader files, nested values kept as JSON,
intermediate files not compressed.

usage: dlt_rest.py FOLDER BASE_URL
"""
import os
import sys

folder, base_url = sys.argv[1:]
os.environ.update(
    {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": f"{folder}/data",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
)

import dlt  # noqa: E402  (reads its settings when imported)
from dlt.sources.rest_api import rest_api_source  # noqa: E402

items = {
    "name": "items",
    "max_table_nesting": 0,
    "endpoint": {
        "path": "items/1.json",
        "data_selector": "data",
        "paginator": {"type": "json_link", "next_url_path": "next"},
    },
}
pipeline = dlt.pipeline(
    pipeline_name="bench",
    destination=dlt.destinations.duckdb(f"{folder}/items.duckdb"),
    dataset_name="api",
    pipelines_dir=f"{folder}/pipelines",
)
pipeline.run(rest_api_source({"client": {"base_url": base_url}, "resources": [items]}), loader_file_format="parquet")
