"""Every event file under AWS's own Runtime Interface Emulator, which lies in the wheel of aws-sam-cli and needs no Docker.

usage: lambda_rie.py TARGET_FOLDER MOTO_BIN_FOLDER RIE [LOG]
"""

import glob
import json
import os
import subprocess
import sys
import time
import urllib.request

from lambda_fixture import EVENTS, Checks, Moto, environment, fill, free_port, s3, wait_for

TARGET, MOTO_BIN, RIE = sys.argv[1:4]
LOG = open(sys.argv[4] if len(sys.argv) > 4 else os.devnull, "ab")
check = Checks("lambda under AWS's emulator")


class Emulated:
    def __init__(self, name, env):
        self.port = free_port()
        full = {
            "AWS_LAMBDA_FUNCTION_NAME": f"mogr-{name}", "AWS_LAMBDA_FUNCTION_TIMEOUT": "29", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "PATH": "/usr/bin:/bin",
            **env,
        }
        bootstrap = os.path.join(TARGET, name, "bootstrap")
        command = [RIE, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                   "--runtime-api-address", f"127.0.0.1:{free_port()}", bootstrap]
        self.process = subprocess.Popen(command, env=full, stdout=LOG, stderr=LOG)
        wait_for(self.port, self.process)

    def invoke(self, payload):
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, payload, method="POST"), timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def close(self):
        self.process.terminate()
        self.process.wait()


def main():
    os.chmod(RIE, 0o755)
    moto = Moto(MOTO_BIN)
    fill(s3(moto.url))
    env = environment(moto.url)
    functions = {name: Emulated(name, env) for name in ("download", "process", "upload")}
    for path in sorted(glob.glob(os.path.join(EVENTS, "*.json"))):
        name = os.path.basename(path)[:-5]
        with open(path, "rb") as file:
            payload = file.read()
        event = json.loads(payload)
        if "requestContext" not in event:
            answer = functions["upload"].invoke(payload)
            failed = isinstance(answer, dict) and "errorType" in answer
            check.that(f"{name} is worked through", not failed, answer)
            continue
        method = event["requestContext"].get("http", {}).get("method") or event["httpMethod"]
        begun = time.monotonic()
        answer = functions["download" if method in ("GET", "HEAD") else "process"].invoke(payload)
        status = answer.get("statusCode", 0) if isinstance(answer, dict) else 0
        check.that(f"{name} is an answer", 200 <= status < 500, answer)
        if not name.startswith("row-") and name not in ("http-api-options", "function-url-cloudfront"):
            check.that(f"{name} succeeds", status < 300, answer)
        check.that(f"{name} is quick", time.monotonic() - begun < 20)
    for function in functions.values():
        function.close()
    moto.close()
    check.end()


main()
