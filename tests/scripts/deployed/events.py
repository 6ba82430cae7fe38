"""Sends events through the deployed stack, and reads what became of them with boto3 alone.

`events.py STACK SLUICEGATE WEATHER_URL` prints one line a check, and ends with 1 at the first that is wrong, saying what
was expected and what was seen. What is awaited is looked for again until it is there, for a minute at most.
"""

import gzip
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from decimal import Decimal
from itertools import islice
from pathlib import Path

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

STACK, SLUICEGATE, WEATHER_URL = sys.argv[1:4]
ROOT = Path(__file__).resolve().parents[3]
FLIGHTS = 200
OBSERVATIONS = 20
PATIENCE_S = 60

config = Config(s3={"addressing_style": "path"})
s3 = boto3.client("s3", config=config)
sqs = boto3.client("sqs")
dynamodb = boto3.client("dynamodb")
functions = boto3.client("lambda")
resources = {
    resource["LogicalResourceId"]: resource["PhysicalResourceId"]
    for page in boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    for resource in page["StackResourceSummaries"]
}


def check(what, seen, expected):
    if seen != expected:
        print(f"wrong  {what}\n       expected {expected!r:.2000}\n       seen     {seen!r:.2000}")
        sys.exit(1)
    print(f"right  {what}")


def becomes(what, look, expected):
    """Checks what becomes so after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    check(what, seen, expected)


def read_events(path, count=None):
    """The first lines of a file, each with what it holds; numbers are exact."""
    with gzip.open(ROOT / path, "rt") as lines:
        return [(line, json.loads(line, parse_float=Decimal)) for line in islice(lines, count)]


def land(name, lines):
    body = gzip.compress("".join(lines).encode())
    s3.put_object(Bucket=resources["LandingBucket"], Key=name, Body=body)


def rows(table):
    """The rows of a table by their key; numbers are exact."""
    read = TypeDeserializer().deserialize
    pages = dynamodb.get_paginator("scan").paginate(TableName=resources[table], ConsistentRead=True)
    items = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
    return {item["pk"]: item for item in items}


def payloads(dataset):
    """The payload of each row of a dataset: two rows of one event are two."""
    return [row["payload"] for key, row in rows("RecordsTable").items() if key.startswith(dataset + "#")]


def waiting():
    """How many messages each queue holds, unless it is empty."""
    counts = {}
    for name, url in resources.items():
        if ":queue" in url or "/" in url and name.endswith(("Queue", "Dlq", "Inbox")):
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
                     "ApproximateNumberOfMessagesDelayed"]
            held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            counts[name] = sum(int(held.get(attribute, 0)) for attribute in names)
    assert len(counts) == 11, counts
    return {name: count for name, count in counts.items() if count}


def sluicegate(*words, statuses=(0,)):
    """Runs a command of operators, as the pages show it, and returns what it prints as JSON."""
    command = [SLUICEGATE, *words, "--stack", STACK, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode not in statuses:
        print(f"wrong  {' '.join(command)}\n       status {done.returncode}\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return json.loads(done.stdout)


def identity(flight):
    """What makes a flight one, as the contract says."""
    return tuple(flight[name] for name in ("carrier", "flight", "origin", "year", "month", "day"))


def break_distance(event):
    """The line of a flight, with a distance that no contract allows."""
    line, flight = event
    return line.replace(f'"distance":{flight["distance"]}', '"distance":"far"')


def written():
    return sorted(map(identity, payloads("flights")))


def expected_totals(flights):
    """What the contract's sink `totals` is to hold: the flights, miles and minutes of each carrier and day in UTC."""
    totals = {}
    for flight in flights:
        key = f'flights#["{flight["carrier"]}"]#{flight["time_hour"][:10]}'
        total = totals.setdefault(key, Counter())
        total.update(flights=1, distance=flight["distance"], dep_delay=flight.get("dep_delay") or 0)
    return {key: dict(total) for key, total in totals.items()}


def totals():
    kept = ("flights", "distance", "dep_delay")
    return {key: {name: row[name] for name in kept if name in row} for key, row in rows("TotalsTable").items()}


def write_flights(flights):
    """A file is written once, although it comes twice; a record in it that cannot be is a dead letter."""
    *good, poison = flights
    lines = [line for line, _ in good]
    land("flights/first.ndjson.gz", [*lines, break_distance(poison)])
    becomes(f"{FLIGHTS} flights of a file are {FLIGHTS} rows", written, sorted(identity(it) for _, it in good))
    land("flights/again.ndjson.gz", lines)
    becomes("all queues are empty, those of dead letters too", waiting, {})
    check("the file that came again wrote nothing", len(payloads("flights")), FLIGHTS)
    check("the totals of each carrier and day are exact", totals(), expected_totals(it for _, it in good))
    hours = {}
    for _, observation in read_events("events/weather.ndjson.gz"):
        hours[observation["origin"], observation["time_hour"]] = observation
    expected = [{**it, "weather": hours.get((it["origin"], it["time_hour"]))} for _, it in good]
    seen = sorted(payloads("flights"), key=identity)
    check("each row is the flight as it was sent, with the weather of its hour", seen, sorted(expected, key=identity))


def deliver_observations():
    """Observations are delivered to a service, each once."""
    lines = [line for line, _ in read_events("events/weather.ndjson.gz", OBSERVATIONS)]
    land("weather/first.ndjson.gz", lines)
    becomes(f"{OBSERVATIONS} observations are rows", lambda: len(payloads("weather")), OBSERVATIONS)

    def delivered():
        with urllib.request.urlopen(f"{WEATHER_URL}/delivered") as answer:
            return json.load(answer)

    becomes("each was delivered to its service once, as it was sent", delivered, sorted(line.strip() for line in lines))


def only_group(stage):
    """The one cause of dead letters at a stage."""
    (group,) = sluicegate("dlq", "groups", "--stage", stage)["groups"]
    return group


def mend(flights):
    """The dead letter of the file says why, and its event is written once a patch mends it."""
    _, poison = flights[-1]
    group = only_group("ingest")
    check("a dead letter says why", (group["code"], group["at"], group["letters"]),
          ("contract.violation", f"line {FLIGHTS + 1}, /distance", 1))
    chosen = ("--group", group["group"])
    (letter,) = sluicegate("dlq", "peek", *chosen)["letters"]
    check("it is the line as it was sent", letter["message"]["body"], break_distance(flights[-1]).strip())
    patch = json.dumps([{"op": "replace", "path": "/distance", "value": poison["distance"]}])
    plan = sluicegate("dlq", "plan", *chosen, "--patch", patch)
    run = sluicegate("dlq", "redrive", plan["plan"], "--reason", "the distance is known")["run"]
    check("the run sent it", (run["state"], run["sent"]), ("done", 1))
    becomes("the event of the dead letter is written", written, sorted(identity(it) for _, it in flights))
    becomes("all queues are empty", waiting, {})
    check("the totals have it too, and nothing twice", totals(), expected_totals(it for _, it in flights))
    check("no dead letter is left", sluicegate("dlq", "groups")["groups"], [])


def poison():
    """What nobody can read comes back from a redrive as the same letter, and is put aside."""
    sqs.send_message(QueueUrl=resources["SinkQueue"], MessageBody="garbage")

    def letters():
        letters = sluicegate("dlq", "peek", "--stage", "sink")["letters"]
        return [(it["code"], it["message"]["body"], it["redrives"]) for it in letters]

    becomes("garbage in an inner queue is a dead letter", letters, [("decode.envelope", "garbage", 0)])
    chosen = ("--group", only_group("sink")["group"])
    plan = sluicegate("dlq", "plan", *chosen)
    # 1 says that the letter has come back already.
    sluicegate("dlq", "redrive", plan["plan"], "--reason", "perhaps it passes now", statuses=(0, 1))
    becomes("it comes back as the same letter, redriven once", letters, [("decode.envelope", "garbage", 1)])
    sluicegate("dlq", "discard", *chosen, "--reason", "nobody sent it", "--apply")
    check("no dead letter is left", letters(), [])


def work():
    """What schedules ask for each minute. Waiting for a minute would show nothing more."""
    for function, request in (("PollingFunction", {}), ("RedriveFunction", {"do": {"work": {}}})):
        answer = functions.invoke(FunctionName=resources[function], Payload=json.dumps(request))
        check(f"the minute's work of {function} is done", answer.get("FunctionError"), None)


flights = read_events("events/flights-2013-01.ndjson.gz", FLIGHTS + 1)
write_flights(flights)
deliver_observations()
mend(flights)
poison()
work()
