"""boto3, a client that no one here wrote, against `sluicegate local up`.

Prints one line a check, and ends with 1 at the first that is wrong, saying what was expected and
what was seen. The endpoint is the one argument.
"""

import hashlib
import json
import sys
import time
import uuid
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
STACK = "sluicegate"
RUN = uuid.uuid4().hex[:8]


def check(what, seen, expected):
    """Tells of one thing, and ends everything if it is not as it must be."""
    if seen != expected:
        print(f"wrong  {what}\n       expected {expected!r}\n       seen     {seen!r}")
        sys.exit(1)
    print(f"right  {what}")


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"


def becomes(what, look, expected, seconds=20):
    """Checks what becomes so after a while."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    check(what, seen, expected)


def make(sqs, name, **attributes):
    url = sqs.create_queue(QueueName=f"boto3-{RUN}-{name}", Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, arn["Attributes"]["QueueArn"]


def receive(sqs, url):
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2,
        MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def messages(sqs):
    url, _ = make(sqs, "messages")
    attributes = {"why": {"DataType": "String.reason", "StringValue": "because"},
                  "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="ä body", MessageAttributes=attributes)
    digest = hashlib.md5("ä body".encode()).hexdigest()
    check("send: MD5 of the body", sent["MD5OfMessageBody"], digest)
    # As the developer guide says: name, type and value by name, each with its length before it.
    hashed = hashlib.md5()
    for name in sorted(attributes):
        kind, value = attributes[name]["DataType"], attributes[name]
        data = value.get("BinaryValue") or value["StringValue"].encode()
        for part in (name.encode(), kind.encode()):
            hashed.update(len(part).to_bytes(4, "big") + part)
        hashed.update(b"\x02" if "BinaryValue" in value else b"\x01")
        hashed.update(len(data).to_bytes(4, "big") + data)
    check("send: MD5 of the attributes", sent["MD5OfMessageAttributes"], hashed.hexdigest())
    (message,) = receive(sqs, url)
    check("receive: body", message["Body"], "ä body")
    check("receive: attributes", message["MessageAttributes"], attributes)
    check("receive: count", message["Attributes"]["ApproximateReceiveCount"], "1")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    count = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    check("delete: nothing is in flight", count["Attributes"],
          {"ApproximateNumberOfMessagesNotVisible": "0"})
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": "good", "MessageBody": "b"}, {"Id": "bad", "MessageBody": "\x01"}])
    check("batch: the good entry", [e["Id"] for e in answer["Successful"]], ["good"])
    check("batch: the bad entry", [(e["Id"], e["Code"]) for e in answer["Failed"]],
          [("bad", "InvalidMessageContents")])
    bogus = code_of(sqs.delete_message, QueueUrl=url, ReceiptHandle="bogus")
    check("delete: a bogus handle", bogus, "ReceiptHandleIsInvalid")
    missing = code_of(sqs.get_queue_url, QueueName="boto3-none")
    check("no such queue", missing, "AWS.SimpleQueueService.NonExistentQueue")
    sqs.delete_queue(QueueUrl=url)


def fifo(sqs):
    url, _ = make(sqs, "fifo.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body, group in [("1", "g"), ("2", "g"), ("1", "g"), ("other", "h")]:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]
    check("fifo: the first", first["Body"], "1")
    check("fifo: its group is locked", [m["Body"] for m in receive(sqs, url)], ["other"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    check("fifo: the next, once", [m["Body"] for m in receive(sqs, url)], ["2"])
    sqs.delete_queue(QueueUrl=url)


def dead_letters(sqs):
    dlq, dlq_arn = make(sqs, "dlq")
    policy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": "2"})
    url, arn = make(sqs, "source", RedrivePolicy=policy, VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="dead")
    counts = [m["Attributes"]["ApproximateReceiveCount"] for _ in range(2) for m in receive(sqs, url)]
    check("dlq: received so often", counts, ["1", "2"])
    check("dlq: and then no more", receive(sqs, url), [])
    (dead,) = receive(sqs, dlq)
    check("dlq: body", dead["Body"], "dead")
    check("dlq: where it came from", dead["Attributes"]["DeadLetterQueueSourceArn"], arn)
    sqs.change_message_visibility(QueueUrl=dlq, ReceiptHandle=dead["ReceiptHandle"],
                                  VisibilityTimeout=0)
    sqs.start_message_move_task(SourceArn=dlq_arn)
    becomes("move task: completed",
            lambda: [(t["Status"], t["ApproximateNumberOfMessagesMoved"])
                     for t in sqs.list_message_move_tasks(SourceArn=dlq_arn)["Results"]],
            [("COMPLETED", 1)])
    check("move task: back in the source", [m["Body"] for m in receive(sqs, url)], ["dead"])
    sqs.delete_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=dlq)


def stack(client):
    event = (ROOT / "events/redrive.json").read_bytes()
    answer = client("lambda").invoke(FunctionName=f"{STACK}-RedriveFunction", Payload=event)
    check("invoke: status", (answer["StatusCode"], answer.get("FunctionError")), (200, None))
    told = json.loads(answer["Payload"].read())
    check("invoke: the function's answer is an object", type(told), dict)
    s3 = client("s3")
    bucket = next(b["Name"] for b in s3.list_buckets()["Buckets"] if "archive" in b["Name"])
    key = f"boto3/{RUN}"
    s3.put_object(Bucket=bucket, Key=key, Body=b"object", IfNoneMatch="*")
    check("s3: get", s3.get_object(Bucket=bucket, Key=key)["Body"].read(), b"object")
    again = code_of(s3.put_object, Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*")
    check("s3: a second conditional put", again, "PreconditionFailed")
    for body in [b"", b"", b"object"]:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    check("s3: an object after empty ones", s3.get_object(Bucket=bucket, Key=key)["Body"].read(), b"object")
    s3.delete_object(Bucket=bucket, Key=key)
    dynamodb = client("dynamodb")
    table = f"boto3-{RUN}"
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    put = {"TableName": table, "Item": {"pk": {"S": "a"}},
           "ConditionExpression": "attribute_not_exists(pk)"}
    dynamodb.put_item(**put)
    check("dynamodb: a second conditional put", code_of(dynamodb.put_item, **put),
          "ConditionalCheckFailedException")
    dynamodb.delete_table(TableName=table)


def secrets(manager):
    name = f"boto3-{RUN}/weather"
    made = manager.create_secret(Name=name, SecretString="first", Tags=[{"Key": "a", "Value": "b"}])
    check("secrets: the ARN ends in six characters", made["ARN"][:-7].endswith(name), True)
    check("secrets: made twice", code_of(manager.create_secret, Name=name, SecretString="x"),
          "ResourceExistsException")
    manager.put_secret_value(SecretId=made["ARN"], SecretString="second")
    read = manager.get_secret_value(SecretId=name)
    check("secrets: the current version", (read["SecretString"], read["VersionStages"]),
          ("second", ["AWSCURRENT"]))
    previous = manager.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    check("secrets: the previous version", previous["SecretString"], "first")
    manager.update_secret(SecretId=name, SecretBinary=b"\x00\xff", Description="bytes")
    check("secrets: bytes", manager.get_secret_value(SecretId=name)["SecretBinary"], b"\x00\xff")
    told = manager.describe_secret(SecretId=name)
    check("secrets: described", (told["Description"], told["Tags"], len(told["VersionIdsToStages"])),
          ("bytes", [{"Key": "a", "Value": "b"}], 2))
    listed = [each["Name"] for each in manager.list_secrets()["SecretList"]]
    check("secrets: listed", name in listed, True)
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    check("secrets: gone", code_of(manager.get_secret_value, SecretId=name),
          "ResourceNotFoundException")


def main(endpoint):
    config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})

    def client(service):
        return boto3.client(service, endpoint_url=endpoint, region_name="eu-west-1", config=config,
                            aws_access_key_id="local", aws_secret_access_key="local")

    sqs = client("sqs")
    messages(sqs)
    fifo(sqs)
    dead_letters(sqs)
    stack(client)
    secrets(client("secretsmanager"))


if __name__ == "__main__":
    main(sys.argv[1])
