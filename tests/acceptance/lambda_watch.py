"""Events by `cargo lambda invoke` to functions that `cargo lambda watch` runs, as the README has it.

usage: lambda_watch.py MOTO_BIN_FOLDER [LOG]      `cargo-lambda` has to be on the path, and the functions built for debugging
"""

import base64
import json
import os
import signal
import subprocess
import sys

from lambda_fixture import BUCKET, Checks, Moto, environment, fill, free_port, is_progressive, s3, wait_for

MOTO_BIN = sys.argv[1]
LOG = open(sys.argv[2] if len(sys.argv) > 2 else os.devnull, "ab")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
check = Checks("cargo lambda watch")


def invoke(function, event, env):
    """The answer of a function that a `watch` of its own runs: `cargo run`, which that calls, takes one package only."""
    port = free_port()
    at = ["-A", "127.0.0.1", "-P", str(port)]
    # A group of its own, which cargo and the function belong to.
    watch = subprocess.Popen(
        ["cargo", "lambda", "watch", *at, "--ignore-changes", "-p", function],
        cwd=ROOT, env=env, stdout=LOG, stderr=LOG, start_new_session=True)
    try:
        wait_for(port, watch)
        command = ["cargo", "lambda", "invoke", *at, function, "--data-file", os.path.join("events", event)]
        told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False)
        check.that(f"{event} is taken by {function}", told.returncode == 0, told.stderr)
        return json.loads(told.stdout or "null")
    finally:
        os.killpg(watch.pid, signal.SIGTERM)
        watch.wait()


def main():
    moto = Moto(MOTO_BIN)
    client = s3(moto.url)
    fill(client)
    env = {
        **os.environ, **environment(moto.url), "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }
    try:
        answer = invoke("download", "http-api-get.json", env)
        body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else b""
        check.that("download answers with a progressive JPEG", answer["statusCode"] == 200 and is_progressive(body), answer)
        answer = invoke("process", "http-api-post.json", env)
        check.that("process answers with an UploadResult", "<UploadResult>" in answer["body"], answer)
        answer = invoke("upload", "s3-put.json", env)
        check.that("upload has nothing to say", answer is None, answer)
        stored = client.list_objects_v2(Bucket=BUCKET, Prefix="processed/").get("Contents", [])
        check.that("upload has stored a result", len(stored) == 1, stored)
    finally:
        moto.close()
    check.end()


main()
