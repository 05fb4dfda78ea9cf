"""The published Python SDK, unmodified, against a real `mogr serve`.

Needs the packages of requirements.txt and a built binary:

    MOGR=target/release/mogr python tests/acceptance/cos_sdk_python.py

The server is started on a free port over a temporary folder and stopped at the end.
"""

import base64
import hashlib
import http.client
import io
import json
import os
import pathlib
import random
import sys
import tempfile
import time
import unittest
from unittest import mock

from PIL import Image, ImageSequence
from qcloud_cos import CosClientError, CosConfig, CosS3Client, CosServiceError

from server import Server

HERE = pathlib.Path(__file__).parent
BUCKET = "examples-1250000000"
OTHER = "other-1250000001"
REGION = "ap-shanghai"
HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"
APPLICATION = ("AKIDapplication00000000000000000001", "applicationSecret000000000000001")
READER = ("AKIDreader0000000000000000000000002", "readerSecret00000000000000000002")
TEMPORARY = ("AKIDtemporary0000000000000000000003", "temporarySecret00000000000000003")
UPLOADER = ("AKIDuploader00000000000000000000004", "uploaderSecret000000000000000004")
INTERLACE = "imageMogr2/format/jpg/interlace/1"

# The SDK connects to the address it is given; a proxy of the environment is not part of the test.
os.environ["NO_PROXY"] = "*"


def client(key=APPLICATION, **options):
    """A client that connects to the server and speaks to its bucket's own host."""
    config = CosConfig(
        Region=REGION, SecretId=key[0], SecretKey=key[1], Scheme="http", IP="127.0.0.1", Port=SERVER.port, **options
    )
    # Without retries a 5xx is seen at once; refusals are 4xx and are never retried.
    return CosS3Client(config, retry=0)


def signer(key=APPLICATION, **options):
    """A client that makes URLs with the bucket's own host in them."""
    return CosS3Client(CosConfig(Region=REGION, SecretId=key[0], SecretKey=key[1], Scheme="http", **options))


def fetch(url, method="GET", body=None, headers=None):
    """Sends exactly this URL to the server; (status, headers, body)."""
    host, _, target = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection("127.0.0.1", SERVER.port, timeout=30)
    connection.putrequest(method, "/" + target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", host)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def picture(seed, size=(96, 64), mode="RGB"):
    """A picture with edges, slopes and grain, another one for each seed."""
    rng = random.Random(seed)
    image = Image.new(mode, size)
    corner = rng.randrange(size[0] // 2)
    pixels = []
    for y in range(size[1]):
        for x in range(size[0]):
            inside = corner <= x < corner + 24 and 16 <= y < 40
            base = (200, 40, 40) if inside else (2 * x % 256, 3 * y % 256, 90 + seed % 100)
            pixel = tuple(max(0, min(255, value + rng.randrange(-6, 7))) for value in base)
            pixels.append(pixel if mode == "RGB" else (*pixel, 255))
    image.putdata(pixels)
    return image


def jpeg(seed, size=(96, 64)):
    out = io.BytesIO()
    picture(seed, size).save(out, "JPEG", quality=90)
    return out.getvalue()


def png(seed, size=(96, 64)):
    out = io.BytesIO()
    picture(seed, size).save(out, "PNG")
    return out.getvalue()


def encoded(url, padded=True):
    text = base64.urlsafe_b64encode(url.encode()).decode()
    return text if padded else text.rstrip("=")


def animate(keys, duration=50, padded=True, bucket_host=HOST):
    images = "/".join(encoded(f"http://{bucket_host}/{key}", padded) for key in keys)
    return f"imageMogr2/animate/duration/{duration}/images/{images}"


def operations(*rules, info=1):
    return json.dumps({"is_pic_info": info, "rules": [{"fileid": fileid, "rule": rule} for fileid, rule in rules]})


def content(answer):
    return answer["Body"].get_raw_stream().read()


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cos = client()

    def put(self, key, body, bucket=BUCKET):
        self.cos.put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, key, cos=None, bucket=BUCKET, **options):
        return content((cos or self.cos).get_object(Bucket=bucket, Key=key, **options))

    def refused(self, status, code, call, *positional, **named):
        """The call is refused with this status and code, in a document that has everything."""
        with self.assertRaises(CosServiceError) as caught:
            call(*positional, **named)
        error = caught.exception
        self.assertEqual((error.get_status_code(), error.get_error_code()), (status, code), error.get_error_msg())
        for text in (error.get_error_msg(), error.get_resource_location(), error.get_request_id()):
            self.assertNotIn(text, ("", "Unknown", None))
        return error

    def is_progressive(self, data, like=None):
        image = Image.open(io.BytesIO(data))
        self.assertEqual((image.format, image.info.get("progressive")), ("JPEG", 1))
        if like is not None:
            self.assertEqual(image.convert("RGB").tobytes(), Image.open(io.BytesIO(like)).convert("RGB").tobytes())

    def is_animation(self, data, frames, size=(96, 64), delay=50, like=None):
        image = Image.open(io.BytesIO(data))
        self.assertEqual((image.format, image.n_frames, image.size), ("GIF", frames, size))
        self.assertEqual(image.info.get("loop"), 0)
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            self.assertEqual(frame.info["duration"], delay)
            if like is not None:
                expected = Image.open(io.BytesIO(like[number])).convert("RGB").tobytes()
                found = frame.convert("RGB").tobytes()
                distance = sum(abs(a - b) for a, b in zip(found, expected)) / len(expected)
                self.assertLess(distance, 12, f"frame {number} is not the picture it should be")


class Objects(Case):
    def test_keys_survive_the_way(self):
        for key in [
            "plain.bin",
            "folder/a b+c.jpg",
            "图片/动图 é.jpg",
            "a%2Fb.jpg",
            "//doubled//x",
            "a&b=c?d#e;f,g:h@i$j!k'l(m)n*o~p",
            "😀.bin",
            "folder/",
        ]:
            with self.subTest(key):
                body = key.encode() * 3
                answer = self.cos.put_object(Bucket=BUCKET, Key=key, Body=body)
                self.assertEqual(answer["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
                self.assertTrue(answer["x-cos-request-id"])
                self.assertEqual(self.get(key), body)
                self.assertEqual(int(self.cos.head_object(Bucket=BUCKET, Key=key)["Content-Length"]), len(body))
                self.assertTrue(self.cos.object_exists(Bucket=BUCKET, Key=key))
                self.cos.delete_object(Bucket=BUCKET, Key=key)
                self.assertFalse(self.cos.object_exists(Bucket=BUCKET, Key=key))
                self.refused(404, "NoSuchKey", self.get, key)

    def test_bodies_of_every_kind(self):
        for name, body, expected in [
            ("bytes", b"\x00\xff" * 500, b"\x00\xff" * 500),
            ("empty", b"", b""),
            ("text", "text", b"text"),
            ("stream", io.BytesIO(b"stream"), b"stream"),
            ("empty stream", io.BytesIO(b""), b""),
            ("generator", (part for part in (b"a" * 70000, b"b" * 3)), b"a" * 70000 + b"b" * 3),
        ]:
            with self.subTest(name):
                self.cos.put_object(Bucket=BUCKET, Key="bodies/x", Body=body)
                self.assertEqual(self.get("bodies/x"), expected)

    def test_headers_are_kept(self):
        self.cos.put_object(
            Bucket=BUCKET,
            Key="headers/x",
            Body=b"{}",
            EnableMD5=True,
            ContentType="application/json",
            CacheControl="max-age=7",
            ContentDisposition="attachment",
            Metadata={"x-cos-meta-author": "Someone & co", "x-cos-meta-a": "1"},
        )
        for answer in (self.cos.head_object(Bucket=BUCKET, Key="headers/x"), self.cos.get_object(Bucket=BUCKET, Key="headers/x")):
            self.assertEqual(answer["Content-Type"], "application/json")
            # Not everyone may read it, so no cache that others share may keep it.
            self.assertEqual(answer["Cache-Control"], "private, max-age=7")
            self.assertEqual(answer["Content-Disposition"], "attachment")
            self.assertEqual(answer["x-cos-meta-author"], "Someone & co")
            self.assertEqual(answer["x-cos-meta-a"], "1")
            self.assertIn("GMT", answer["Last-Modified"])

    def test_a_wrong_digest_is_refused(self):
        digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.refused(400, "BadDigest", self.cos.put_object, Bucket=BUCKET, Key="digest/x", Body=b"x", ContentMD5=digest)
        self.assertFalse(self.cos.object_exists(Bucket=BUCKET, Key="digest/x"))

    def test_conditions(self):
        self.put("conditions/x", b"0123456789")
        head = self.cos.head_object(Bucket=BUCKET, Key="conditions/x")
        etag, modified = head["ETag"], head["Last-Modified"]
        for options, status in [
            ({"IfNoneMatch": etag}, 304),
            ({"IfNoneMatch": '"other"'}, 200),
            ({"IfMatch": etag}, 200),
            ({"IfModifiedSince": modified}, 304),
            ({"IfModifiedSince": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
            ({"IfUnmodifiedSince": modified}, 200),
        ]:
            with self.subTest(options):
                answer = self.cos.get_object(Bucket=BUCKET, Key="conditions/x", **options)
                raw = answer["Body"].get_raw_stream()
                self.assertEqual(raw.status, status)
                self.assertEqual(raw.read(), b"" if status == 304 else b"0123456789")
                self.assertEqual(answer["ETag"], etag)
        for options in [{"IfMatch": '"other"'}, {"IfUnmodifiedSince": "Thu, 01 Jan 1970 00:00:00 GMT"}]:
            self.refused(412, "PreconditionFailed", self.get, "conditions/x", **options)

    def test_ranges(self):
        self.put("ranges/x", b"0123456789")
        for sent, expected, of in [
            ("bytes=2-4", b"234", "bytes 2-4/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-2", b"89", "bytes 8-9/10"),
            ("bytes=8-99", b"89", "bytes 8-9/10"),
        ]:
            answer = self.cos.get_object(Bucket=BUCKET, Key="ranges/x", Range=sent)
            self.assertEqual((content(answer), answer["Content-Range"]), (expected, of))
        self.refused(416, "InvalidRange", self.get, "ranges/x", Range="bytes=10-")

    def test_the_signer_chooses_response_headers(self):
        self.put("response/x", b"x")
        answer = self.cos.get_object(
            Bucket=BUCKET,
            Key="response/x",
            ResponseContentType='image/jpeg; x="a b"',
            ResponseCacheControl="no-cache",
            ResponseContentDisposition='attachment; filename="a b+c.jpg"',
            ResponseExpires="Thu, 01 Jan 2026 00:00:00 GMT",
            ResponseContentLanguage="de",
        )
        self.assertEqual(answer["Content-Type"], 'image/jpeg; x="a b"')
        self.assertEqual(answer["Cache-Control"], "no-cache")
        self.assertEqual(answer["Content-Disposition"], 'attachment; filename="a b+c.jpg"')
        self.assertEqual(answer["Expires"], "Thu, 01 Jan 2026 00:00:00 GMT")
        self.assertEqual(answer["Content-Language"], "de")

    def test_copies(self):
        self.cos.put_object(
            Bucket=BUCKET, Key="copies/é a+b", Body=b"copied", ContentType="text/x", Metadata={"x-cos-meta-a": "1"}
        )
        source = {"Bucket": BUCKET, "Key": "copies/é a+b", "Region": REGION}
        answer = self.cos.copy_object(Bucket=BUCKET, Key="copies/y", CopySource=source)
        self.assertEqual(answer["ETag"], f'"{hashlib.md5(b"copied").hexdigest()}"')
        self.assertIn("LastModified", answer)
        copy = self.cos.get_object(Bucket=BUCKET, Key="copies/y")
        self.assertEqual((content(copy), copy["Content-Type"], copy["x-cos-meta-a"]), (b"copied", "text/x", "1"))
        self.cos.copy_object(
            Bucket=BUCKET, Key="copies/z", CopySource=source, CopyStatus="Replaced", ContentType="text/y",
            Metadata={"x-cos-meta-b": "2"},
        )
        copy = self.cos.head_object(Bucket=BUCKET, Key="copies/z")
        self.assertEqual((copy["Content-Type"], copy["x-cos-meta-b"], copy.get("x-cos-meta-a")), ("text/y", "2", None))
        self.cos.copy_object(Bucket=OTHER, Key="shared/copy", CopySource=source)
        self.assertEqual(self.get("shared/copy", bucket=OTHER), b"copied")
        self.refused(403, "AccessDenied", self.cos.copy_object, Bucket=OTHER, Key="own/copy", CopySource=source)
        source["Key"] = "copies/none"
        self.refused(404, "NoSuchKey", self.cos.copy_object, Bucket=BUCKET, Key="copies/w", CopySource=source)

    def test_lists(self):
        keys = ["list/a b+c", "list/b/1", "list/b/2", "list/c/1", "list/图"]
        for key in keys:
            self.put(key, key.encode())
        found = self.cos.list_objects(Bucket=BUCKET, Prefix="list/")
        self.assertEqual([entry["Key"] for entry in found["Contents"]], keys)
        self.assertEqual(found["Contents"][0]["ETag"], f'"{hashlib.md5(keys[0].encode()).hexdigest()}"')
        self.assertEqual(found["Contents"][0]["Size"], str(len(keys[0])))
        self.assertEqual((found["IsTruncated"], found["Name"]), ("false", BUCKET))
        found = self.cos.list_objects(Bucket=BUCKET, Prefix="list/", Delimiter="/")
        self.assertEqual([entry["Prefix"] for entry in found["CommonPrefixes"]], ["list/b/", "list/c/"])
        self.assertEqual([entry["Key"] for entry in found["Contents"]], ["list/a b+c", "list/图"])
        pages, marker = [], ""
        while True:
            page = self.cos.list_objects(Bucket=BUCKET, Prefix="list/", Marker=marker, MaxKeys=2)
            pages.append([entry["Key"] for entry in page["Contents"]])
            if page["IsTruncated"] == "false":
                break
            marker = page["NextMarker"]
        self.assertEqual(pages, [keys[:2], keys[2:4], keys[4:]])
        self.assertNotIn("Contents", self.cos.list_objects(Bucket=BUCKET, Prefix="nothing/"))

    def test_deletes_many(self):
        for key in ("many/a", "many/b"):
            self.put(key, b"x")
        self.put("many/c", b"x")
        entries = [{"Key": key} for key in ("many/a", "many/b", "many/none", "locked/x")]
        answer = self.cos.delete_objects(Bucket=BUCKET, Delete={"Object": entries, "Quiet": "false"})
        self.assertEqual(sorted(entry["Key"] for entry in answer["Deleted"]), ["many/a", "many/b", "many/none"])
        self.assertEqual([(entry["Key"], entry["Code"]) for entry in answer["Error"]], [("locked/x", "AccessDenied")])
        self.assertEqual([entry["Key"] for entry in self.cos.list_objects(Bucket=BUCKET, Prefix="many/")["Contents"]], ["many/c"])


class Multipart(Case):
    def test_large_files(self):
        body = random.Random(1).randbytes(3 * 1024 * 1024 + 77)
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            answer = self.cos.upload_file(
                Bucket=BUCKET, Key="large/图 x+y.bin", LocalFilePath=file.name, PartSize=1, MAXThread=3, EnableMD5=True,
                Metadata={"x-cos-meta-a": "1"}, ContentType="application/x-large",
            )
            self.assertTrue(answer["ETag"].startswith('"') and answer["Key"] == "large/图 x+y.bin", answer)
        stored = self.cos.get_object(Bucket=BUCKET, Key="large/图 x+y.bin")
        self.assertEqual((stored["x-cos-meta-a"], stored["Content-Type"]), ("1", "application/x-large"))
        self.assertEqual(hashlib.md5(content(stored)).digest(), hashlib.md5(body).digest())
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "down")
            self.cos.download_file(Bucket=BUCKET, Key="large/图 x+y.bin", DestFilePath=path, PartSize=1, MAXThread=3)
            self.assertEqual(hashlib.md5(pathlib.Path(path).read_bytes()).digest(), hashlib.md5(body).digest())

    def test_an_interrupted_upload_goes_on(self):
        body = random.Random(2).randbytes(2 * 1024 * 1024 + 5)
        upload = self.cos.create_multipart_upload(Bucket=BUCKET, Key="large/resumed")["UploadId"]
        self.cos.upload_part(Bucket=BUCKET, Key="large/resumed", Body=body[: 1024 * 1024], PartNumber=1, UploadId=upload)
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            # The SDK finds the open upload in the bucket's list and sends only what is missing.
            self.cos.upload_file(Bucket=BUCKET, Key="large/resumed", LocalFilePath=file.name, PartSize=1, MAXThread=2)
        self.assertEqual(self.get("large/resumed"), body)
        self.refused(404, "NoSuchUpload", self.cos.list_parts, Bucket=BUCKET, Key="large/resumed", UploadId=upload)

    def test_parts_are_listed_and_aborted(self):
        key = "large/aborted"
        upload = self.cos.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        etags = []
        for number in (1, 2):
            body = bytes([number]) * 1024 * 1024
            answer = self.cos.upload_part(Bucket=BUCKET, Key=key, Body=body, PartNumber=number, UploadId=upload, EnableMD5=True)
            etags.append(answer["ETag"])
        parts = self.cos.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)
        self.assertEqual([(part["PartNumber"], part["ETag"], part["Size"]) for part in parts["Part"]],
                         [("1", etags[0], "1048576"), ("2", etags[1], "1048576")])
        found = self.cos.list_multipart_uploads(Bucket=BUCKET, Prefix=key)
        self.assertEqual([entry["UploadId"] for entry in found["Upload"]], [upload])
        self.cos.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
        self.assertNotIn("Upload", self.cos.list_multipart_uploads(Bucket=BUCKET, Prefix=key))
        self.assertFalse(self.cos.object_exists(Bucket=BUCKET, Key=key))
        self.refused(404, "NoSuchUpload", self.cos.upload_part, Bucket=BUCKET, Key=key, Body=b"x", PartNumber=1, UploadId=upload)

    def test_complete_processes_as_well(self):
        key = "large/picture.jpg"
        body = jpeg(3)
        upload = self.cos.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        etag = self.cos.upload_part(Bucket=BUCKET, Key=key, Body=body, PartNumber=1, UploadId=upload)["ETag"]
        answer = self.cos.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Part": [{"PartNumber": 1, "ETag": etag}]},
            PicOperations=operations(("progressive.jpg", INTERLACE)),
        )
        self.assertEqual((answer["Key"], answer["Bucket"]), (key, BUCKET))
        self.assertEqual(answer["ProcessResults"]["Object"]["Key"], "large/progressive.jpg")
        self.is_progressive(self.get("large/progressive.jpg"), like=body)


class Processing(Case):
    def check_result(self, answer, original, key, width=96, height=64, form="jpeg"):
        headers, data = answer
        self.assertTrue(headers["x-cos-request-id"])
        self.assertEqual(headers["Content-Type"], "application/xml")
        self.assertEqual(data["OriginalInfo"]["Key"], original)
        self.assertEqual(data["OriginalInfo"]["Location"], f"{HOST}/{original}")
        result = data["ProcessResults"]["Object"]
        self.assertEqual(result["Key"], key)
        self.assertEqual(result["Location"], f"{HOST}/{key}")
        self.assertEqual((result["Format"], result["Width"], result["Height"]), (form, str(width), str(height)))
        stored = self.cos.get_object(Bucket=BUCKET, Key=key)
        self.assertEqual(stored["ETag"], result["ETag"])
        self.assertEqual(stored["Content-Length"], result["Size"])
        self.assertEqual(stored["Content-Type"], f"image/{form}")
        return content(stored), data

    def test_uploads_are_processed(self):
        body = jpeg(10)
        for rule in (INTERLACE, "imageMogr2/interlace/1"):
            answer = self.cos.ci_put_object(
                Bucket=BUCKET, Key="put/图 a+b.jpg", Body=body, ContentType="image/jpeg", EnableMD5=True,
                PicOperations=operations(("result.jpg", rule)),
            )
            result, data = self.check_result(answer, "put/图 a+b.jpg", "put/result.jpg")
            self.is_progressive(result, like=body)
            info = data["OriginalInfo"]["ImageInfo"]
            self.assertEqual((info["Format"], info["Width"], info["Height"]), ("JPEG", "96", "64"))
            for name in ("Quality", "Orientation"):
                self.assertTrue(info[name].isdigit(), info)
            self.assertRegex(info["Ave"], "^0x[0-9a-f]{6}$")
        self.assertEqual(self.get("put/图 a+b.jpg"), body)

    def test_files_are_processed(self):
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(png(11))
            file.flush()
            answer = self.cos.ci_put_object_from_local_file(
                Bucket=BUCKET, LocalFilePath=file.name, Key="put/local.png", PicOperations=operations(("/out/local.jpg", INTERLACE))
            )
        result, data = self.check_result(answer, "put/local.png", "out/local.jpg")
        self.assertEqual(data["OriginalInfo"]["ImageInfo"]["Format"], "PNG")
        self.is_progressive(result)

    def test_an_upload_becomes_an_animation(self):
        pictures = [png(20), jpeg(21), png(22)]
        for number in (1, 2):
            self.put(f"frames/{number}", pictures[number])
        rule = animate(["frames/1", "frames/2"], duration=120)
        answer = self.cos.ci_put_object(
            Bucket=BUCKET, Key="frames/0", Body=pictures[0], PicOperations=operations(("all.gif", rule))
        )
        result, _ = self.check_result(answer, "frames/0", "frames/all.gif", form="gif")
        self.is_animation(result, 3, delay=120, like=pictures)

    def test_stored_images_are_processed(self):
        pictures = [jpeg(30), png(31)]
        for number, body in enumerate(pictures):
            self.put(f"stored/图 {number}", body)
        for padded in (True, False):
            rule = animate(["stored/%E5%9B%BE%201"], padded=padded)
            answer = self.cos.ci_image_process(Bucket=BUCKET, Key="stored/图 0", PicOperations=operations(("/out/结果 é.gif", rule)))
            result, _ = self.check_result(answer, "stored/图 0", "out/结果 é.gif", form="gif")
            self.is_animation(result, 2, like=pictures)

    def test_several_rules(self):
        body = jpeg(32)
        self.put("several/a.jpg", body)
        _, data = self.cos.ci_image_process(
            Bucket=BUCKET,
            Key="several/a.jpg",
            PicOperations=operations(
                ("b.jpg", "imageMogr2/interlace/1"), ("sub/c.jpg", INTERLACE), ("/d%20e.jpg", INTERLACE), info=0
            ),
        )
        self.assertNotIn("ImageInfo", data["OriginalInfo"])
        keys = [entry["Key"] for entry in data["ProcessResults"]["Object"]]
        self.assertEqual(keys, ["several/b.jpg", "several/sub/c.jpg", "d e.jpg"])
        for key in keys:
            self.is_progressive(self.get(key), like=body)

    def test_a_result_may_replace_its_source(self):
        body = jpeg(33)
        answer = self.cos.ci_put_object(
            Bucket=BUCKET, Key="replaced/a.jpg", Body=body, PicOperations=operations(("a.jpg", "imageMogr2/interlace/1"))
        )
        result, data = self.check_result(answer, "replaced/a.jpg", "replaced/a.jpg")
        self.assertEqual(data["OriginalInfo"]["ETag"], data["ProcessResults"]["Object"]["ETag"])
        self.is_progressive(result, like=body)

    def test_results_go_to_other_buckets(self):
        self.put("cross/a.jpg", jpeg(34))
        for fileid, allowed in (("/shared/b.jpg", True), ("/own/b.jpg", False)):
            rules = {"rules": [{"bucket": OTHER, "fileid": fileid, "rule": INTERLACE}]}
            call = {"Bucket": BUCKET, "Key": "cross/a.jpg", "PicOperations": json.dumps(rules)}
            if allowed:
                self.cos.ci_image_process(**call)
                self.is_progressive(self.get("shared/b.jpg", bucket=OTHER))
            else:
                self.refused(403, "AccessDenied", self.cos.ci_image_process, **call)

    def download(self, key, rule, cos=None, **options):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "image")
            answer = (cos or self.cos).ci_get_object(Bucket=BUCKET, Key=key, DestImagePath=path, Rule=rule, **options)
            return answer, pathlib.Path(path).read_bytes()

    def test_downloads_are_processed(self):
        pictures = [jpeg(40), jpeg(41)]
        self.put("get/图 a+b.jpg", pictures[0])
        self.put("get/b.jpg", pictures[1])
        self.put("get/c.png", png(42))
        for rule in ("imageMogr2/interlace/1", INTERLACE, "imageMogr2/interlace/1/ignore-error/1", f"{INTERLACE}|imageMogr2/interlace/1"):
            answer, result = self.download("get/图 a+b.jpg", rule)
            self.assertEqual(answer["Content-Type"], "image/jpeg")
            self.is_progressive(result, like=pictures[0])
        self.is_progressive(self.download("get/c.png", INTERLACE)[1])
        for padded in (True, False):
            answer, result = self.download("get/图 a+b.jpg", animate(["get/b.jpg"], padded=padded))
            self.assertEqual(answer["Content-Type"], "image/gif")
            self.is_animation(result, 2, like=pictures)
        answer, _ = self.download("get/b.jpg", INTERLACE, ResponseContentType="image/x")
        self.assertEqual(answer["Content-Type"], "image/x")

    def test_twenty_frames_and_not_one_more(self):
        pictures = [jpeg(100 + number) for number in range(21)]
        for number, body in enumerate(pictures):
            self.put(f"twenty/a-rather-long-name-of-a-frame-{number:03}.jpg", body)
        keys = [f"twenty/a-rather-long-name-of-a-frame-{number:03}.jpg" for number in range(21)]
        rule = animate(keys[1:20])
        self.is_animation(self.download(keys[0], rule)[1], 20, like=pictures[:20])
        self.cos.ci_image_process(Bucket=BUCKET, Key=keys[0], PicOperations=operations(("/out/twenty.gif", rule)))
        self.is_animation(self.get("out/twenty.gif"), 20, like=pictures[:20])
        five = operations(*((f"/out/twenty-{n}.gif", rule) for n in range(5)))
        _, data = self.cos.ci_put_object(Bucket=BUCKET, Key=keys[0], Body=pictures[0], PicOperations=five)
        self.assertEqual(len(data["ProcessResults"]["Object"]), 5)
        url = signer().get_presigned_url(Bucket=BUCKET, Key=keys[0], Method="GET", Params={rule: ""}, Headers={})
        status, _, body = fetch(url)
        self.assertEqual(status, 200)
        self.is_animation(body, 20)
        more = animate(keys[1:21])
        self.refused(400, "ImageResolutionExceed", self.download, keys[0], more)
        self.refused(400, "ImageResolutionExceed", self.cos.ci_image_process, Bucket=BUCKET, Key=keys[0], PicOperations=operations(("x.gif", more)))

    def test_mistakes_are_told_and_store_nothing(self):
        self.put("mistakes/a.jpg", jpeg(50))
        self.put("mistakes/text.jpg", b"not an image")
        one = ("/mistaken/x", INTERLACE)
        for status, code, pic_operations in [
            (400, "InvalidPicOperations", "{"),
            (400, "InvalidPicOperations", operations(*[(f"/mistaken/{n}", INTERLACE) for n in range(6)])),
            (400, "InvalidPicOperations", json.dumps({"rules": [{"rule": INTERLACE}]})),
            (400, "InvalidPicOperations", operations(one, one)),
            (400, "InvalidPicOperations", operations(("/mistaken/", INTERLACE))),
            (400, "InvalidArgument", operations(one, ("/mistaken/y", "imageMogr2/interlace/2"))),
            (400, "InvalidArgument", operations(("/mistaken/x", "imageMogr2/unheard-of/1"))),
            (400, "InvalidImageSource", operations(("/mistaken/x", animate(["b"], bucket_host="elsewhere.example")))),
            (404, "NoSuchKey", operations(one, ("/mistaken/y", animate(["mistakes/none"])))),
            (400, "InvalidImageFormat", operations(("/mistaken/x", animate(["mistakes/text.jpg"])))),
            (403, "AccessDenied", operations(("/locked/x", INTERLACE))),
        ]:
            with self.subTest(pic_operations):
                call = {"Bucket": BUCKET, "Key": "mistakes/a.jpg", "PicOperations": pic_operations}
                self.refused(status, code, self.cos.ci_image_process, **call)
                self.assertNotIn("Contents", self.cos.list_objects(Bucket=BUCKET, Prefix="mistaken/"))
        for status, code, key, rule in [
            (400, "InvalidArgument", "mistakes/a.jpg", "imageMogr2/interlace/x"),
            (400, "InvalidArgument", "mistakes/a.jpg", animate(["mistakes/a.jpg"], duration=0)),
            (404, "NoSuchKey", "mistakes/none.jpg", INTERLACE),
            (400, "InvalidImageFormat", "mistakes/text.jpg", INTERLACE),
        ]:
            self.refused(status, code, self.download, key, rule)
        _, body = self.download("mistakes/text.jpg", f"{INTERLACE}/ignore-error/1")
        self.assertEqual(body, b"not an image")


class Presigned(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.picture = jpeg(60)
        cls.cos.put_object(Bucket=BUCKET, Key="signed/图 a+b.jpg", Body=cls.picture)
        cls.cos.put_object(Bucket=BUCKET, Key="signed/b.jpg", Body=jpeg(61))
        cls.cos.put_object(Bucket=OTHER, Key="shared/b.jpg", Body=b"other")

    def url(self, key="signed/图 a+b.jpg", method="GET", cos=None, **options):
        options.setdefault("Headers", {})
        return (cos or signer()).get_presigned_url(Bucket=BUCKET, Key=key, Method=method, **options)

    def denied(self, status, code, answer):
        self.assertEqual((answer[0], answer[1]["Content-Type"]), (status, "application/xml"), answer[2])
        self.assertIn(f"<Code>{code}</Code>".encode(), answer[2])

    def test_urls_read(self):
        status, headers, body = fetch(self.url())
        self.assertEqual((status, body), (200, self.picture))
        status, headers, body = fetch(self.url(method="HEAD"), "HEAD")
        self.assertEqual((status, body, headers["Content-Length"]), (200, b"", str(len(self.picture))))
        url = signer().get_presigned_download_url(Bucket=BUCKET, Key="signed/图 a+b.jpg", Headers={})
        self.assertEqual(fetch(url)[2], self.picture)
        url = self.url(Params={"response-content-type": "image/x; a=b c", "versionId": ""})
        status, headers, body = fetch(url)
        self.assertEqual((status, headers["Content-Type"]), (200, "image/x; a=b c"))

    def test_urls_process(self):
        for rule in (INTERLACE, "imageMogr2/interlace/1|imageMogr2/interlace/1"):
            url = self.url(Params={rule: ""})
            # As the SDK writes it, and as the documentation does.
            bare = url[: url.index("&imageMogr2")] + "&" + rule
            for spelled in (url, url.removesuffix("="), bare):
                status, headers, body = fetch(spelled)
                self.assertEqual((status, headers["Content-Type"]), (200, "image/jpeg"), body)
                self.is_progressive(body, like=self.picture)
        rule = animate(["signed/b.jpg"])
        url = self.url(Params={rule: ""})
        for spelled in (url, url[: url.index("&imageMogr2")] + "&" + rule):
            self.is_animation(fetch(spelled)[2], 2)

    def test_a_rule_may_be_put_behind_and_then_acts_on_the_object_alone(self):
        status, _, body = fetch(self.url() + "&" + INTERLACE)
        self.assertEqual(status, 200)
        self.is_progressive(body, like=self.picture)
        self.denied(403, "AccessDenied", fetch(self.url() + "&" + animate(["signed/b.jpg"])))
        # The other image may carry a signature of its own, for which no signature of the rule is needed.
        inner = signer().get_presigned_url(Bucket=BUCKET, Key="signed/b.jpg", Method="GET", Headers={})
        rule = f"imageMogr2/animate/duration/50/images/{encoded(inner)}"
        status, _, body = fetch(self.url() + "&" + rule)
        self.assertEqual(status, 200, body)
        self.is_animation(body, 2)
        wrong = inner.replace("b.jpg", "%E5%9B%BE%20a%2Bb.jpg")
        rule = f"imageMogr2/animate/duration/50/images/{encoded(wrong)}"
        self.denied(403, "AccessDenied", fetch(self.url() + "&" + rule))

    def test_urls_write(self):
        status, headers, body = fetch(self.url("signed/up", "PUT"), "PUT", b"written")
        self.assertEqual((status, body, headers["ETag"]), (200, b"", f'"{hashlib.md5(b"written").hexdigest()}"'))
        self.assertEqual(self.get("signed/up"), b"written")
        headers = {"Content-Type": "text/x", "x-cos-meta-a": "1"}
        url = self.url("signed/up", "PUT", Headers=dict(headers))
        self.assertEqual(fetch(url, "PUT", b"again", headers)[0], 200)
        self.denied(403, "SignatureDoesNotMatch", fetch(url, "PUT", b"again", {**headers, "x-cos-meta-a": "2"}))
        self.denied(403, "SignatureDoesNotMatch", fetch(url, "PUT", b"again"))
        self.assertEqual(self.get("signed/up"), b"again")
        # A URL to put one object does not process it, copy another, or go to another.
        pic = {"Pic-Operations": operations(("/signed/result.jpg", INTERLACE))}
        url = self.url("signed/up", "PUT")
        self.denied(403, "AccessDenied", fetch(url, "PUT", jpeg(62), pic))
        source = {"x-cos-copy-source": f"{HOST}/signed/b.jpg"}
        self.denied(403, "AccessDenied", fetch(url, "PUT", b"", source))
        self.denied(403, "AccessDenied", fetch(url + "&partNumber=1&uploadId=x", "PUT", b"x"))
        self.denied(403, "SignatureDoesNotMatch", fetch(url.replace("signed/up", "signed/b.jpg"), "PUT", b"x"))
        self.denied(403, "SignatureDoesNotMatch", fetch(url, "DELETE"))
        self.assertEqual(self.get("signed/up"), b"again")
        signed = self.url("signed/up", "PUT", Headers=dict(pic))
        self.assertEqual(fetch(signed, "PUT", jpeg(62), pic)[0], 200)
        self.is_progressive(self.get("signed/result.jpg"))

    def test_tampered_urls_are_refused(self):
        url = self.url(Params={INTERLACE: "", "response-content-type": "image/x"})
        self.assertEqual(fetch(url)[0], 200)
        for old, new in [
            ("%20a%2Bb.jpg", "%20a%2Bc.jpg"),
            ("/signed/", "//signed/"),
            ("/signed/", "/signed/./"),
            ("a%2Bb", "a%252Bb"),
            ("interlace%2F1", "interlace%2F0"),
            ("format%2Fjpg%2F", ""),
            ("interlace%2F1=", "interlace%2F1=1"),
            ("image%2Fx", "text%2Fhtml"),
            ("&response-content-type=image%2Fx", ""),
            ("&response-content-type=image%2Fx", "&response-content-type=image%2Fx&response-content-type=text%2Fhtml"),
            ("&response-content-type=image%2Fx", "&Response-Content-Type=text%2Fhtml&response-content-type=image%2Fx"),
            ("q-header-list=host", "q-header-list="),
            (HOST, f"{OTHER}.cos.{REGION}.myqcloud.com"),
        ]:
            with self.subTest(old + " " + new):
                changed = url.replace(old, new)
                self.assertNotEqual(changed, url)
                self.denied(403, "SignatureDoesNotMatch", fetch(changed))
        for end in ("0", "1"):
            signature = url.split("q-signature=")[1][:40]
            if not signature.endswith(end):
                self.denied(403, "SignatureDoesNotMatch", fetch(url.replace(signature, signature[:39] + end)))
        self.denied(403, "SignatureDoesNotMatch", fetch(url, "POST", b""))
        # Letter case is not signed: of a parameter it is refused by itself, of a rule it means nothing.
        name = "response-content-type"
        self.denied(403, "AccessDenied", fetch(url.replace(f"&{name}", f"&{name.upper()}")))
        self.assertEqual(fetch(url.replace("imageMogr2", "IMAGEMOGR2"))[2], fetch(url)[2])
        # A query parameter that is not signed does not choose headers either.
        self.denied(403, "AccessDenied", fetch(self.url() + "&response-content-type=text/html"))

    def test_the_host_must_be_signed_where_there_are_several_buckets(self):
        self.denied(403, "AccessDenied", fetch(self.url("shared/b.jpg", SignHost=False).replace(BUCKET, OTHER)))

    def test_urls_end(self):
        url = self.url(Expired=1)
        self.assertEqual(fetch(url)[0], 200)
        time.sleep(2.1)
        status, headers, body = answer = fetch(url)
        self.denied(403, "AccessDenied", answer)
        self.assertIn(b"<Message>Request has expired</Message>", body)
        self.assertIn("GMT", headers["Date"])
        # A signature inside a rule ends as well.
        inner = signer().get_presigned_url(Bucket=BUCKET, Key="signed/b.jpg", Method="GET", Headers={}, Expired=-30)
        rule = f"imageMogr2/animate/duration/50/images/{encoded(inner)}"
        self.denied(403, "AccessDenied", fetch(self.url(Params={rule: ""})))


class Access(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for folder in ("public", "readable", "private"):
            cls.cos.put_object(Bucket=BUCKET, Key=f"{folder}/a.jpg", Body=jpeg(70))
            cls.cos.put_object(Bucket=BUCKET, Key=f"{folder}/b.jpg", Body=jpeg(71))

    def gets(self, cos, key, rule=None):
        if rule is None:
            return content(cos.get_object(Bucket=BUCKET, Key=key))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "image")
            cos.ci_get_object(Bucket=BUCKET, Key=key, DestImagePath=path, Rule=rule)
            return pathlib.Path(path).read_bytes()

    def test_wrong_credentials(self):
        for key, code in [
            ((APPLICATION[0], "wrong"), "SignatureDoesNotMatch"),
            (("AKIDunknown", APPLICATION[1]), "InvalidAccessKeyId"),
            ((APPLICATION[0], READER[1]), "SignatureDoesNotMatch"),
        ]:
            cos = client(key)
            error = self.refused(403, code, self.gets, cos, "public/a.jpg")
            self.assertNotIn(APPLICATION[1], str(error.get_error_msg()))
            self.refused(403, code, cos.put_object, Bucket=BUCKET, Key="public/new", Body=b"x")
            self.refused(403, code, cos.ci_image_process, Bucket=BUCKET, Key="public/a.jpg", PicOperations=operations(("x.jpg", INTERLACE)))
        self.assertFalse(self.cos.object_exists(Bucket=BUCKET, Key="public/new"))

    def test_a_wrong_signature_says_what_was_to_be_signed(self):
        status, _, body = fetch(f"http://{HOST}/private/a.jpg", headers={"Authorization": self.cos.get_auth(
            "GET", BUCKET, "private/b.jpg", Headers={}, Params={})})
        text = body.decode()
        self.assertEqual(status, 403)
        self.assertIn("<Code>SignatureDoesNotMatch</Code>", text)
        self.assertIn("<StringToSign>sha1\n", text)
        self.assertIn("<FormatString>get\n/private/a.jpg\n", text)

    def test_clocks_that_are_wrong(self):
        for off, code in [(3600, "RequestTimeTooSkewed"), (-20000, "AccessDenied")]:
            now = time.time()
            with mock.patch("qcloud_cos.cos_auth.time.time", lambda off=off, now=now: now + off):
                error = self.refused(403, code, self.gets, self.cos, "private/a.jpg")
            if code == "AccessDenied":
                self.assertEqual(error.get_error_msg(), "Request has expired")

    def test_anonymous(self):
        anyone = client(("", ""), Anonymous=True)
        self.assertEqual(self.gets(anyone, "public/a.jpg"), self.gets(self.cos, "public/a.jpg"))
        self.is_progressive(self.gets(anyone, "public/a.jpg", INTERLACE))
        self.is_animation(self.gets(anyone, "public/a.jpg", animate(["public/b.jpg"])), 2)
        for call in [
            lambda: self.gets(anyone, "private/a.jpg"),
            lambda: self.gets(anyone, "private/none.jpg"),
            lambda: self.gets(anyone, "private/a.jpg", INTERLACE),
            lambda: self.gets(anyone, "public/a.jpg", animate(["private/b.jpg"])),
            lambda: self.gets(anyone, "public/a.jpg", animate(["private/none.jpg"])),
            lambda: anyone.put_object(Bucket=BUCKET, Key="public/new", Body=b"x"),
            lambda: anyone.delete_object(Bucket=BUCKET, Key="public/a.jpg"),
            lambda: anyone.list_objects(Bucket=BUCKET),
            lambda: anyone.ci_image_process(Bucket=BUCKET, Key="public/a.jpg", PicOperations=operations(("x.jpg", INTERLACE))),
        ]:
            self.refused(403, "AccessDenied", call)
        self.refused(404, "NoSuchKey", self.gets, anyone, "public/none.jpg")
        # A signature inside the rule lends its right to that image.
        inner = signer().get_presigned_url(Bucket=BUCKET, Key="private/b.jpg", Method="GET", Headers={})
        rule = f"imageMogr2/animate/duration/50/images/{encoded(inner)}"
        self.is_animation(self.gets(anyone, "public/a.jpg", rule), 2)

    def test_a_policy_bounds_its_key(self):
        reader = client(READER)
        self.is_progressive(self.gets(reader, "readable/a.jpg", INTERLACE))
        self.is_animation(self.gets(reader, "readable/a.jpg", animate(["readable/b.jpg"])), 2)
        for call in [
            lambda: self.gets(reader, "private/a.jpg"),
            lambda: self.gets(reader, "private/none.jpg"),
            lambda: self.gets(reader, "readable/a.jpg", animate(["private/b.jpg"])),
            lambda: reader.put_object(Bucket=BUCKET, Key="readable/new", Body=b"x"),
            lambda: reader.ci_image_process(Bucket=BUCKET, Key="readable/a.jpg", PicOperations=operations(("x.jpg", INTERLACE))),
            lambda: reader.delete_object(Bucket=BUCKET, Key="readable/a.jpg"),
            lambda: reader.list_objects(Bucket=BUCKET),
        ]:
            self.refused(403, "AccessDenied", call)

    def test_the_documented_policy_for_uploads_is_enough(self):
        uploader = client(UPLOADER)
        body = random.Random(3).randbytes(2 * 1024 * 1024 + 5)
        # The first part of an upload that was interrupted: the SDK looks for it by the key as prefix.
        upload = uploader.create_multipart_upload(Bucket=BUCKET, Key="doc/large")["UploadId"]
        uploader.upload_part(Bucket=BUCKET, Key="doc/large", Body=body[: 1024 * 1024], PartNumber=1, UploadId=upload)
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            uploader.upload_file(Bucket=BUCKET, Key="doc/large", LocalFilePath=file.name, PartSize=1, MAXThread=2)
            self.assertEqual(self.get("doc/large"), body)
            self.refused(403, "AccessDenied", uploader.upload_file, Bucket=BUCKET, Key="doc2/large",
                         LocalFilePath=file.name, PartSize=1, MAXThread=2)
        self.refused(404, "NoSuchUpload", uploader.list_parts, Bucket=BUCKET, Key="doc/large", UploadId=upload)
        for call in [
            lambda: self.gets(uploader, "doc/large"),
            lambda: uploader.list_multipart_uploads(Bucket=BUCKET),
            lambda: uploader.list_multipart_uploads(Bucket=BUCKET, Prefix="doc2/"),
            lambda: uploader.list_objects(Bucket=BUCKET, Prefix="doc/"),
        ]:
            self.refused(403, "AccessDenied", call)

    def test_a_deny_wins(self):
        self.refused(403, "AccessDenied", self.cos.put_object, Bucket=BUCKET, Key="locked/x", Body=b"x")
        self.refused(403, "AccessDenied", self.cos.delete_object, Bucket=BUCKET, Key="locked/x")
        self.refused(403, "AccessDenied", self.gets, self.cos, "public/a.jpg", animate(["own/x.jpg"], bucket_host=HOST.replace(BUCKET, OTHER)))

    def test_tokens(self):
        self.is_progressive(self.gets(client(TEMPORARY, Token="temporaryToken/+=03"), "readable/a.jpg", INTERLACE))
        for key, options in [(TEMPORARY, {}), (TEMPORARY, {"Token": "other"}), (READER, {"Token": "temporaryToken/+=03"})]:
            self.refused(403, "AccessDenied", self.gets, client(key, **options), "readable/a.jpg")

    def test_signatures_without_the_rule(self):
        cos = client(SignParams=False)
        self.is_progressive(self.gets(cos, "private/a.jpg", INTERLACE))
        self.refused(403, "AccessDenied", self.gets, cos, "private/a.jpg", animate(["private/b.jpg"]))
        self.is_animation(self.gets(cos, "private/a.jpg", animate(["public/b.jpg"])), 2)


class Reaching(Case):
    def test_a_domain_with_a_port(self):
        """`Domain=` leaves the port out of the signed host; the bucket is the server's default one."""
        cos = CosS3Client(CosConfig(Region=REGION, SecretId=APPLICATION[0], SecretKey=APPLICATION[1], Scheme="http",
                                    Domain=f"127.0.0.1:{SERVER.port}"), retry=0)
        cos.put_object(Bucket=BUCKET, Key="domain/x", Body=b"x")
        self.assertEqual(self.get("domain/x"), b"x")
        self.assertEqual(self.get("domain/x", cos=cos), b"x")

    def test_a_proxy(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("NO_PROXY")
            os.environ.pop("no_proxy", None)
            proxies = {"http": f"http://127.0.0.1:{SERVER.port}"}
            cos = CosS3Client(CosConfig(Region=REGION, SecretId=APPLICATION[0], SecretKey=APPLICATION[1], Scheme="http",
                                        Proxies=proxies), retry=0)
            cos.put_object(Bucket=BUCKET, Key="proxy/图 x", Body=b"x")
            self.assertEqual(self.get("proxy/图 x", cos=cos), b"x")

    def test_unknown_buckets(self):
        for call in (lambda: self.get("x", bucket="none-1250000000"), lambda: self.put("x", b"x", bucket="none-1250000000")):
            self.refused(404, "NoSuchBucket", call)

    def test_keys_that_the_client_itself_refuses(self):
        self.assertRaises(CosClientError, self.get, "/")


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    SERVER = Server("cos_sdk.toml")
    try:
        program = unittest.main(verbosity=2, exit=False)
    finally:
        SERVER.stop()
    if SERVER.process.returncode != 0:
        sys.exit(f"the server ended with {SERVER.process.returncode}:\n{SERVER.output()}")
    if not program.result.wasSuccessful():
        sys.exit(SERVER.output()[-20000:])
