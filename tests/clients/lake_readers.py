"""DuckDB and pyarrow, readers that no one here wrote, on the lake of `sluicegate local up`.

Sends flights, waits until they are in the records table and in the lake, fetches the lake's objects
with boto3, and holds what either reader finds by the manifests to the table, row for row and value for
value. Prints one line a check, and ends with 1 at the first that is wrong. The endpoint is the one
argument.
"""

import gzip
import json
import sys
import tempfile
import time
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import boto3
import duckdb
import pyarrow.dataset
import pyarrow.parquet
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = 500
# The window of the lake's mapping is 20 seconds, which pass here.
PATIENCE_S = 120


def check(what, seen, expected):
    """Tells of one thing, and ends everything if it is not as it must be."""
    if seen != expected:
        print(f"wrong  {what}\n       expected {expected!r}\n       seen     {seen!r}")
        sys.exit(1)
    print(f"right  {what}")


def plain(value):
    """A DynamoDB value as the JSON that it came from."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def records(dynamodb, table):
    """The table's items by their idempotency keys."""
    read = TypeDeserializer().deserialize
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    items = (item for page in pages for item in page["Items"])
    items = ({name: plain(read(value)) for name, value in item.items()} for item in items)
    return {item["idempotency_key"]: item for item in items}


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def expected_row(item, columns):
    """What the lake must say of an item, a value for each of its columns."""
    row = {name: item["payload"].get(name) for name in columns if not name.startswith("_")}
    row["time_hour"] = time_of(row["time_hour"])
    row["date"] = item["event_time"][:10]
    row["_rest"] = None
    row["_event_time"] = time_of(item["event_time"])
    row["_ingest_time"] = time_of(item["ingest_time"])
    for name in ("event_id", "idempotency_key", "fingerprint", "subject", "degraded"):
        row[f"_{name}"] = item.get(name)
    return row


def found_row(row):
    """A reader's row; JSON columns are read, times have a zone, a date is its text."""
    row = dict(row)
    for name in ("weather", "_rest"):
        row[name] = None if row[name] is None else json.loads(row[name])
    for name in ("time_hour", "_event_time", "_ingest_time"):
        row[name] = row[name].astimezone(timezone.utc)
    row["date"] = str(row["date"])
    return row


def agree(reader, rows, items):
    rows = [found_row(row) for row in rows]
    by_key = {row["_idempotency_key"]: row for row in rows}
    check(f"{reader}: rows, and keys", (len(rows), len(by_key)), (len(items), len(items)))
    for key, item in items.items():
        expected = expected_row(item, by_key[key])
        if by_key[key] != expected:
            check(f"{reader}: the row of {key}", by_key[key], expected)
    check(f"{reader}: values that agree with the table", len(by_key) * len(rows[0]),
          len(items) * len(expected_row(next(iter(items.values())), rows[0])))


def duckdb_rows(connection, query):
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def fetch(s3, bucket, folder):
    """Every object of the bucket, under its key."""
    keys = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            path = folder / entry["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, entry["Key"], str(path))
            keys.append(entry["Key"])
    return keys


def listed(folder, keys):
    """The manifests' entries."""
    manifests = [folder / key for key in keys if key.endswith("/_manifest.json")]
    return [entry for manifest in manifests for entry in json.loads(manifest.read_text())]


def flights():
    with gzip.open(ROOT / "events/flights-2013-01.ndjson.gz", "rt") as lines:
        return [line for line, _ in zip(lines, range(5_000))][::5_000 // FLIGHTS]


def main(endpoint):
    config = Config(s3={"addressing_style": "path"})

    def client(service):
        return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", config=config,
                            aws_access_key_id="local", aws_secret_access_key="local")

    s3, dynamodb = client("s3"), client("dynamodb")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    lake = next(name for name in buckets if "lake" in name)
    landing = next(name for name in buckets if "landing" in name)
    body = gzip.compress("".join(flights()).encode())
    s3.put_object(Bucket=landing, Key="flights/lake-readers.ndjson.gz", Body=body)

    with tempfile.TemporaryDirectory() as folder:
        folder, deadline = Path(folder), time.monotonic() + PATIENCE_S
        while True:
            items = records(dynamodb, "sluicegate-RecordsTable")
            keys = fetch(s3, lake, folder)
            entries = listed(folder, keys)
            written = sum(entry["rows"] for entry in entries)
            if len(items) >= FLIGHTS and written == len(items) or time.monotonic() > deadline:
                break
            time.sleep(1)
        # Nothing more is written: what was put between the listing and the reading is in both now.
        keys = fetch(s3, lake, folder)
        entries = listed(folder, keys)
        check("flights in the table", len(items) >= FLIGHTS, True)
        check("rows that the manifests list", written, len(items))
        objects = {key: folder / key for key in keys if key.endswith(".parquet")}
        sizes = {entry["key"]: (entry["rows"], entry["bytes"]) for entry in entries}
        found = {key: (pyarrow.parquet.read_metadata(path).num_rows, path.stat().st_size)
                 for key, path in objects.items()}
        replaced = {gone["key"] for entry in entries for gone in entry.get("replaces", [])}
        check("the manifests list what is there", sizes,
              {key: size for key, size in found.items() if size[0] > 0 and key not in replaced})

        for path in objects.values():
            metadata = pyarrow.parquet.read_metadata(path)
            for group in range(metadata.num_row_groups):
                columns = [metadata.row_group(group).column(at) for at in range(metadata.num_columns)]
                if any(c.compression != "ZSTD" or c.statistics is None for c in columns):
                    check(f"{path.name}: ZSTD and statistics", False, True)
        check("each column has ZSTD and statistics", len(objects) > 0, True)

        partitioning = pyarrow.dataset.partitioning(flavor="hive")
        dataset = pyarrow.dataset.dataset(
            [str(folder / key) for key in sizes], format="parquet", partitioning=partitioning)
        print(dataset.schema.to_string(show_schema_metadata=False))
        agree("pyarrow", dataset.to_table().to_pylist(), items)

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        # As docs/lake.md shows it.
        connection.execute(f"""
            SET VARIABLE files = (SELECT list('{folder}/' || key)
                                  FROM read_json('{folder}/lake/flights/*/_manifest.json'))""")
        source = "read_parquet(getvariable('files'), hive_partitioning = true)"
        agree("DuckDB", duckdb_rows(connection, f"SELECT * FROM {source}"), items)
        query = f"""
            SELECT date, carrier, count(*) AS flights, avg(dep_delay) AS delay,
                   avg((weather->>'temp')::double) AS temp
            FROM {source} GROUP BY ALL ORDER BY ALL"""
        rows = duckdb_rows(connection, query)
        check("DuckDB: flights, counted by day and carrier",
              sum(row["flights"] for row in rows), len(items))
        total = sum(size[1] for size in found.values())
        print(f"{len(items)} rows in {len(objects)} objects of {total} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
