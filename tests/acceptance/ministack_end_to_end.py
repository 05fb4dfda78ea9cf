"""The deployed thing, as far as one machine can have it: MiniStack runs the real bootstraps for its S3 notifications, its
HTTP API and its function URL, and keeps the objects.

usage: ministack_end_to_end.py TARGET_FOLDER MINISTACK_BIN_FOLDER [LOG]
"""

import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

import boto3

from lambda_fixture import (
    BUCKET, COS_HOST, Checks, animate, environment, fill, free_port, gif_frames, is_progressive, photo, s3, wait_for,
)

TARGET, BIN = sys.argv[1:3]
LOG = open(sys.argv[3] if len(sys.argv) > 3 else os.devnull, "ab")
check = Checks("ministack end to end")
INTERLACE = "imageMogr2/format/jpg/interlace/1"


def packed(name):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        with open(os.path.join(TARGET, name, "bootstrap"), "rb") as file:
            archive.writestr(info, file.read(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def fetch(port, host, path, method="GET", headers=None, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Host": host, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def eventually(what, look, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    check.that(what, False, "not in time")
    return None


def main():
    port = free_port()
    folder = tempfile.mkdtemp(prefix="ministack-")
    env = {
        **os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local",
        "TMPDIR": folder, "S3_DATA_DIR": os.path.join(folder, "s3"), "SFTP_ENABLED": "0",
    }
    server = subprocess.Popen([os.path.join(BIN, "ministack")], env=env, stdout=LOG, stderr=LOG)
    try:
        wait_for(port, server)
        run(port)
    finally:
        server.terminate()
        server.wait()
    check.end()


def run(port):
    url = f"http://127.0.0.1:{port}"
    client = s3(url)
    make = lambda service: boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    functions, api = make("lambda"), make("apigatewayv2")
    fill(client)
    settings = environment(url)
    # MiniStack's own hosts are endpoints of this deployment.
    hosts = ["localhost", "127.0.0.1"]
    arns = {}
    for name, role in (("download", "download"), ("process", "process"), ("upload", "upload")):
        made = functions.create_function(
            FunctionName=f"mogr-{name}", Runtime="provided.al2023", Handler="bootstrap", Role="arn:aws:iam::000000000000:role/x",
            Code={"ZipFile": packed(role)}, Timeout=29, MemorySize=1769, Environment={"Variables": settings},
        )
        arns[name] = made["FunctionArn"]

    # Bucket -> function -> bucket.
    functions.add_permission(FunctionName="mogr-upload", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    client.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [{
        "LambdaFunctionArn": arns["upload"], "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}},
    }]})
    client.put_object(Bucket=BUCKET, Key="uploads/new one+.jpg", Body=photo(640, 480, 77), ContentType="image/jpeg")
    listed = lambda: [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET, Prefix="processed/").get("Contents", [])]
    keys = eventually("a new object is worked on", listed)
    if keys:
        result = client.get_object(Bucket=BUCKET, Key=keys[0])
        check.that("its result is a progressive JPEG", is_progressive(result["Body"].read()), keys)
        check.that("its result is marked", "mogr-source" in result["Metadata"], result["Metadata"])
    time.sleep(2)
    check.that("the result has triggered nothing", len(listed()) == len(keys or []), listed())

    # HTTP API -> functions.
    made = api.create_api(Name="mogr", ProtocolType="HTTP")
    identity = made["ApiId"]
    target = lambda name: "integrations/" + api.create_integration(
        ApiId=identity, IntegrationType="AWS_PROXY", IntegrationUri=arns[name], PayloadFormatVersion="2.0")["IntegrationId"]
    download, process = target("download"), target("process")
    api.create_route(ApiId=identity, RouteKey="GET /{key+}", Target=download)
    api.create_route(ApiId=identity, RouteKey="$default", Target=process)
    api.create_stage(ApiId=identity, StageName="$default", AutoDeploy=True)
    host = f"{identity}.execute-api.localhost"
    get = lambda path: fetch(port, host, path)
    status, headers, body = get(f"/image-1.jpg?{INTERLACE}")
    # The service knows this deployment's hosts only: what MiniStack calls itself is none of them.
    check.that("the HTTP API reaches the function, which knows no such host", status == 404 and b"NoSuchBucket" in body, (status, body[:300]))
    for name in ("download", "process"):
        config = settings["MOGR_CONFIG"].replace('endpoint_hosts = ["', f'endpoint_hosts = ["{host}", "')
        functions.update_function_configuration(FunctionName=f"mogr-{name}", Environment={"Variables": {**settings, "MOGR_CONFIG": config}})
    status, headers, body = eventually("the HTTP API answers", lambda: (lambda a: a if a[0] != 404 else None)(get(f"/image-1.jpg?{INTERLACE}"))) or (0, {}, b"")
    check.that("the HTTP API gives a progressive JPEG", status == 200 and is_progressive(body), (status, body[:300]))
    status, headers, body = get(f"/image-1.jpg?{animate('image-2.jpg')}")
    check.that("the HTTP API gives a GIF of two frames", status == 200 and gif_frames(body) == [50, 50], (status, body[:300]))
    pic = '{"is_pic_info":1,"rules":[{"fileid":"/made/x.jpg","rule":"imageMogr2/format/jpg/interlace/1"}]}'
    status, headers, body = fetch(port, host, "/made/orig.png", "PUT", {"Pic-Operations": pic, "Content-Type": "image/png"}, photo(50, 40, 3, "PNG"))
    check.that("a PUT with Pic-Operations is done", status == 200 and b"<UploadResult>" in body, (status, body[:300]))
    check.that("both objects are in the bucket", is_progressive(client.get_object(Bucket=BUCKET, Key="made/x.jpg")["Body"].read()))
    status, headers, body = fetch(port, host, "/image-1.jpg?image_process", "POST", {"Pic-Operations": pic}, b"")
    check.that("a POST ?image_process is done", status == 200 and b"<UploadResult>" in body, (status, body[:300]))

    # Function URL -> function. MiniStack decodes the path and writes the query anew, so this shows only that it works.
    made = functions.create_function_url_config(FunctionName="mogr-download", AuthType="NONE")
    host = made["FunctionUrl"].split("/")[2].split(":")[0]
    status, headers, body = fetch(port, host, f"/image-1.jpg?{INTERLACE}", headers={"Host": host, "X-Mogr-Host": COS_HOST})
    check.that("the function URL gives a progressive JPEG", status == 200 and is_progressive(body), (host, status, body[:300]))


main()
