"""Published clients of COS beside the SDKs, unmodified, against a real `mogr serve`: coscmd, OpenDAL and cosfs.

Needs the packages of requirements.txt and a built binary:

    MOGR=target/release/mogr python tests/acceptance/clients.py

All of them speak to the bucket's own host; the server is their HTTP proxy, as any host of a company's network may be.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import fsspec
import opendal
from cosfs import CosFileSystem

from server import Server

BUCKET = "examples-1250000000"
REGION = "ap-shanghai"
ENDPOINT = f"cos.{REGION}.myqcloud.com"
HOST = f"{BUCKET}.{ENDPOINT}"
ID, SECRET = "AKIDapplication00000000000000000001", "applicationSecret000000000000001"
PHOTO = pathlib.Path(__file__).parents[2] / "functions/local/samples/photo.jpg"
# More than one part of every client's smallest part size, and not a multiple of it.
LARGE = os.urandom(3 * 1024 * 1024 + 17)


class Coscmd(unittest.TestCase):
    """The command line, as a person types it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mogr-coscmd-")
        cls.root = pathlib.Path(cls.folder.name)
        (cls.root / "cos.conf").write_text(
            "[common]\n"
            f"secret_id = {ID}\nsecret_key = {SECRET}\nbucket = {BUCKET}\nregion = {REGION}\n"
            "max_thread = 4\npart_size = 1\nretry = 1\ntimeout = 30\nschema = http\nverify = md5\nanonymous = False\n"
        )
        tree = cls.root / "tree"
        (tree / "sub").mkdir(parents=True)
        (tree / "one.txt").write_text("one")
        (tree / "sub/two 2.txt").write_text("two")
        (tree / "large.bin").write_bytes(LARGE)

    def run_it(self, *words, expected=0, answer=None):
        program = pathlib.Path(sys.executable).parent / "coscmd"
        command = [program, "-c", "cos.conf", "-l", "cos.log", *words]
        done = subprocess.run(command, cwd=self.root, input=answer, capture_output=True, text=True, timeout=120)
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, expected, f"coscmd {' '.join(words)}:\n{output}")
        return output

    def test_a_tree_goes_up_and_comes_back(self):
        self.run_it("upload", "-r", "tree/", "up/")
        listed = self.run_it("list", "-a", "-r", "up/")
        for name in ("up/one.txt", "up/sub/two 2.txt", "up/large.bin"):
            self.assertIn(name, listed)
        self.run_it("download", "-r", "up/", "back/")
        for name in ("one.txt", "sub/two 2.txt", "large.bin"):
            self.assertEqual((self.root / "back" / name).read_bytes(), (self.root / "tree" / name).read_bytes())
        self.run_it("delete", "-r", "-f", "up/")
        self.assertNotIn("up/one.txt", self.run_it("list", "-a", "-r", "up/"))

    def test_a_second_upload_skips_what_is_there(self):
        self.run_it("upload", "-r", "-s", "tree/", "sync/")
        again = self.run_it("upload", "-r", "-s", "tree/", "sync/")
        self.assertRegex(again, r"0 files uploaded, 3 files skipped, 0 files failed")

    def test_one_object(self):
        self.run_it("upload", "tree/one.txt", "one/one.txt")
        self.assertIn("one/one.txt", self.run_it("info", "one/one.txt"))
        self.run_it("copy", f"{HOST}/one/one.txt", "one/copy.txt")
        self.run_it("move", f"{HOST}/one/copy.txt", "one/moved.txt")
        self.run_it("download", "-f", "one/moved.txt", "moved.txt")
        self.assertEqual((self.root / "moved.txt").read_text(), "one")
        self.run_it("info", "one/copy.txt", expected=255)
        self.run_it("delete", "-f", "one/moved.txt")
        self.run_it("info", "one/moved.txt", expected=255)

    def test_a_large_object_is_copied(self):
        self.run_it("upload", "tree/large.bin", "large/large.bin")
        self.run_it("copy", f"{HOST}/large/large.bin", "large/copy.bin")
        self.run_it("download", "-f", "large/copy.bin", "copy.bin")
        self.assertEqual((self.root / "copy.bin").read_bytes(), LARGE)

    def test_a_signed_url_of_a_picture_and_of_its_result(self):
        self.run_it("upload", str(PHOTO), "url/photo.jpg")
        url = re.search(r"http://\S+", self.run_it("signurl", "url/photo.jpg")).group().rstrip("'")
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(answer.read(), PHOTO.read_bytes())

    def test_an_upload_with_rules(self):
        rules = '{"is_pic_info": 1, "rules": [{"fileid": "/ruled/small.jpg", "rule": "imageMogr2/interlace/1"}]}'
        self.run_it("upload", str(PHOTO), "ruled/photo.jpg", "-H", f'{{"Pic-Operations": {repr(rules)[1:-1]!r}}}')
        self.assertIn("ruled/small.jpg", self.run_it("list", "-a", "-r", "ruled/"))

    def test_what_it_asks_of_a_bucket(self):
        self.assertEqual(self.run_it("listparts").count("UploadId"), 0)
        self.run_it("getbucketversioning")
        self.run_it("getbucketacl")
        self.run_it("upload", "tree/one.txt", "acl/one.txt")
        self.run_it("getobjectacl", "acl/one.txt")
        self.run_it("probe", "-n", "1", "-s", "1")

    def test_what_it_may_not_change(self):
        for words in (("putbucketversioning", "Enabled"), ("putbucketacl", "--grant-read", "id=\"qcs::cam::uin/1:uin/1\"")):
            self.assertNotIn("success", self.run_it(*words, expected=255).lower())


class OpenDal(unittest.TestCase):
    """The `cos` service of OpenDAL: it signs no Host and names copy sources by their path."""

    @classmethod
    def setUpClass(cls):
        cls.operator = opendal.Operator(
            "cos", root="/dal/", bucket=BUCKET, endpoint=f"http://{ENDPOINT}", secret_id=ID, secret_key=SECRET
        )

    def test_write_read_stat_delete(self):
        self.operator.write("图 a.txt", b"hello")
        self.assertEqual(self.operator.read("图 a.txt"), b"hello")
        self.assertEqual(self.operator.stat("图 a.txt").content_length, 5)
        with self.operator.open("图 a.txt", "rb") as file:
            file.seek(2)
            self.assertEqual(file.read(2), b"ll")
        self.operator.delete("图 a.txt")
        self.assertFalse(self.operator.exists("图 a.txt"))

    def test_lists(self):
        for name in ("list/a", "list/b", "list/sub/c"):
            self.operator.write(name, b"x")
        self.operator.create_dir("list/empty/")
        found = sorted(entry.path for entry in self.operator.list("list/"))
        self.assertEqual(found, ["list/a", "list/b", "list/empty/", "list/sub/"])
        deep = {entry.path for entry in self.operator.scan("list/")}
        self.assertLessEqual({"list/a", "list/b", "list/sub/c"}, deep)
        self.operator.remove_all("list/")
        self.assertEqual([entry.path for entry in self.operator.scan("list/")], [])

    def test_parts(self):
        self.operator.write("large", LARGE, chunk=1024 * 1024)
        self.assertEqual(self.operator.read("large"), LARGE)

    def test_copy(self):
        self.operator.write("from 图.txt", b"copied")
        self.operator.copy("from 图.txt", "to.txt")
        self.assertEqual(self.operator.read("to.txt"), b"copied")

    def test_append(self):
        self.operator.write("log", b"one ", append=True)
        self.operator.write("log", b"two", append=True)
        self.assertEqual(self.operator.read("log"), b"one two")
        self.operator.write("plain", b"put at once")
        with self.assertRaises(Exception) as refused:
            self.operator.write("plain", b" and more", append=True)
        self.assertIn("ObjectNotAppendable", str(refused.exception))

    def test_conditions(self):
        self.operator.write("once", b"1", if_not_exists=True)
        with self.assertRaises(Exception):
            self.operator.write("once", b"2", if_not_exists=True)
        self.assertEqual(self.operator.read("once"), b"1")


class Cosfs(unittest.TestCase):
    """cosfs for fsspec, by its own class and by fsspec's paths."""

    @classmethod
    def setUpClass(cls):
        cls.fs = CosFileSystem(
            region=REGION, secret_id=ID, secret_key=SECRET, scheme="http", max_retry_num=1,
            multipart_size=1024 * 1024, multipart_threshold=2 * 1024 * 1024,
        )

    def path(self, name):
        return f"{BUCKET}/fs/{name}"

    def test_buckets(self):
        self.assertIn(BUCKET, [entry["name"].strip("/") for entry in self.fs.ls("", detail=True)])

    def test_files(self):
        self.fs.pipe_file(self.path("a.txt"), b"hello")
        self.assertEqual(self.fs.cat_file(self.path("a.txt")), b"hello")
        self.assertEqual(self.fs.cat_file(self.path("a.txt"), start=1, end=3), b"el")
        self.assertEqual(self.fs.info(self.path("a.txt"))["size"], 5)
        self.fs.cp_file(self.path("a.txt"), self.path("b.txt"))
        self.fs.mv(self.path("b.txt"), self.path("c.txt"))
        self.assertFalse(self.fs.exists(self.path("b.txt")))
        self.assertEqual(self.fs.cat_file(self.path("c.txt")), b"hello")
        self.assertEqual(sorted(pathlib.PurePath(name).name for name in self.fs.find(self.path(""))),
                         ["a.txt", "c.txt"])
        self.fs.rm(self.path(""), recursive=True)
        self.assertFalse(self.fs.exists(self.path("a.txt")))

    def test_large_files_in_parts_and_their_copies(self):
        with self.fs.open(f"{BUCKET}/fs-large/large", "wb") as file:
            file.write(LARGE)
        with self.fs.open(f"{BUCKET}/fs-large/large", "rb") as file:
            self.assertEqual(file.read(), LARGE)
        self.fs.cp_file(f"{BUCKET}/fs-large/large", f"{BUCKET}/fs-large/copy")
        self.assertEqual(self.fs.cat_file(f"{BUCKET}/fs-large/copy"), LARGE)

    def test_append(self):
        name = f"{BUCKET}/fs-append/log"
        for text in (b"one ", b"two"):
            with self.fs.open(name, "ab") as file:
                file.write(text)
        self.assertEqual(self.fs.cat_file(name), b"one two")
        # As on COS, only what an append began grows.
        self.fs.pipe_file(f"{BUCKET}/fs-append/put", b"one ")
        with self.assertRaisesRegex(OSError, "ObjectNotAppendable"):
            with self.fs.open(f"{BUCKET}/fs-append/put", "ab") as file:
                file.write(b"two")
        self.assertEqual(self.fs.cat_file(f"{BUCKET}/fs-append/put"), b"one ")

    def test_by_url(self):
        fs, path = fsspec.core.url_to_fs(
            f"cosn://{BUCKET}/fs-url/x", region=REGION, secret_id=ID, secret_key=SECRET, scheme="http"
        )
        fs.pipe_file(path, b"x")
        self.assertEqual(fs.ls(f"{BUCKET}/fs-url", detail=False), [f"{BUCKET}/fs-url/x"])


if __name__ == "__main__":
    SERVER = Server("clients.toml")
    for name in ("http_proxy", "HTTP_PROXY"):
        os.environ[name] = f"http://127.0.0.1:{SERVER.port}"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ.pop(name, None)
    try:
        program = unittest.main(verbosity=2, exit=False)
    finally:
        SERVER.stop()
    if SERVER.process.returncode != 0:
        sys.exit(f"the server ended with {SERVER.process.returncode}:\n{SERVER.output()}")
    if not program.result.wasSuccessful():
        sys.exit(SERVER.output()[-20000:])
