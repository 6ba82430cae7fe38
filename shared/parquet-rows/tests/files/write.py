"""Writes the files of this folder, with a writer that shares no code with the reader.

    python3 -m venv venv && venv/bin/pip install 'pyarrow==26.*'
    venv/bin/python write.py

Beside each file is what its rows are as JSON, which this script makes from the values in Python.
"""

import base64
import datetime as dt
import json
import pathlib
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent
DAY = dt.date(1970, 1, 1)


class Digits:
    """A number whose digits are kept."""

    def __init__(self, digits):
        self.digits = digits


def text(value):
    """A value as JSON, without a double for any digits."""
    if isinstance(value, Digits):
        return value.digits
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def save(name, table, rows, **options):
    pq.write_table(table, FOLDER / f"{name}.parquet", **options)
    (FOLDER / f"{name}.ndjson").write_text("".join(text(row) + "\n" for row in rows))


def types():
    """One column of each type, with the least, the greatest and no value."""
    columns, rows = {}, [{}, {}, {}]

    def add(name, kind, values, expected):
        columns[name] = pa.array([*values, None], type=kind)
        for row, value in zip(rows, [*expected, None]):
            row[name] = value

    add("bool", pa.bool_(), [True, False], [True, False])
    for bits in (8, 16, 32, 64):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        add(f"int{bits}", getattr(pa, f"int{bits}")(), [low, high], [low, high])
        add(f"uint{bits}", getattr(pa, f"uint{bits}")(), [0, 2**bits - 1], [0, 2**bits - 1])
    add("float", pa.float32(), [0.1, -0.0], [Digits("0.1"), Digits("-0.0")])
    add("double", pa.float64(), [0.1 + 0.2, 1e300], [Digits("0.30000000000000004"), Digits("1e+300")])
    add("half", pa.float16(), [1.5, -2.0], [Digits("1.5"), Digits("-2.0")])
    for name, kind, least in [
        ("decimal9", pa.decimal128(9, 2), "-0.01"),
        ("decimal18", pa.decimal128(18, 0), "-999999999999999999"),
        ("decimal38", pa.decimal128(38, 10), "-1234567890123456789012345678.0123456789"),
        ("decimal76", pa.decimal256(76, 4), "9" * 72 + ".0001"),
    ]:
        add(name, kind, [Decimal(least), Decimal("12")], [
            Digits(least), Digits(str(Decimal("12").quantize(Decimal(1).scaleb(-kind.scale)))),
        ])
    add("text", pa.string(), ["", "é\"\\\n\u2028😀"], ["", "é\"\\\n\u2028😀"])
    add("large", pa.large_string(), ["a", "b"], ["a", "b"])
    add("bytes", pa.binary(), [b"", b"\x00\xff"], ["", base64.b64encode(b"\x00\xff").decode()])
    add("fixed", pa.binary(3), [b"abc", b"\x00\x01\x02"], ["YWJj", "AAEC"])
    add("date", pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31)], ["0001-01-01", "9999-12-31"])
    add("time_ms", pa.time32("ms"), [0, 86_399_999], ["00:00:00", "23:59:59.999"])
    add("time_us", pa.time64("us"), [1, 500_000], ["00:00:00.000001", "00:00:00.5"])
    add("time_ns", pa.time64("ns"), [1, 86_399_999_999_999], ["00:00:00.000000001", "23:59:59.999999999"])
    for unit, least in [("ms", "0.001"), ("us", "0.000001"), ("ns", "0.000000001")]:
        expected = f"1970-01-01T00:00:0{least}"
        add(f"local_{unit}", pa.timestamp(unit), [1, 0], [expected, "1970-01-01T00:00:00"])
        add(f"utc_{unit}", pa.timestamp(unit, "UTC"), [1, 0], [expected + "Z", "1970-01-01T00:00:00Z"])
    add("uuid", pa.uuid(), [bytes(range(16)), bytes(16)], [
        "00010203-0405-0607-0809-0a0b0c0d0e0f", "00000000-0000-0000-0000-000000000000",
    ])
    add("json", pa.json_(), ['{"a": 1.50}', "null"], [{"a": Digits("1.50")}, None])
    # JSON is written as it came.
    for row in rows:
        if row["json"]:
            row["json"] = Digits('{"a": 1.50}')
    columns["nothing"] = pa.nulls(3)
    for row in rows:
        row["nothing"] = None
    return pa.table(columns), rows


def nested():
    """Lists, maps and structs in each other, empty and null ones among them."""
    rows = [
        {"id": 1, "tags": ["a", None, "b"], "matrix": [[1, 2], [], None, [3]], "place": {"x": 1, "y": None},
         "map": {"k": [1], "l": None}, "items": [{"n": 1, "sub": [{"z": True}]}, {"n": None, "sub": []}],
         "by_number": {"1": "one", "-2": None}},
        {"id": 2, "tags": [], "matrix": [], "place": None, "map": {}, "items": [], "by_number": {}},
        {"id": 3, "tags": None, "matrix": None, "place": {"x": None, "y": "é"}, "map": None, "items": None,
         "by_number": None},
        {"id": 4, "tags": [None], "matrix": [None], "place": {"x": 2, "y": ""}, "map": {"": []},
         "items": [None, {"n": 7, "sub": None}], "by_number": {"0": ""}},
    ]
    schema = pa.schema([
        ("id", pa.int64()),
        ("tags", pa.list_(pa.string())),
        ("matrix", pa.list_(pa.list_(pa.int32()))),
        ("place", pa.struct([("x", pa.int32()), ("y", pa.string())])),
        ("map", pa.map_(pa.string(), pa.list_(pa.int64()))),
        ("items", pa.list_(pa.struct([("n", pa.int32()), ("sub", pa.list_(pa.struct([("z", pa.bool_())])))]))),
        ("by_number", pa.map_(pa.int32(), pa.string())),
    ])

    def typed(row):
        pairs = lambda value, key: None if value is None else [(key(k), v) for k, v in value.items()]
        return {**row, "map": pairs(row["map"], str), "by_number": pairs(row["by_number"], int)}

    return pa.Table.from_pylist([typed(row) for row in rows], schema=schema), rows


def many():
    """Some hundred rows, of which each column is encoded in another way."""
    rows = [
        {"id": i, "delta": i * i - 7, "name": f"name-{i % 11}", "url": f"https://example.com/{i // 3}/{i}",
         "flag": i % 3 == 0, "ratio": Digits(repr(i / 8)), "list": [f"{i}-{j}" for j in range(i % 4)],
         "sparse": i if i % 97 == 0 else None}
        for i in range(600)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["ratio"] = [float(value.digits) for value in columns["ratio"]]
    return pa.table(columns), rows


def main():
    save("types", *types(), compression="none", version="2.6")
    day = dt.datetime(2013, 1, 1, 5, 15, 0, 123456)
    pq.write_table(pa.table({"at": pa.array([day, None], pa.timestamp("ns"))}), FOLDER / "int96.parquet",
                   use_deprecated_int96_timestamps=True)
    (FOLDER / "int96.ndjson").write_text('{"at":"2013-01-01T05:15:00.123456Z"}\n{"at":null}\n')
    save("nested", *nested())
    for codec in ("snappy", "gzip", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            save(f"many-{codec}-{version[0]}", *many(), compression=codec, data_page_version=version,
                 row_group_size=200, data_page_size=1000, write_batch_size=64, write_page_checksum=version == "2.0")
    save("encodings", *many(), use_dictionary=False, row_group_size=400, data_page_size=1000, write_batch_size=64,
         column_encoding={"id": "DELTA_BINARY_PACKED", "delta": "DELTA_BINARY_PACKED",
                          "name": "DELTA_LENGTH_BYTE_ARRAY", "url": "DELTA_BYTE_ARRAY", "flag": "RLE",
                          "ratio": "BYTE_STREAM_SPLIT", "list.list.element": "DELTA_BYTE_ARRAY",
                          "sparse": "PLAIN"})
    # One expected text is enough for all of them.
    for path in [*FOLDER.glob("many-*.ndjson"), FOLDER / "encodings.ndjson"]:
        path.rename(FOLDER / "many.ndjson")
    pq.write_table(pa.table({"id": [1, 2, 3], "x": [0.5, float("nan"), float("inf")]}), FOLDER / "nan.parquet")
    pq.write_table(pa.table({"a": [1]}), FOLDER / "brotli.parquet", compression="brotli")
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), FOLDER / "empty.parquet")


main()
