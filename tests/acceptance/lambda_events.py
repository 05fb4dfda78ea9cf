"""The built functions against a Runtime API of ours and an independent S3: every event file, every front, and what can fail.

usage: MOGR=PROGRAM lambda_events.py TARGET_FOLDER MOTO_BIN_FOLDER [LOG]

MOGR is the local host, which has to answer as the functions do.
"""

import glob
import hashlib
import http.client
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from lambda_api import FRONTS, Answer, Function, answer_of, cloudfront, function_url, http_api
from lambda_fixture import (
    API_HOST, BUCKET, COS_HOST, EVENTS, KEY_ID, SECRET, Checks, Moto, animate, authorization, configuration, environment, fill,
    free_port, gif_frames, is_progressive, pictures, s3, wait_for,
)
from template_values import Template

TARGET, MOTO_BIN = sys.argv[1:3]
LOG = sys.argv[3] if len(sys.argv) > 3 else None
check = Checks("lambda events")
INTERLACE = "imageMogr2/format/jpg/interlace/1"


def function(name, env, **options):
    return Function(os.path.join(TARGET, name, "bootstrap"), env, log=LOG, **options)


def event(name):
    with open(os.path.join(EVENTS, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def code(answer):
    text = answer.body.decode(errors="replace")
    return text.partition("<Code>")[2].partition("</Code>")[0]


def every_event_file(client, functions):
    """Requests get the answer that their objects deserve; nothing at all is an error of the function but what is no event."""
    expected = {
        "http-api-get": 200, "http-api-animate": 200, "http-api-put": 200, "http-api-post": 200, "http-api-delete": 204,
        "http-api-options": 403, "function-url-get": 200, "function-url-head": 200, "function-url-cloudfront": 403,
        "rest-api-get": 200, "rest-api-put": 200, "alb-get": 200, "alb-get-single-value": 200, "alb-post": 200,
        "row-query-animate": 200,
    }
    names = [os.path.basename(path)[:-5] for path in sorted(glob.glob(os.path.join(EVENTS, "*.json")))]
    # A delete comes after what it deletes.
    for name in sorted(names, key=lambda name: (name == "http-api-delete", name)):
        sent = event(name)
        context = sent.get("requestContext", {})
        if "Records" in sent or "source" in sent or "Event" in sent:
            posted = functions["upload"].invoke(sent)
            check.that(f"{name} is worked through", posted.kind == "response", posted.body)
            if "sqs" in name or name == "failure-queue":
                check.that(f"{name} gives nothing back", posted.json() == {"batchItemFailures": []}, posted.body)
            continue
        if not context:
            posted = functions["download"].invoke(sent)
            check.that(f"{name} is an error", posted.kind == "error", posted.body)
            check.that(f"{name} says why", "it has the fields hello" in posted.json()["errorMessage"], posted.body)
            continue
        method = context.get("http", {}).get("method") or sent["httpMethod"]
        if method not in ("GET", "HEAD"):
            which = "process"
        elif ".lambda-url." in context.get("domainName", ""):
            which = "stream"
        else:
            which = "download"
        answer = answer_of(functions[which].invoke(sent))
        if name in expected:
            check.that(f"{name} is {expected[name]}", answer.status == expected[name], (answer.status, answer.body[:400]))
        else:
            found = (answer.status, answer.body[:200])
            check.that(f"{name} is an answer", answer.status < 300 or (answer.status < 500 and code(answer)), found)
    # The test event for CloudFront has a signature of 2019.
    stored = client.get_object(Bucket=BUCKET, Key="folder/out.jpg")["Body"].read()
    check.that("the PUT's result is in the bucket", is_progressive(stored))
    stored = client.get_object(Bucket=BUCKET, Key="out.jpg")["Body"].read()
    check.that("the POST's result is in the bucket", is_progressive(stored))


class LocalHost:
    """`mogr serve` over a folder, as one more front."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="mogr-local-")
        self.port = free_port()
        text = configuration("http://127.0.0.1:1").replace(f's3 = "{BUCKET}"', f'folder = "{self.folder}/objects"')
        with open(os.path.join(self.folder, "mogr.toml"), "w", encoding="utf-8") as file:
            file.write(text)
        os.mkdir(os.path.join(self.folder, "objects"))
        command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--config", os.path.join(self.folder, "mogr.toml")]
        with open(LOG or os.devnull, "ab") as log:
            self.process = subprocess.Popen(command, env={**os.environ, "MOGR_SECRET_KEY": SECRET}, stdout=log, stderr=log)
        wait_for(self.port, self.process)

    def answer(self, method, path, query="", headers=None, body=b""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path + ("?" + query if query else ""), skip_host=True, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            connection.putheader(name, value.encode())
        connection.endheaders(body)
        got = connection.getresponse()
        # The local host sends UTF-8, which http.client takes for Latin-1.
        sent = {name.lower(): value.encode("latin-1").decode() for name, value in got.getheaders()}
        answer = Answer(got.status, sent, got.read())
        connection.close()
        return answer

    def close(self):
        self.process.terminate()
        self.process.wait()


# What is not of the answer itself: the time, the request's own id, and how the body travels.
NOT_COMPARED = {"date", "x-cos-request-id", "last-modified", "connection", "transfer-encoding", "content-length", "keep-alive"}
PIC = '{"is_pic_info":1,"rules":[{"fileid":"/fronts/图.jpg","rule":"imageMogr2/format/jpg/interlace/1"}]}'
# Beyond ASCII, as file names and metadata are; a function answers with the bytes percent-escaped.
NAMED = {"Content-Disposition": 'attachment; filename="图 1.jpg"', "x-cos-meta-author": "日本 é"}


def presigned(path, rule, tampered=False):
    """A rule with its signature in the query, as SDKs make URLs."""
    sign = authorization("GET", path, rule, {"Host": COS_HOST})
    if tampered:
        sign = sign[:-1] + ("0" if sign[-1] != "0" else "1")
    fields = (field.partition("=") for field in sign.split("&"))
    return "&".join([rule] + [f"{name}={urllib.parse.quote(value, safe='')}" for name, _, value in fields])


def table():
    """Requests: method, path, query, headers, body, and the status that the first front shall give."""
    tag = {"If-None-Match": f'"{hashlib.md5(pictures()["image-1.jpg"]).hexdigest()}"'}
    hello, png = b"hello \xff\x00", pictures()["sample.png"]
    return [
        ("GET", "/image-1.jpg", INTERLACE, {}, b"", 200),
        ("GET", "/image-1.jpg", "", {}, b"", 200),
        ("GET", "/image-1.jpg", urllib.parse.quote(INTERLACE, safe=""), {}, b"", 200),
        ("GET", "/image-1.jpg", animate("image-2.jpg", "image-1.jpg"), {}, b"", 200),
        ("GET", "/image-1.jpg", presigned("/image-1.jpg", INTERLACE), {}, b"", 200),
        ("GET", "/image-1.jpg", presigned("/image-1.jpg", animate("image-2.jpg")), {}, b"", 200),
        ("GET", "/image-1.jpg", presigned("/image-1.jpg", INTERLACE, tampered=True), {}, b"", 403),
        ("GET", "/image-1.jpg", "", {"Range": "bytes=10-99"}, b"", 206),
        ("HEAD", "/image-1.jpg", "", {"Range": "bytes=-100"}, b"", 206),
        ("GET", "/image-1.jpg", "", {"Range": "bytes=10000000-"}, b"", 416),
        ("GET", "/image-1.jpg", "", tag, b"", 304),
        ("GET", "/image-1.jpg", "", {"If-None-Match": '"another"'}, b"", 200),
        ("GET", "/image-1.jpg", "", {"If-Match": '"another"'}, b"", 412),
        ("GET", "/%E7%9B%AE%E5%BD%95/a%20b+c.jpg", INTERLACE, {}, b"", 200),
        ("GET", "/%E7%9B%AE%E5%BD%95/a%20b%2Bc.jpg", "", {}, b"", 200),
        ("HEAD", "/sample.png", INTERLACE, {}, b"", 200),
        ("HEAD", "/sample.png", "", {}, b"", 200),
        ("HEAD", "/missing.jpg", "", {}, b"", 404),
        ("GET", "/missing.jpg", INTERLACE, {}, b"", 404),
        ("GET", "/missing.jpg", "", {}, b"", 404),
        ("GET", "/image-1.jpg", "imageMogr2/interlace/7", {}, b"", 400),
        ("GET", "/image-1.jpg", "imageMogr2/animate/duration/50/images/***", {}, b"", 400),
        ("GET", "/image-1.jpg", animate("missing.jpg"), {}, b"", 404),
        ("GET", "/note.txt", INTERLACE, {}, b"", 400),
        ("GET", "/", "prefix=uploads/&max-keys=2", {}, b"", 200),
        ("GET", "/", "uploads", {}, b"", 200),
        ("PUT", "/fronts/note.txt", "", {}, hello, 200),
        ("PUT", "/fronts/named.jpg", "", {"Content-Type": "image/jpeg", **NAMED}, pictures()["image-1.jpg"], 200),
        ("HEAD", "/fronts/named.jpg", "", {}, b"", 200),
        ("GET", "/fronts/named.jpg", "", {}, b"", 200),
        ("PUT", "/fronts/processed.png", "", {"Content-Type": "image/png", "Pic-Operations": PIC}, png, 200),
        ("PUT", "/fronts/refused.png", "", {"Content-Type": "image/png", "Pic-Operations": '{"rules":1}'}, png, 400),
        ("POST", "/image-1.jpg", "image_process", {"Pic-Operations": PIC}, b"", 200),
        ("POST", "/image-1.jpg", "image_process=", {"Pic-Operations": PIC}, b"", 200),
        ("DELETE", "/fronts/note.txt", "", {}, b"", 204),
        ("DELETE", "/fronts/never", "", {}, b"", 204),
    ]


def all_fronts(functions):
    """One table of requests, through every front and the local host: the same answers."""
    local = LocalHost(os.environ["MOGR"])
    plain = {"Host": COS_HOST}
    kinds = {"jpg": "image/jpeg", "png": "image/png", "txt": "text/plain"}
    for key, body in pictures().items():
        if key.startswith("noise/"):
            continue
        path = "/" + urllib.parse.quote(key)
        headers = {**plain, "Content-Type": kinds[key.rsplit(".", 1)[1]]}
        answer = answer_of(functions["process"].invoke(http_api("PUT", path, "", headers, body)))
        check.that(f"PUT {path}", answer.status == 200, answer.body)
        check.that(f"PUT {path} by the local host", local.answer("PUT", path, "", headers, body).status == 200)
    for signed in (False, True):
        for method, path, query, extra, body, expected in table():
            if signed and "q-signature" in query:
                continue
            headers = {**plain, **extra}
            if signed:
                # The length is signed, and no front passes it on here.
                names = ["host"] + (["content-length"] if method != "GET" else []) + [name.lower() for name in extra if name == "Pic-Operations"]
                known = {**headers, "Content-Length": str(len(body))}
                headers["Authorization"] = authorization(method, path, query, known, sign=names)
            answers = {}
            for front, make in FRONTS.items():
                which = "download" if method in ("GET", "HEAD") else "process"
                if front in ("function-url", "cloudfront") and which == "download":
                    which = "stream"
                # A function URL with CloudFront before it takes GET and HEAD only.
                if front == "cloudfront" and which == "process":
                    continue
                answers[front] = answer_of(functions[which].invoke(make(method, path, query, headers, body)))
            answers["the local host"] = local.answer(method, path, query, headers, body)
            compare(f"{'signed ' if signed else ''}{method} {path}?{query[:40]} {extra or ''}", method, answers, expected)
    local.close()


def compare(what, method, answers, expected):
    first = answers["http-api"]
    check.that(f"{what} is {expected}", first.status == expected, (first.status, first.body[:400]))
    view = lambda a: (a.status, {k: unescaped(k, v) for k, v in a.headers.items() if k not in NOT_COMPARED}, mask(a))
    lengths = {}
    for front, answer in answers.items():
        check.that(f"{what} by {front} is as by http-api", view(answer) == view(first), (view(answer), view(first)))
        modified = [a.headers.get("last-modified") for a in (answer, first)]
        if None in modified:
            same = modified == [None, None]
        else:
            # The local host has stored the objects by itself, a moment later.
            apart = abs((parsedate_to_datetime(modified[0]) - parsedate_to_datetime(modified[1])).total_seconds())
            same = apart <= (600 if front == "the local host" else 0)
        check.that(f"{what} by {front} was modified when http-api says", same, modified)
        length = answer.headers.get("content-length")
        if length is None:
            # A GIF leaves before its length is known; no answer without a body needs one.
            unknown = answer.headers.get("content-type") == "image/gif" and front in ("function-url", "cloudfront", "the local host")
            check.that(f"{what} by {front} tells its length", unknown or answer.status == 204 or not answer.body, answer.headers)
            continue
        if method != "HEAD":
            check.that(f"{what} by {front} has as many bytes as it says", int(length) == len(answer.body), (length, len(answer.body)))
        # The text of an error holds the request's id, which is not always as long.
        if answer.status < 400:
            lengths[front] = length
    check.that(f"{what}: one length", len(set(lengths.values())) <= 1, lengths)


def unescaped(name, value):
    return urllib.parse.unquote(value) if name == "content-disposition" or name.startswith("x-cos-meta-") else value


def mask(answer):
    """The body without what differs from one answer to the next."""
    if b"<?xml" not in answer.body[:100]:
        return answer.body
    return re.sub(rb"<(RequestId|TraceId|LastModified)>[^<]*<", rb"<\1><", answer.body)


def what_comes_back(functions):
    answer = answer_of(functions["download"].invoke(http_api("GET", "/image-1.jpg", INTERLACE, {"Host": API_HOST})))
    check.that("interlace is a progressive JPEG", is_progressive(answer.body), answer.headers)
    # Where a streamed answer names no type, the runtime does, and a cache would take that over.
    for query, kind in (("", "image/jpeg"), (INTERLACE, "image/jpeg"), (animate("image-2.jpg"), "image/gif")):
        get = lambda headers: answer_of(functions["stream"].invoke(function_url("GET", "/image-1.jpg", query, {"Host": API_HOST, **headers})))
        again = get({"If-None-Match": get({}).headers["etag"]})
        found = (again.status, again.headers.get("content-type"))
        check.that(f"304 of {query[:30] or 'the object'} keeps its type", found == (304, kind), found)
    rule = animate("image-2.jpg", "image-1.jpg")
    answer = answer_of(functions["stream"].invoke(function_url("GET", "/image-1.jpg", rule, {"Host": API_HOST})))
    check.that("animate is three frames of 50 ms", gif_frames(answer.body) == [50, 50, 50], gif_frames(answer.body))
    check.that("its type is image/gif", answer.headers["content-type"] == "image/gif", answer.headers)


def large_answers(functions):
    """A GIF that no buffered front can carry: streamed, or refused with the way out; never a 502."""
    rule = animate(*[f"noise/{number}.jpg" for number in range(1, 20)])
    posted = functions["stream"].invoke(function_url("GET", "/noise/0.jpg", rule, {"Host": API_HOST}))
    answer = answer_of(posted)
    check.that("a large GIF is streamed", answer.status == 200 and posted.streamed, answer.status)
    check.that(f"it is over 7 MB ({len(answer.body)} bytes)", len(answer.body) > 7_000_000)
    check.that("it has all 20 frames", len(gif_frames(answer.body)) == 20)
    check.that("the connection ended in order", answer.complete and not posted.trailers, posted.trailers)
    times = [at for at, _ in posted.chunks]
    check.that(f"it left in pieces ({len(times)}) while it was made", len(times) > 20 and times[-1] - times[2] > 0.05, times[-1] - times[0])
    for front in ("http-api", "rest-api", "alb"):
        answer = answer_of(functions["download"].invoke(FRONTS[front]("GET", "/noise/0.jpg", rule, {"Host": API_HOST})))
        text = answer.body.decode(errors="replace")
        check.that(f"{front} refuses it with the way out", answer.status in (400, 413) and "streaming endpoint" in text, (answer.status, text[:300]))


def large_objects(functions, client):
    """An object of 7 MB as it is: streamed, or refused where it cannot pass, which parts of it do."""
    whole = os.urandom(7_000_000)
    client.put_object(Bucket=BUCKET, Key="large.bin", Body=whole)
    fronts = [(front, "stream" if front in ("function-url", "cloudfront") else "download") for front in FRONTS]
    for front, which in [*fronts, ("function-url", "download")]:
        ask = lambda method, headers: answer_of(functions[which].invoke(FRONTS[front](method, "/large.bin", "", {"Host": API_HOST, **headers})))
        what = f"7 MB by {front}, {which}"
        answer = ask("GET", {})
        if which == "stream":
            check.that(f"{what}: streamed", (answer.status, answer.body == whole) == (200, True), (answer.status, len(answer.body)))
        else:
            found = (answer.status, code(answer), answer.body[:300])
            check.that(f"{what}: refused with the way out", found[:2] == (400, "EntityTooLarge") and b"streaming endpoint" in answer.body, found)
            answer = ask("GET", {"Range": "bytes=0-6000000"})
            check.that(f"{what}: so is a part that is too large", (answer.status, code(answer)) == (400, "EntityTooLarge"), (answer.status, answer.body[:300]))
        answer = ask("GET", {"Range": "bytes=5000000-5500000"})
        check.that(f"{what}: a part", (answer.status, answer.body == whole[5_000_000:5_500_001]) == (206, True), (answer.status, len(answer.body)))
        answer = ask("HEAD", {})
        found = (answer.status, answer.headers.get("content-length"), answer.body)
        check.that(f"{what}: HEAD", found == (200, "7000000", b""), found)


def refusals_of_head(functions):
    """What does not reach the service is refused without a body as well."""
    bad = event("row-body-not-base64")
    bad["requestContext"]["http"]["method"] = "HEAD"
    for which in ("download", "stream"):
        answer = answer_of(functions[which].invoke(bad))
        found = (answer.status, answer.body, int(answer.headers.get("content-length", 0)) > 0)
        check.that(f"{which}: a refused HEAD has no body, and says its length", found == (400, b"", True), found)


def large_requests(functions):
    body = os.urandom(7_000_000)
    for front in ("http-api", "alb"):
        answer = answer_of(functions["process"].invoke(FRONTS[front]("PUT", "/large.bin", "", {"Host": API_HOST}, body)))
        text = answer.body.decode(errors="replace")
        check.that(f"{front} refuses a large body with the way out", code(answer) == "EntityTooLarge" and "direct" in text, (answer.status, text[:300]))


def header_signed_through_cloudfront(moto):
    """Nobody reads without a signature; one made for the viewer's host holds, and one that anyone could forge does not."""
    private = environment(moto.url, anonymous=False)
    stream = function("download", {**private, "RESPONSE_MODE": "stream"})
    buffered = function("download", private)
    path, headers = "/private.jpg", {"Host": COS_HOST}
    sign = authorization("GET", path, INTERLACE, headers)
    get = lambda extra: answer_of(stream.invoke(cloudfront("GET", path, INTERLACE, {**headers, **extra})))
    answer = get({"Authorization": sign})
    check.that("a header-signed GET through CloudFront is answered", answer.status == 200 and is_progressive(answer.body), (answer.status, answer.body[:300]))
    check.that("without a signature it is 403", get({}).status == 403)
    check.that("with another it is 403", get({"Authorization": sign[:-1] + ("0" if sign[-1] != "0" else "1")}).status == 403)
    forged = {"Host": API_HOST, "x-mogr-host": COS_HOST, "x-mogr-authorization": sign}
    answer = answer_of(buffered.invoke(http_api("GET", path, INTERLACE, forged)))
    check.that("the API does not believe CloudFront's headers", answer.status == 403, (answer.status, answer.body[:300]))
    stream.close()
    buffered.close()


def refused_at_start(moto, client):
    cases = {
        "no configuration": ({}, "MOGR_CONFIG is not set"),
        "no TOML": ({"MOGR_CONFIG": "bucket = ["}, "configuration:"),
        "an unknown key": ({"MOGR_CONFIG": "buckets = 1"}, "buckets"),
        "an address without a key": ({"MOGR_CONFIG": "s3://bucket"}, "s3://bucket/key"),
        "a configuration that is not there": (
            {"MOGR_CONFIG": f"s3://{BUCKET}/none.toml", "AWS_ENDPOINT_URL_S3": moto.url}, "s3://mogr-images/none.toml could not be read"),
        "an odd response mode": ({**environment(moto.url), "RESPONSE_MODE": "fast"}, "RESPONSE_MODE is `fast`; allowed are buffered and stream"),
        "a missing secret": ({"MOGR_CONFIG": configuration(moto.url)}, "MOGR_SECRET_KEY"),
    }
    for what, (env, message) in cases.items():
        started = function("download", env)
        try:
            exit_code = started.exit_code()
        except Exception as error:
            exit_code = error
        time.sleep(0.1)
        log = "\n".join(started.lines)
        check.that(f"{what} ends the function", exit_code not in (0, None) and isinstance(exit_code, int), exit_code)
        check.that(f"{what} is said in the log", message in log, log)
        told = (started.init_error or {}).get("errorMessage", "")
        check.that(f"{what} is said to Lambda", message in told, started.init_error)
        started.close()
    no_bucket(moto)
    policy = '{"version":"2.0","statement":[{"effect":"allow","action":["name/cos:GetObject"],"resource":["*"]}]}'
    text = configuration(moto.url).replace('[anonymous]\npolicy = "open"', '[anonymous]\npolicy = "read.json"')
    client.put_object(Bucket=BUCKET, Key="settings/mogr.toml", Body=text.encode())
    client.put_object(Bucket=BUCKET, Key="settings/read.json", Body=policy.encode())
    started = function("download", {
        "MOGR_CONFIG": f"s3://{BUCKET}/settings/mogr.toml", "AWS_ENDPOINT_URL_S3": moto.url, "MOGR_SECRET_KEY": SECRET})
    answer = answer_of(started.invoke(http_api("GET", "/image-1.jpg", INTERLACE, {"Host": API_HOST})))
    check.that("a configuration in S3, with a policy beside it, is read", answer.status == 200, (answer.status, answer.body[:300]))
    started.close()


def no_bucket(moto):
    """A bucket that is not there is found out beside the first request: no request is answered as if it were, and none is lost."""
    message = "the bucket `nowhere` does not exist"
    env = environment(moto.url, bucket="nowhere")
    for mode in ("buffered", "stream"):
        started = function("download", {**env, "RESPONSE_MODE": mode})
        for number, (method, query) in enumerate([("HEAD", ""), ("GET", ""), ("GET", INTERLACE)]):
            answer = answer_of(started.invoke(function_url(method, "/image-1.jpg", query, {"Host": API_HOST})))
            found = (answer.status, answer.body[:300])
            refused = answer.status == 500 and (method == "HEAD" or b"the configuration of this endpoint is refused" in answer.body)
            check.that(f"{mode}: request {number} to a bucket that is not there is refused", refused, found)
        time.sleep(0.1)
        log = "\n".join(started.lines)
        check.that(f"{mode}: the log says why", message in log, log)
        check.that(f"{mode}: the process lives", started.process.poll() is None)
        started.close()
    started = function("upload", env)
    posted = started.invoke(event("s3-put"))
    check.that("an event is kept while a bucket is not there", posted.kind == "error" and message in posted.json()["errorMessage"], posted.body)
    started.close()


class Faulty(ThreadingHTTPServer):
    """An S3 that does not serve: it refuses for now, hangs, denies, drips, breaks off in the middle, or has more than fits."""

    daemon_threads = True

    def __init__(self, fault):
        self.fault, self.asked = fault, 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                server.asked += 1
                if server.fault == "hang":
                    time.sleep(60)
                elif server.fault == "refuse":
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.command == "HEAD" and self.path.count("/") < 2:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif server.fault == "deny":
                    self.send_response(403)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", "300000000" if server.fault == "huge" else "1000000")
                    self.send_header("ETag", '"e"')
                    self.send_header("Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT")
                    self.end_headers()
                    if self.command == "GET":
                        self.wfile.write(b"x" * 1000)
                        self.wfile.flush()
                        end = time.monotonic() + (60 if server.fault == "drip" else 0)
                        try:
                            while time.monotonic() < end:
                                time.sleep(0.1)
                                self.wfile.write(b"x" * 10)
                                self.wfile.flush()
                        except OSError:
                            pass
                        self.connection.close()

            do_GET = do_HEAD = do_PUT = answer

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


def s3_that_fails():
    for fault in ("refuse", "hang"):
        server = Faulty(fault)
        download = function("download", environment(server.url), timeout=6)
        begun = time.monotonic()
        answer = answer_of(download.invoke(http_api("GET", "/image-1.jpg", "", {"Host": API_HOST})))
        took = time.monotonic() - begun
        check.that(f"S3 that does {fault}: 503 with Retry-After", answer.status == 503 and "retry-after" in answer.headers, (answer.status, answer.headers, answer.body))
        check.that(f"S3 that does {fault}: answered before Lambda ends it ({took:.1f} s)", took < 6, took)
        check.that(f"S3 that does {fault}: the process lives", download.process.poll() is None)
        upload = function("upload", environment(server.url), timeout=6)
        posted = upload.invoke(event("s3-put"))
        check.that(f"S3 that does {fault}: the event is tried again", posted.kind == "error", posted.body)
        posted = upload.invoke(event("sqs-s3"))
        again = [{"itemIdentifier": event("sqs-s3")["Records"][0]["messageId"]}]
        check.that(f"S3 that does {fault}: the message is tried again", posted.kind == "response" and posted.json() == {"batchItemFailures": again}, posted.body)
        download.close()
        upload.close()
        server.shutdown()
    server = Faulty("deny")
    download = function("download", environment(server.url))
    answer = answer_of(download.invoke(http_api("GET", "/image-1.jpg", "", {"Host": API_HOST})))
    check.that("S3 that denies: 403", (answer.status, code(answer)) == (403, "AccessDenied"), (answer.status, answer.body))
    upload = function("upload", environment(server.url))
    posted = upload.invoke(event("s3-put"))
    check.that("S3 that denies: the event is kept until the role is right", posted.kind == "error" and b"AccessDenied" in posted.body, posted.body)
    download.close()
    upload.close()
    server.shutdown()

    server = Faulty("huge")
    stream = function("download", {**environment(server.url), "RESPONSE_MODE": "stream"})
    answer = answer_of(stream.invoke(function_url("GET", "/note.txt", "", {"Host": API_HOST})))
    check.that("more than Lambda streams is refused", (answer.status, code(answer)) == (400, "EntityTooLarge") and b"Range" in answer.body, (answer.status, answer.body[:300]))
    stream.close()
    server.shutdown()

    server = Faulty("drip")
    for mode in ("buffered", "stream"):
        download = function("download", {**environment(server.url), "RESPONSE_MODE": mode}, timeout=6)
        begun = time.monotonic()
        posted = download.invoke(function_url("GET", "/note.txt", "", {"Host": API_HOST}))
        took = time.monotonic() - begun
        check.that(f"S3 that drips, {mode}: ended before Lambda does ({took:.1f} s)", took < 6, took)
        if mode == "buffered":
            check.that("S3 that drips, buffered: 503", answer_of(posted).status == 503, posted.body[:300])
            time.sleep(0.2)
            check.that("S3 that drips, buffered: it counts as an error", any('"ServerErrors":1' in line for line in download.lines), download.lines)
        else:
            check.that("S3 that drips, stream: visibly incomplete", not posted.complete and download.exit_code() == 70, posted.body[-100:])
        download.close()
    server.shutdown()

    server = Faulty("break")
    env = environment(server.url)
    stream = function("download", {**env, "RESPONSE_MODE": "stream"}, timeout=15)
    posted = stream.invoke(function_url("GET", "/note.txt", "", {"Host": API_HOST}))
    answer = answer_of(posted)
    announced = int(answer.headers.get("content-length", 0))
    check.that("a body that breaks off is shorter than announced", answer.status == 200 and len(answer.body) < announced, (answer.status, len(answer.body), answer.headers))
    check.that("it shows as an answer without its end", not answer.complete)
    check.that("the process has ended", stream.exit_code() == 70, stream.process.returncode)
    time.sleep(0.1)
    check.that("it is counted", any('"BrokenAnswers":1' in line for line in stream.lines), stream.lines)
    check.that("no error text is in the body", set(answer.body) <= set(b"x"), answer.body[-200:])
    check.that("it was taken up again first", server.asked > 3, server.asked)
    buffered = function("download", env, timeout=15)
    answer = answer_of(buffered.invoke(http_api("GET", "/note.txt", "", {"Host": API_HOST})))
    check.that("a buffered answer says 503 instead", answer.status == 503, (answer.status, answer.body[:300]))
    stream.close()
    buffered.close()
    server.shutdown()


def uploads(moto, client):
    upload = function("upload", environment(moto.url))

    def run(key, **extra):
        record = event("s3-put")
        record["Records"][0]["s3"]["object"].update({"key": urllib.parse.quote_plus(key), **extra})
        mark = len(upload.lines)
        posted = upload.invoke(record)
        time.sleep(0.1)
        return posted, "\n".join(upload.lines[mark:])

    for item in client.list_objects_v2(Bucket=BUCKET, Prefix="processed/").get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    keys = lambda: {item["Key"] for item in client.list_objects_v2(Bucket=BUCKET, Prefix="processed/").get("Contents", [])}
    posted, log = run("uploads/a b+中.jpg")
    check.that("an upload is worked on", posted.kind == "response" and len(keys()) == 1, (posted.body, keys(), log))
    result = next(iter(keys()))
    head = client.get_object(Bucket=BUCKET, Key=result)
    check.that("its result is a progressive JPEG", is_progressive(head["Body"].read()))
    check.that("its result says what it was made of", "mogr-source" in head["Metadata"], head["Metadata"])
    posted, log = run("uploads/a b+中.jpg")
    check.that("the same event again changes nothing", '"unchanged":"[\\"' in log.replace(" ", "") or "unchanged" in log and client.head_object(Bucket=BUCKET, Key=result)["LastModified"] == head["LastModified"], log)
    posted, log = run(result)
    check.that("a result does not trigger", posted.kind == "response" and len(keys()) == 1, (keys(), log))
    posted, log = run("uploads/gone.jpg")
    check.that("an object that is gone is no error", posted.kind == "response", posted.body)
    posted, log = run("uploads/broken.jpg")
    check.that("a broken picture is not tried again", posted.kind == "response" and "it will not be tried again" in log, (posted.body, log))
    check.that("it leaves a marker", any(key.endswith(".error.json") for key in keys()), keys())
    check.that("it is counted", '"UploadsRefused":1' in log.replace(" ", ""), log)
    operations = json.dumps({"rules": [{"fileid": "own.jpg", "rule": "imageMogr2/interlace/1"}]})
    client.put_object(Bucket=BUCKET, Key="uploads/own rules.jpg", Body=client.get_object(Bucket=BUCKET, Key="image-1.jpg")["Body"].read(),
                      ContentType="image/jpeg", Metadata={"pic-operations": operations})
    posted, log = run("uploads/own rules.jpg")
    check.that("an object's own rules run", any(key.endswith("own.jpg") for key in keys()), (keys(), log))
    posted, log = run("uploads/image-1.jpg", versionId="no-such-version")
    check.that("a version that is gone is no error", posted.kind == "response", posted.body)
    upload.close()

    # Events of two versions, the older one's last.
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    store = lambda key: client.put_object(Bucket="versioned", Key="uploads/v.jpg", Body=pictures()[key], ContentType="image/jpeg")["VersionId"]
    older, newer = store("image-1.jpg"), store("image-2.jpg")
    upload = function("upload", environment(moto.url, bucket="versioned"))
    sizes = []
    for version in (newer, older):
        record = event("s3-put")
        record["Records"][0]["s3"]["bucket"]["name"] = "versioned"
        record["Records"][0]["s3"]["object"].update({"key": "uploads/v.jpg", "versionId": version})
        posted = upload.invoke(record)
        check.that("an event of a version is worked through", posted.kind == "response", posted.body)
        body = client.get_object(Bucket="versioned", Key="processed/uploads/progressive.jpg")["Body"].read()
        with Image.open(io.BytesIO(body)) as image:
            sizes.append(image.size)
    check.that("a late event does not put the older version's result over the newer's", sizes == [(240, 320)] * 2, sizes)
    time.sleep(0.1)
    check.that("its log says so", any("a newer version is there" in line for line in upload.lines), upload.lines)
    upload.close()


def template_configuration(moto, client):
    """The configuration that template.yaml makes of its parameters is one that the functions take."""
    client.create_bucket(Bucket="from-template")
    client.put_object(Bucket="from-template", Key="uploads/a.png", Body=pictures()["sample.png"], ContentType="image/png")
    given = {"MetadataRules": "true", "ErrorMarkers": "true", "KeyId": KEY_ID, "ApiHosts": f"{API_HOST},api.example.com", "ImageHosts": "img.example.com"}
    for parameters in ({"PublicRead": "true"}, given):
        template = Template(BucketName="from-template", **parameters)
        variables = template.value(template.document["Globals"]["Function"]["Environment"]["Variables"])
        env = {"MOGR_CONFIG": variables["MOGR_CONFIG"], "MOGR_SECRET_KEY": SECRET, "AWS_ENDPOINT_URL_S3": moto.url}
        download = function("download", env)
        path, headers = "/uploads/a.png", {"Host": COS_HOST}
        if "KeyId" in parameters:
            answer = answer_of(download.invoke(http_api("GET", path, INTERLACE, headers)))
            check.that("the template's stack denies without a signature", answer.status == 403, (answer.status, answer.body[:300]))
            headers["Authorization"] = authorization("GET", path, INTERLACE, headers)
        answer = answer_of(download.invoke(http_api("GET", path, INTERLACE, headers)))
        check.that("the template's stack answers", answer.status == 200 and is_progressive(answer.body), (answer.status, answer.body[:300], download.lines))
        download.close()
        upload = function("upload", env)
        record = event("s3-put")
        record["Records"][0]["s3"]["bucket"]["name"] = "from-template"
        record["Records"][0]["s3"]["object"]["key"] = "uploads/a.png"
        upload.invoke(record)
        stored = client.get_object(Bucket="from-template", Key="processed/uploads/a.jpg")["Body"].read()
        check.that("the template's upload function stores a progressive JPEG", is_progressive(stored))
        client.delete_object(Bucket="from-template", Key="processed/uploads/a.jpg")
        upload.close()


def panics():
    """Built by cargo-lambda as the functions are: a panic is an answer, and the next request works."""
    bootstrap = os.path.join(TARGET, "panics", "bootstrap")
    if not check.that("the panicking function is built", os.path.exists(bootstrap), bootstrap):
        return
    get = lambda path: http_api("GET", path, "", {"Host": API_HOST})
    for mode in ("buffered", "stream"):
        started = Function(bootstrap, {"RESPONSE_MODE": mode}, log=LOG)
        answer = answer_of(started.invoke(get("/panic")))
        check.that(f"{mode}: a panic is a 500", answer.status == 500 and code(answer) == "InternalError", (answer.status, answer.body))
        answer = answer_of(started.invoke(get("/well")))
        check.that(f"{mode}: the next request works", (answer.status, answer.body) == (200, b"well"), answer.body)
        if mode == "buffered":
            answer = answer_of(started.invoke(get("/panic-in-body")))
            check.that("buffered: a panic in the body is a 500", answer.status == 500, (answer.status, answer.body))
            answer = answer_of(started.invoke(get("/well")))
            check.that("buffered: the next request works", answer.status == 200, answer.body)
        else:
            posted = started.invoke(get("/panic-in-body"))
            check.that("stream: a panic in the body shows as an answer without its end", not posted.complete and b"half" in posted.body, posted.body)
            check.that("stream: the process has ended", started.exit_code() == 70, started.process.returncode)
        started.close()


def logs_and_metrics(functions):
    functions["download"].invoke(http_api("GET", "/image-1.jpg", INTERLACE, {"Host": API_HOST}))
    time.sleep(0.2)
    lines = []
    for line in functions["download"].lines:
        try:
            lines.append(json.loads(line))
        except ValueError:
            check.that("every log line is JSON", False, line)
    metrics = [line for line in lines if "_aws" in line]
    names = {metric["Name"] for metric in metrics[-1]["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    check.that("metrics are in the embedded format", names == {"Requests", "ClientErrors", "ServerErrors", "Duration", "Bytes"} and all(name in metrics[-1] for name in names), metrics[-1])
    check.that("they name the function", metrics[-1]["Function"] == "mogr-download", metrics[-1])
    requests = [line for line in lines if line.get("fields", line).get("message") == "request"]
    check.that("each request has a line", len(requests) == len(metrics), (len(requests), len(metrics)))


def main():
    moto = Moto(MOTO_BIN)
    client = s3(moto.url)
    fill(client)
    env = environment(moto.url)
    functions = {
        "download": function("download", env), "stream": function("download", {**env, "RESPONSE_MODE": "stream"}),
        "process": function("process", env), "upload": function("upload", env),
    }
    steps = {
        "events": lambda: every_event_file(client, functions), "answers": lambda: what_comes_back(functions),
        "fronts": lambda: all_fronts(functions), "large answers": lambda: large_answers(functions),
        "large objects": lambda: large_objects(functions, client), "template": lambda: template_configuration(moto, client),
        "large requests": lambda: large_requests(functions), "logs": lambda: logs_and_metrics(functions),
        "refused HEAD": lambda: refusals_of_head(functions),
        "cloudfront": lambda: header_signed_through_cloudfront(moto), "uploads": lambda: uploads(moto, client),
        "start": lambda: refused_at_start(moto, client), "faults": s3_that_fails, "panics": panics,
    }
    for name, step in steps.items():
        try:
            step()
        except Exception as error:
            traceback.print_exc()
            check.that(f"step {name} runs to its end", False, error)
    for each in functions.values():
        check.that("the function still lives", each.process.poll() is None)
        each.close()
    moto.close()
    check.end()


main()
