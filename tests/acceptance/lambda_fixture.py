"""What the Lambda tests share: pictures, an S3 server with them, configurations, COS signatures and a list of checks."""

import hashlib
import hmac
import io
import os
import random
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config
from PIL import Image

BUCKET = "mogr-images"
COS_BUCKET = "examples-1250000000"
COS_HOST = f"{COS_BUCKET}.cos.ap-shanghai.myqcloud.com"
API_HOST = "mogr.example.com"
KEY_ID, SECRET = "AKIDEXAMPLE", "SECRETEXAMPLE"
EVENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "events")


class Checks:
    """Counts what held, says what did not, and goes on."""

    def __init__(self, title):
        self.title, self.held, self.failed = title, 0, []

    def that(self, what, holds, found=""):
        if holds:
            self.held += 1
        else:
            self.failed.append(what)
            print(f"FAILED {self.title}: {what}: {str(found)[:600]}", flush=True)
        return holds

    def end(self):
        print(f"{self.title}: {self.held} checks held, {len(self.failed)} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens on {port}")


class Moto:
    """An independent S3, in a process of its own."""

    def __init__(self, bin_folder, extra=()):
        self.port = free_port()
        command = [os.path.join(bin_folder, "moto_server"), "-H", "127.0.0.1", "-p", str(self.port), *extra]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait()


def s3(url):
    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


def photo(width, height, seed, kind="JPEG", noise=0, **options):
    """A smooth picture, with noise on it if it shall not compress."""
    rng = random.Random(seed)
    a, b, c = (rng.randrange(256) for _ in range(3))
    gradient = Image.linear_gradient("L").resize((width, height))
    other = gradient.transpose(Image.Transpose.ROTATE_90).resize((width, height))
    image = Image.merge("RGB", (gradient, other, gradient.point(lambda v: (v * a // 255 + b) % 256)))
    if noise:
        rough = Image.frombytes("RGB", (width, height), rng.randbytes(width * height * 3))
        image = Image.blend(image, rough, noise)
    image.paste((a, b, c), (width // 4, height // 4, width // 2, height // 2))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pictures():
    """Everything that the tests ask for, by key."""
    found = {
        "image-1.jpg": photo(320, 240, 1, quality=90),
        "image-2.jpg": photo(240, 320, 2, quality=90),
        "sample.png": photo(200, 100, 3, "PNG"),
        "uploads/image-1.jpg": photo(320, 240, 4, quality=90),
        "uploads/image-2.jpg": photo(320, 240, 5, quality=90),
        "uploads/image 1+2.jpg": photo(320, 240, 6, quality=90),
        "uploads/a b+中.jpg": photo(64, 48, 7),
        "uploads/broken.jpg": b"\xff\xd8\xff\xe0 this is not a picture",
        "private.jpg": photo(100, 80, 8),
        "目录/a b+c.jpg": photo(60, 40, 9),
        "note.txt": b"not a picture",
    }
    for number in range(20):
        found[f"noise/{number}.jpg"] = photo(720, 720, 100 + number, noise=0.6, quality=80)
    return found


def fill(client, bucket=BUCKET):
    client.create_bucket(Bucket=bucket)
    kinds = {"jpg": "image/jpeg", "png": "image/png", "txt": "text/plain"}
    for key, body in pictures().items():
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kinds[key.rsplit(".", 1)[1]])


def configuration(url, anonymous=True, more="", bucket=BUCKET):
    """The TOML of a function over the bucket."""
    read = 'policy = "open"' if anonymous else ""
    return f"""
endpoint_hosts = ["{API_HOST}"]
trusted_front = true
[[bucket]]
name = "{COS_BUCKET}"
s3 = "{bucket}"
default = true
[[key]]
id = "{KEY_ID}"
secret_env = "MOGR_SECRET_KEY"
policy = "open"
[anonymous]
{read}
[upload]
policy = "open"
output_prefix = "processed/"
metadata_rules = true
error_markers = true
[[upload.rules]]
prefix = "uploads/"
operations = '''{{"rules":[{{"fileid":"progressive/{{}}","rule":"imageMogr2/format/jpg/interlace/1"}}]}}'''
[s3]
endpoint = "{url}"
region = "us-east-1"
path_style = true
{more}
""".replace("progressive/{}", "progressive.jpg")


def environment(url, **options):
    return {"MOGR_CONFIG": configuration(url, **options), "MOGR_SECRET_KEY": SECRET}


def animate(*keys, duration=50):
    """The rule for these images of the bucket."""
    import base64
    urls = [f"http://{COS_HOST}/{urllib.parse.quote(key)}" for key in keys]
    images = "/".join(base64.urlsafe_b64encode(url.encode()).decode().rstrip("=") for url in urls)
    return f"imageMogr2/animate/duration/{duration}/images/{images}"


def authorization(method, path, query, headers, sign=("host",), now=None):
    """A COS signature, as the SDKs compute it."""
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    now = int(now or time.time())
    span = f"{now - 60};{now + 600}"
    mac = lambda key, text: hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()
    parameters = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if name.startswith("imageMogr2"):
            name, value = item.rstrip("=") if name.endswith("=") else name, value
        parameters[quote(urllib.parse.unquote(name)).lower()] = quote(urllib.parse.unquote(value))
    lower = {name.lower(): value for name, value in headers.items()}
    listed = {quote(name).lower(): quote(lower[name]) for name in sign}
    join = lambda fields: "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    text = f"{method.lower()}\n{urllib.parse.unquote(path)}\n{join(parameters)}\n{join(listed)}\n"
    sign_key = mac(SECRET, span)
    signature = mac(sign_key, f"sha1\n{span}\n{hashlib.sha1(text.encode()).hexdigest()}\n")
    return (
        f"q-sign-algorithm=sha1&q-ak={KEY_ID}&q-sign-time={span}&q-key-time={span}"
        f"&q-header-list={';'.join(sorted(listed))}&q-url-param-list={';'.join(sorted(parameters))}&q-signature={signature}"
    )


def is_progressive(jpeg):
    """SOF2 comes before the first scan."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.load()
        return image.format == "JPEG" and image.info.get("progressive") == 1


def gif_frames(gif):
    """The delays in milliseconds, with every frame decoded."""
    delays = []
    with Image.open(io.BytesIO(gif)) as image:
        assert image.format == "GIF", image.format
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            delays.append(image.info["duration"])
    return delays
