"""DuckDB and pyarrow on columns of each type that docs/keys-numbers-and-times.md lists.

Sends events of the dataset `typed`, waits until they are in the lake, and holds the types that DuckDB
finds to the page's table, and the values that both readers find to what was sent: the column where it
holds the value exactly, and `_rest` where it does not. Prints one line a check, and ends with 1 at the
first that is wrong. The endpoint is the one argument.
"""

import json
import re
import sys
import tempfile
import time
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import boto3
import duckdb
import pyarrow
import pyarrow.dataset
from botocore.config import Config

from lake_readers import PATIENCE_S, ROOT, check, duckdb_rows, fetch, listed

UTC = timezone.utc


def moment(*parts):
    return datetime(*parts, tzinfo=UTC)


# Each event with what its columns of dates and times must be; all that is sent and not in a column as it
# was sent is in `_rest`.
EVENTS = [
    ({"id": "exact", "day": "2024-02-29", "at": "2013-01-31T10:00:00.250Z",
      "made": "2013-01-31T10:00:00.000001Z"},
     {"day": date(2024, 2, 29), "at": moment(2013, 1, 31, 10, 0, 0, 250_000),
      "made": moment(2013, 1, 31, 10, 0, 0, 1)}, []),
    ({"id": "before 1970", "day": "1969-12-31", "at": "1969-12-31T23:59:59.999Z",
      "made": "1900-01-01T00:00:00.999999Z"},
     {"day": date(1969, 12, 31), "at": moment(1969, 12, 31, 23, 59, 59, 999_000),
      "made": moment(1900, 1, 1, 0, 0, 0, 999_999)}, []),
    ({"id": "first and last", "day": "9999-12-31", "at": "0001-01-01T00:00:00Z",
      "made": "9999-12-31T23:59:59.999999Z"},
     {"day": date(9999, 12, 31), "at": moment(1, 1, 1),
      "made": moment(9999, 12, 31, 23, 59, 59, 999_999)}, []),
    ({"id": "another offset", "at": "2013-01-31T11:00:00+01:00", "made": "2013-01-31T04:30:00-05:30"},
     {"day": None, "at": moment(2013, 1, 31, 10), "made": moment(2013, 1, 31, 10)}, ["at", "made"]),
    ({"id": "finer", "at": "2013-01-31T10:00:00.123456Z", "made": "2013-01-31T10:00:00.123456789Z"},
     {"day": None, "at": moment(2013, 1, 31, 10, 0, 0, 123_000),
      "made": moment(2013, 1, 31, 10, 0, 0, 123_456)}, ["at", "made"]),
    ({"id": "leap second", "at": "2016-12-31T23:59:60Z", "made": "2016-12-31T23:59:60Z"},
     {"day": None, "at": moment(2016, 12, 31, 23, 59, 59, 999_000),
      "made": moment(2016, 12, 31, 23, 59, 59, 999_999)}, ["at", "made"]),
    ({"id": "no dates", "day": "0000-00-00", "at": "2013-01-31T10:00:00Z", "made": "soon"},
     {"day": None, "at": moment(2013, 1, 31, 10), "made": None}, ["day", "made"]),
]


def documented():
    """The page's table: each member's CSV field and DuckDB's type."""
    page = (ROOT / "docs/keys-numbers-and-times.md").read_text()
    table = page.split("| member | JSON Schema |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    code = re.compile(r"^`(.*)`$")
    return {code.match(row[0])[1]: (code.match(row[2]), row[6]) for row in rows}


def send(s3, bucket, types):
    def quoted(match):
        return '"' + match[1].replace('"', '""') + '"' if match else ""

    names = ",".join(types)
    fields = ",".join(quoted(field) for field, _ in types.values())
    csv = f"id,{names}\nof the table,{fields}\n"
    lines = "".join(json.dumps(event) + "\n" for event, _, _ in EVENTS)
    s3.put_object(Bucket=bucket, Key="typed/table.csv", Body=csv.encode())
    s3.put_object(Bucket=bucket, Key="typed/events.ndjson", Body=lines.encode())


def written(s3, lake, folder):
    """The paths of the dataset's objects, once all events are in them."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        keys = [key for key in fetch(s3, lake, folder) if key.startswith("lake/typed/")]
        entries = listed(folder, keys)
        count = sum(entry["rows"] for entry in entries)
        if count == len(EVENTS) + 1 or time.monotonic() > deadline:
            check("events in the lake", count, len(EVENTS) + 1)
            return [str(folder / entry["key"]) for entry in entries]
        time.sleep(1)


def agree(reader, rows):
    rows = {row["id"]: row for row in rows}
    for event, columns, beside in EVENTS:
        row = rows[event["id"]]
        found = {name: row[name] for name in columns}
        for name in ("at", "made"):
            found[name] = found[name] and found[name].astimezone(UTC)
        check(f"{reader}: columns of `{event['id']}`", found, columns)
        rest = json.loads(row["_rest"]) if row["_rest"] else {}
        check(f"{reader}: `_rest` of `{event['id']}`", rest, {name: event[name] for name in beside})
    row = rows["of the table"]
    found = [row[name] for name in ("flag", "count", "share", "price", "name", "born", "day")]
    expected = [True, 141, 0.25, Decimal("9.99"), "007", "1979-05-27", date(2013, 1, 31)]
    check(f"{reader}: values of the table", found, expected)


def main(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="eu-west-1",
                      config=Config(s3={"addressing_style": "path"}),
                      aws_access_key_id="local", aws_secret_access_key="local")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    lake = next(name for name in buckets if "lake" in name)
    landing = next(name for name in buckets if "landing" in name)
    types = documented()
    send(s3, landing, types)
    with tempfile.TemporaryDirectory() as folder:
        paths = written(s3, lake, Path(folder))
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        found = dict(connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($1))", [paths]
        ).fetchall())
        check("DuckDB: types", {name: found[name] for name in types},
              {name: type_name for name, (_, type_name) in types.items()})
        connection.execute("SET VARIABLE files = $1", [paths])
        query = "SELECT * FROM read_parquet(getvariable('files'), hive_partitioning = true)"
        agree("DuckDB", duckdb_rows(connection, query))

        table = pyarrow.dataset.dataset(paths, format="parquet").to_table()
        found = [table.schema.field(name).type for name in ("day", "at", "made", "price")]
        check("pyarrow: types", found, [pyarrow.date32(), pyarrow.timestamp("ms", "UTC"),
                                        pyarrow.timestamp("us", "UTC"), pyarrow.decimal128(38, 2)])
        agree("pyarrow", table.to_pylist())


if __name__ == "__main__":
    main(sys.argv[1])
