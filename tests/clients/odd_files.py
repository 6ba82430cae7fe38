"""Python's csv and DuckDB, which know nothing of Sluicegate, on odd CSV files in its landing bucket.

Each file is read by both, which must agree, and put into the landing bucket of `sluicegate local up`.
Then each of its rows must be in the records table, field for field, or be a dead letter that names its
line. Prints one line a check, and ends with 1 at the first that is wrong. The endpoint is the one
argument. What is in the table, `lake_readers.py` holds the lake to.
"""

import csv
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import boto3
import duckdb
from botocore.config import Config

from lake_readers import check, records

HEADER = ("year,month,day,sched_dep_time,carrier,flight,origin,dest,time_hour,distance,tailnum")
PATIENCE_S = 60


def row(carrier, flight, tailnum, distance="100"):
    """A flight whose tail number is written as given, quotes and all."""
    return f"2013,1,1,600,{carrier},{flight},EWR,IAH,2013-01-01T11:00:00Z,{distance},{tailnum}"


def odd_files():
    """The texts of the files, by their carriers, which nothing else here has."""
    quoted = ['5" pipe', '6" pipe', '"a ""quoted"" word"', '"two\nlines"', '""', "N14228"]
    crossed = ['"a\r\nb"', '"a\rb"', "plain", '"c,d"']
    lines = {
        "Z1": ("\n", quoted),
        "Z2": ("\r", quoted),
        "Z3": ("\r\n", crossed),
        "Z4": ("\n", ["x", "y"]),
    }
    files = {}
    for carrier, (end, tails) in lines.items():
        rows = [row(carrier, number, tail) for number, tail in enumerate(tails, 1)]
        files[carrier] = end.join([HEADER, *rows]) + end
    # Line ends of three kinds in one file, an empty line, and a row that is no flight: on line 5.
    files["Z4"] = (HEADER + "\n" + row("Z4", 1, "x") + "\r" + row("Z4", 2, "y") + "\r\n\n"
                   + row("Z4", 3, "z", "far") + "\n" + row("Z4", 4, "w"))
    return files


def by_python(text):
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    return {int(row["flight"]): row for row in rows}


def by_duckdb(text, folder):
    path = folder / "odd.csv"
    path.write_bytes(text.encode())
    columns = json.dumps({name: "VARCHAR" for name in HEADER.split(",")}).replace('"', "'")
    cursor = duckdb.connect().execute(f"""
        SELECT * FROM read_csv('{path}', header = true, auto_detect = false, strict_mode = false,
                               delim = ',', quote = '"', escape = '"', columns = {columns})""")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    return {int(row["flight"]): {name: value or "" for name, value in row.items()} for row in rows}


def letters(dynamodb, s3, bucket):
    """The dead letters of ingest, which are in the letter store: their places by their sources."""
    found = {}
    items = dynamodb.scan(TableName="sluicegate-LettersTable", ConsistentRead=True)["Items"]
    for item in items:
        if item.get("state", {}).get("S") != "dead":
            continue
        place = json.loads(item["entry"]["S"])["place"]
        end = place["offset"] + place["length"] - 1
        part = s3.get_object(Bucket=bucket, Key=place["object"], Range=f"bytes={place['offset']}-{end}")
        message = json.loads(part["Body"].read())
        attributes = message.get("attributes", {})
        failure = json.loads(attributes["sluicegate.failure"]["value"])
        source = attributes.get("source", {}).get("value", message["body"])
        found.setdefault(source, {})[failure["message_id"]] = failure
    return found


def as_sent(payload, names):
    """A payload's members as the texts of a CSV file."""
    values = {name: payload.get(name) for name in names}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def main(endpoint):
    config = Config(s3={"addressing_style": "path"})

    def client(service):
        return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", config=config,
                            aws_access_key_id="local", aws_secret_access_key="local")

    s3, dynamodb = client("s3"), client("dynamodb")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    landing = next(name for name in buckets if "landing" in name)
    archive = next(name for name in buckets if "archive" in name)
    files = odd_files()
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        for carrier, text in files.items():
            expected[carrier] = by_python(text)
            check(f"{carrier}: Python's csv and DuckDB read the same",
                  by_duckdb(text, Path(folder)), expected[carrier])
            s3.put_object(Bucket=landing, Key=f"flights/odd-{carrier}.csv", Body=text.encode())

    rows = sum(len(rows) for rows in expected.values())
    deadline = time.monotonic() + PATIENCE_S
    while True:
        payloads = [item["payload"] for item in records(dynamodb, "sluicegate-RecordsTable").values()]
        found = {carrier: {} for carrier in files}
        for payload in payloads:
            if payload["carrier"] in found:
                found[payload["carrier"]][payload["flight"]] = payload
        refused = letters(dynamodb, s3, archive)
        refused = {source: told for source, told in refused.items() if "flights/odd-" in source}
        count = sum(len(each) for each in [*found.values(), *refused.values()])
        if count >= rows or time.monotonic() > deadline:
            break
        time.sleep(1)
    for carrier in files:
        for flight, payload in sorted(found[carrier].items()):
            sent = expected[carrier].pop(flight, None)
            check(f"{carrier}: flight {flight} as it was sent", as_sent(payload, sent or payload), sent)
    left = {carrier: sorted(rows) for carrier, rows in expected.items() if rows}
    check("rows that are not in the table", left, {"Z4": [3]})
    places = [failure["at"] for told in refused.values() for failure in told.values()]
    check("dead letters, by their places", places, ["line 5, /distance"])


if __name__ == "__main__":
    main(sys.argv[1])
