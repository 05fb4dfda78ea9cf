"""The viewer-request function of template.yaml, run by Node: what the viewer sent is copied, and what it pretends is not.

usage: lambda_cloudfront.py (needs PyYAML, as cfn-lint brings it)
"""

import json
import os
import subprocess
import sys

import yaml

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "template.yaml")
API = "api1.execute-api.us-east-1.amazonaws.com"


class Loader(yaml.SafeLoader):
    pass


def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", tagged)


def main():
    with open(TEMPLATE, encoding="utf-8") as file:
        template = yaml.load(file, Loader)
    code = template["Resources"]["CopyViewer"]["Properties"]["FunctionCode"][0]
    for name, value in {"Hosts": "img.example.com,pic.example.com", "Api": "api1", "AWS::Region": "us-east-1", "AWS::URLSuffix": "amazonaws.com"}.items():
        code = code.replace("${" + name + "}", value)
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
    expected = [case[1] for case in cases]
    if json.loads(told) != expected:
        sys.exit(f"FAILED viewer-request function: {told} is not {json.dumps(expected)}")
    print(f"viewer-request function: {len(cases)} requests as they shall be")


main()
