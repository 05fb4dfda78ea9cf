"""A Lambda Runtime API for one function at a time, and events as each front makes them of one request.

AWS's own emulator takes one event and gives back one JSON. This one also shows what that hides: the prelude and the chunks
of a streamed answer, trailers, errors posted at start and for a request, and the end of the process.
"""

import base64
import json
import os
import queue
import socket
import subprocess
import threading
import time
import urllib.parse


class Connection:
    """One connection of the function: requests in, answers out, byte by byte so that chunks and trailers show."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.file = sock.makefile("rb")

    def request(self):
        line = self.file.readline()
        if not line:
            return None
        method, path, _ = line.decode().split(" ", 2)
        headers = self.headers()
        body, trailers, complete, first = b"", {}, True, None
        if headers.get("transfer-encoding") == "chunked":
            chunks = []
            while True:
                size = self.file.readline()
                if not size:
                    complete = False
                    break
                count = int(size.split(b";")[0], 16)
                if count == 0:
                    trailers = self.headers()
                    break
                data = self.file.read(count)
                chunks.append((time.monotonic(), data))
                if len(data) < count:
                    complete = False
                    break
                self.file.readline()
            body = b"".join(data for _, data in chunks)
            first = chunks
        else:
            length = int(headers.get("content-length", 0))
            body = self.file.read(length)
            complete = len(body) == length
        return method, path, headers, body, trailers, complete, first

    def headers(self):
        found = {}
        while True:
            line = self.file.readline().rstrip(b"\r\n")
            if not line:
                return found
            name, _, value = line.partition(b":")
            found[name.decode().lower()] = value.strip().decode()

    def answer(self, status, headers, body=b""):
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.sock.sendall(head.encode() + b"\r\n" + body)


class Posted:
    """What the function posted for an event."""

    def __init__(self, kind, headers, body, trailers, complete, chunks):
        self.kind, self.headers, self.body = kind, headers, body
        self.trailers, self.complete, self.chunks = trailers, complete, chunks
        self.at = time.monotonic()

    @property
    def streamed(self):
        return self.headers.get("lambda-runtime-function-response-mode") == "streaming"

    def json(self):
        return json.loads(self.body)


class Function:
    """A bootstrap that runs against a Runtime API of its own."""

    def __init__(self, bootstrap, env=None, timeout=29, log=None):
        self.timeout = timeout
        self.events = queue.Queue()
        self.posted = queue.Queue()
        self.init_error = None
        self.first_next = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        port = self.listener.getsockname()[1]
        full = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "mogr-" + os.path.basename(os.path.dirname(bootstrap)),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "PATH": "/usr/bin:/bin",
        }
        full.update(env or {})
        self.log = open(log or os.devnull, "ab")
        self.spawned = time.monotonic()
        self.process = subprocess.Popen([bootstrap], env=full, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        threading.Thread(target=self._read_log, daemon=True).start()
        self.number = 0

    def _read_log(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self.log.write(line)
            self.log.flush()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(sock),), daemon=True).start()

    def _serve(self, connection):
        try:
            while True:
                request = connection.request()
                if request is None:
                    return
                method, path, headers, body, trailers, complete, chunks = request
                if path.endswith("/runtime/invocation/next"):
                    if self.first_next is None:
                        self.first_next = time.monotonic()
                    identity, payload = self.events.get()
                    connection.answer(200, {
                        "Lambda-Runtime-Aws-Request-Id": identity,
                        "Lambda-Runtime-Deadline-Ms": int((time.time() + self.timeout) * 1000),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:mogr",
                        "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
                    }, payload)
                    continue
                if path.endswith("/runtime/init/error"):
                    self.init_error = json.loads(body)
                    connection.answer(202, {}, b"{}")
                    continue
                kind = path.rsplit("/", 1)[1]
                self.posted.put(Posted(kind, headers, body, trailers, complete, chunks))
                if complete:
                    connection.answer(202, {}, b"{}")
        except (OSError, ValueError):
            pass

    def send(self, event):
        self.number += 1
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.events.put((f"8476a536-e9f4-11e8-9739-2dfe598c3f{self.number:02x}", payload))

    def invoke(self, event, wait=60):
        self.send(event)
        return self.posted.get(timeout=wait)

    def exit_code(self, wait=20):
        return self.process.wait(timeout=wait)

    def peak_rss_kb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1])

    def close(self):
        self.listener.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Answer:
    """An HTTP answer, out of whichever shape it came in."""

    def __init__(self, status, headers, body, complete=True):
        self.status, self.headers, self.body, self.complete = status, headers, body, complete


def answer_of(posted):
    """The HTTP answer in what a function posted."""
    if posted.kind != "response":
        raise AssertionError(f"the function posted an error: {posted.body!r}")
    if posted.streamed:
        prelude, _, body = posted.body.partition(b"\0" * 8)
        prelude = json.loads(prelude)
        headers = {name.lower(): value for name, value in prelude["headers"].items()}
        return Answer(prelude["statusCode"], headers, body, posted.complete)
    answer = posted.json()
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ", ".join(values)
    body = answer.get("body") or ""
    body = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    return Answer(answer["statusCode"], headers, body)


# --- events ------------------------------------------------------------------------------------------------------------


def _body(body):
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True} if body else {"isBase64Encoded": False}


def _version_2(method, raw_path, path, query, headers, body, domain):
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": raw_path, "rawQueryString": query,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "domainName": domain, "stage": "$default", "requestId": "id", "routeKey": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "test"},
        },
        **_body(body),
    }


def http_api(method, path, query="", headers=None, body=b""):
    """The path arrives decoded."""
    decoded = urllib.parse.unquote(path)
    return _version_2(method, decoded, decoded, query, headers or {}, body, "a.execute-api.us-east-1.amazonaws.com")


def function_url(method, path, query="", headers=None, body=b""):
    """The path arrives as it was sent, and decoded beside it."""
    domain = "a.lambda-url.us-east-1.on.aws"
    return _version_2(method, path, urllib.parse.unquote(path), query, headers or {}, body, domain)


def cloudfront(method, path, query="", headers=None, body=b""):
    """A function URL that CloudFront signs for: the viewer's Host and Authorization are in headers of ours."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    sent = {name: value for name, value in given.items() if name not in ("host", "authorization")}
    sent["x-mogr-host"] = given["host"]
    sent["x-mogr-client"] = "203.0.113.9"
    if given.get("authorization"):
        sent["x-mogr-authorization"] = given["authorization"]
    sent["host"] = "a.lambda-url.us-east-1.on.aws"
    sent["authorization"] = "AWS4-HMAC-SHA256 Credential=ASIA/20261122/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
    sent["x-amz-date"] = "20261122T120000Z"
    return function_url(method, path, query, sent, body)


def _items(query):
    items = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        items.setdefault(name, []).append(value)
    return items


def rest_api(method, path, query="", headers=None, body=b""):
    """The query arrives as a decoded map; an empty value and none are the same."""
    decoded = {}
    for name, values in _items(query).items():
        name = urllib.parse.unquote_plus(name)
        decoded.setdefault(name, []).extend(urllib.parse.unquote_plus(value) for value in values)
    multi = {name: [value] for name, value in (headers or {}).items()}
    return {
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": headers or {}, "multiValueHeaders": multi,
        "queryStringParameters": {name: values[-1] for name, values in decoded.items()} or None,
        "multiValueQueryStringParameters": decoded or None,
        "requestContext": {"stage": "live", "path": "/live" + path, "identity": {"sourceIp": "203.0.113.9"}},
        **_body(body),
    }


def load_balancer(method, path, query="", headers=None, body=b""):
    """The query arrives as a map that is still encoded."""
    multi = {name.lower(): [value] for name, value in (headers or {}).items()}
    multi["x-forwarded-for"] = ["198.51.100.1, 203.0.113.9"]
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/y"}},
        "httpMethod": method, "path": path, "multiValueQueryStringParameters": _items(query), "multiValueHeaders": multi,
        **_body(body),
    }


FRONTS = {
    "http-api": http_api, "function-url": function_url, "cloudfront": cloudfront, "rest-api": rest_api, "alb": load_balancer,
}
