"""What the linters do not see in template.yaml: the viewer-request function, run by Node; that each role may do what its routes
lead to, and no more; that alarms look at metrics that exist.

usage: lambda_template.py (needs PyYAML, as cfn-lint brings it)
"""

import json
import os
import re
import subprocess
import sys

from template_values import Template

API = "Api.execute-api.us-east-1.amazonaws.com"
JOURNAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared", "aws", "src", "lambda", "journal.rs")
failed = []


def check(what, holds, found=""):
    if not holds:
        failed.append(what)
        print(f"FAILED template: {what}: {found}")


def viewer_request():
    """What the viewer sent is copied, and what it pretends is not."""
    template = Template(BucketName="mogr-images", ImageHosts="img.example.com,pic.example.com")
    code = template.value(template.resources["CopyViewer"]["Properties"]["FunctionCode"])
    assert "${" not in code, code
    cases = [
        # Headers of the viewer, and x-mogr-host, x-mogr-client, x-mogr-authorization at the origin.
        ({"host": "img.example.com"}, ["img.example.com", "203.0.113.9", None]),
        ({"host": "pic.example.com", "authorization": "q-ak=1"}, ["pic.example.com", "203.0.113.9", "q-ak=1"]),
        ({"host": "d111111abcdef8.cloudfront.net"}, [API, "203.0.113.9", None]),
        (
            {"host": "img.example.com", "x-mogr-host": "other", "x-mogr-client": "10.0.0.1", "x-mogr-authorization": "q-ak=forged"},
            ["img.example.com", "203.0.113.9", None],
        ),
    ]
    script = code + """
    const out = JSON.parse(process.argv[1]).map(headers => {
        const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { value }]));
        const request = handler({ request: { method: 'GET', uri: '/a.jpg', headers: given }, viewer: { ip: '203.0.113.9' } });
        return ['x-mogr-host', 'x-mogr-client', 'x-mogr-authorization'].map(name => request.headers[name] ? request.headers[name].value : null);
    });
    console.log(JSON.stringify(out));
    """
    told = subprocess.run(["node", "-e", script, json.dumps([case[0] for case in cases])], check=True, capture_output=True, text=True).stdout
    check("viewer-request function", json.loads(told) == [case[1] for case in cases], told)


# What the service asks of S3 for each route (shared/src/route.rs, `operate`), on objects and on the bucket.
READ = {"s3:GetObject", "s3:GetObjectVersion"}
ROUTES = {
    "GET /{key+}": (
        READ | {"s3:ListMultipartUploadParts", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
        {"s3:ListBucket"},
    ),
    "HEAD /{key+}": (READ, {"s3:ListBucket"}),
    "GET /": (set(), {"s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning"}),
    "HEAD /": (set(), set()),
    # PUT, POST, DELETE and OPTIONS. A copy onto another version reads it; a multipart upload is completed with PutObject.
    "$default": (
        READ | {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
        {"s3:ListBucket", "s3:ListBucketMultipartUploads"},
    ),
}
BUCKET = "arn:aws:s3:::mogr-images"


def allowed(template, function):
    """What the role of a function may do, by resource."""
    found = {}
    for policy in template.value(template.resources[function]["Properties"]["Policies"]):
        for statement in policy["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                found.setdefault(resource, set()).update([actions] if isinstance(actions, str) else actions)
    return found


def roles():
    template = Template(BucketName="mogr-images")
    needed = {}
    for resource in template.resources.values():
        if resource["Type"] != "AWS::ApiGatewayV2::Route":
            continue
        properties = template.value(resource["Properties"])
        integration = template.resources[properties["Target"].removeprefix("integrations/")]
        function = template.value(integration["Properties"]["IntegrationUri"])
        on_objects, on_bucket = ROUTES[properties["RouteKey"]]
        objects, bucket = needed.setdefault(function, (set(), set()))
        objects.update(on_objects)
        bucket.update(on_bucket)
    # The function URL takes GET and HEAD of objects.
    needed["ImageFunction"] = (READ, {"s3:ListBucket"})
    check("every route leads to a function", set(needed) == {"DownloadFunction", "ProcessFunction", "ImageFunction"}, set(needed))
    for function, (objects, bucket) in needed.items():
        has = allowed(template, function)
        check(f"{function} may do on objects what its routes ask", has.get(f"{BUCKET}/*") == objects, has)
        check(f"{function} may do on the bucket what its routes ask", has.get(BUCKET) == bucket, has)
        check(f"{function} may nothing else", set(has) == {BUCKET, f"{BUCKET}/*"}, has)
    has = allowed(template, "UploadFunction")
    expected = {f"{BUCKET}/uploads/*": READ, f"{BUCKET}/processed/*": READ | {"s3:PutObject"}, BUCKET: {"s3:ListBucket"}}
    check("UploadFunction reads uploads and writes results", has == expected, has)
    own = "arn:aws:s3:::settings/mogr/*"
    template = Template(BucketName="mogr-images", Config="s3://settings/mogr/mogr.toml", ConfigArn=own)
    for function in [*needed, "UploadFunction"]:
        has = allowed(template, function)
        check(f"{function} may read a configuration in S3", has.get(own) == {"s3:GetObject"}, has)


def alarms():
    """Every metric of ours that the alarms and the dashboard name is written by the functions."""
    with open(JOURNAL, encoding="utf-8") as file:
        written = set(re.findall(r'"([A-Z]\w+)",\s*"(?:Count|Milliseconds|Bytes)"', file.read()))
    template = Template(BucketName="mogr-images")
    text = json.dumps([template.value(resource["Properties"]) for resource in template.resources.values()])
    named = set(re.findall(r'"Namespace": "Mogr", "MetricName": "(\w+)"', text)) | set(re.findall(r'\[\\"Mogr\\", \\"(\w+)\\"', text))
    check("alarms and dashboard look at metrics that exist", named and named <= written, named - written)
    for metric in ("ServerErrors", "BrokenAnswers", "UploadsRefused"):
        check(f"an alarm looks at {metric}", f'"Namespace": "Mogr", "MetricName": "{metric}"' in text)


viewer_request()
roles()
alarms()
if failed:
    sys.exit(f"template: {len(failed)} checks failed")
print("template: the viewer-request function, the roles and the alarms are as they shall be")
