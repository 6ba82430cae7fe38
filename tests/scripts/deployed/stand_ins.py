"""What MiniStack lacks for the deployed stack, on loopback: the sample's weather service, and who asks operators.

`stand_ins.py ENDPOINT STACK OBSERVATIONS` prints the two addresses, the service's and the operators', and serves until
it is killed.

A function's URL of MiniStack does not say who signed a request, and the operators' function refuses whoever has no
name. This stands in for the URL: it takes signed requests only, and invokes the function with the caller's name in
`requestContext.authorizer.iam`, in the form of
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html.
"""

import gzip
import json
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import boto3

ENDPOINT, STACK, OBSERVATIONS = sys.argv[1:4]
OPERATOR = "arn:aws:iam::000000000000:user/operator"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Weather(Handler):
    """Answers `GET /v1/stations/{origin}/hours/{hour}` with an observation, or with 404, and takes a `PUT` there.

    `GET /delivered` answers with what was put, once for each call.
    """

    observations = {}
    delivered = []

    def do_GET(self):
        if self.path == "/delivered":
            return self.answer(200, json.dumps(sorted(self.delivered)).encode())
        _, _, _, origin, _, hour = unquote(self.path).split("/")
        found = self.observations.get((origin, hour))
        self.answer(200 if found else 404, found or b"{}")

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        self.delivered.append(self.rfile.read(length).decode())
        self.answer(200, b"{}")


class Operators(Handler):
    """Passes signed requests on to the operators' function, with who asks."""

    def forward(self):
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256"):
            return self.answer(403, b'{"Message":"Forbidden"}')
        length = int(self.headers.get("Content-Length", 0))
        request = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "stand-in",
                "authentication": None,
                "authorizer": {
                    "iam": {
                        "accessKey": "AKIAIOSFODNN7EXAMPLE",
                        "accountId": "000000000000",
                        "callerId": "AIDACKCEVSQ6C2EXAMPLE",
                        "cognitoIdentity": None,
                        "principalOrgId": None,
                        "userArn": OPERATOR,
                        "userId": "AIDACKCEVSQ6C2EXAMPLE",
                    }
                },
                "domainName": "stand-in.lambda-url.eu-west-1.on.aws",
                "domainPrefix": "stand-in",
                "http": {
                    "method": self.command,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": self.headers.get("User-Agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": "$default",
                "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": 1767225600000,
            },
            "body": self.rfile.read(length).decode(),
            "isBase64Encoded": False,
        }
        answer = boto3.client("lambda", endpoint_url=ENDPOINT).invoke(
            FunctionName=operators_function(), Payload=json.dumps(request)
        )
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return self.answer(502, json.dumps(payload).encode())
        return self.answer(payload["statusCode"], payload.get("body", "").encode())

    do_GET = do_POST = forward


def operators_function():
    stack = boto3.client("cloudformation", endpoint_url=ENDPOINT)
    found = stack.describe_stack_resource(StackName=STACK, LogicalResourceId="OperatorsFunction")
    return found["StackResourceDetail"]["PhysicalResourceId"]


def read_observations(path):
    with gzip.open(path, "rt") as lines:
        for line in lines:
            observation = json.loads(line)
            key = (observation["origin"], observation["time_hour"])
            yield key, line.strip().encode()


def serve(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)


Weather.observations = dict(read_observations(OBSERVATIONS))
serve(Weather)
serve(Operators)
