"""A corpus, bombs included, through one `mogr serve` under a hard limit of memory.

    cargo build --release
    python3 tests/soak/memory.py --mogr target/release/mogr [--memory 1GiB] [--clients 16] [--rounds 1] [--corpus DIR]

Needs nothing but Python, on Linux. The limit is the `memory.max` of a control group of the server's own where one can be
made, and else RLIMIT_DATA; a limit on addresses would say nothing, as far more of them are reserved than used. All files of
the corpus (by default the samples and fixtures of this repository) and some pictures that unpack to gigabytes are asked for
by several clients at once with rules that decode, re-code and animate them, in no particular order.

It prints what the requests may take together (`memory_total_bytes`), the largest memory that was measured, and every status
that was answered. It fails where the server ends, where a 5xx other than 503 is answered, where it does not serve any more
at the end, or where it took more than what the requests may take together and what it needs for itself.
"""

import argparse
import base64
import collections
import concurrent.futures
import http.client
import pathlib
import random
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = [ROOT / "functions/local/samples", ROOT / "tests/fixtures"]
RULES = [
    "imageMogr2/interlace/1",
    "imageMogr2/format/jpg/quality/90!",
    "imageMogr2/auto-orient/format/png",
    "imageMogr2/format/jpg|imageMogr2/animate/duration/50/images/{image}",
]
HOST = "examples-1250000000.cos.ap-shanghai.myqcloud.com"
# What the program, its threads and its connections take beside the requests' own memory, allocator included.
OWN_BYTES = 96 << 20


def bytes_of(text):
    number, unit = re.fullmatch(r"(\d+)\s*([KMG]i?B)?", text).groups()
    return int(number) * {None: 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit and unit[0]]


def png(width, height):
    """Black pixels, in a file of a thousandth of their size."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    pack = zlib.compressobj(9)
    row = bytes(1 + width * 3)
    rows = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def group(memory):
    """The folder of a new control group of so much memory, or None."""
    folder = pathlib.Path(f"/sys/fs/cgroup/mogr-memory-{time.time_ns()}")
    try:
        folder.mkdir()
    except OSError:
        return None
    try:
        # The system puts its files there, if it is one.
        with open(folder / "memory.max", "r+") as limit:
            limit.write(str(memory))
        return folder
    except OSError:
        folder.rmdir()
        return None


class Server:
    def __init__(self, program, memory, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.group = group(memory)
        # As the server finds it: half of the limit, or of the machine.
        machine = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) << 10
        self.total = min(memory, machine) // 2

        def limit():
            if self.group:
                (self.group / "cgroup.procs").write_text("0")
            else:
                resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

        self.log = open(folder / "log", "wb")
        command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--root", folder / "bucket"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=self.log, preexec_fn=limit
        )
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("the server does not listen")

    def peak(self):
        """The most memory that it has had in use, and whether it still runs."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(r"VmHWM:\s+(\d+)", status)
        return int(found[1]) << 10 if found else 0

    def get(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", target, headers={"Host": HOST})
            answer = connection.getresponse()
            length = len(answer.read())
            return answer.status, length
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(60)
        if self.group:
            self.group.rmdir()
        return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mogr", required=True)
    parser.add_argument("--memory", type=bytes_of, default=1 << 30)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        bucket = folder / "bucket"
        bucket.mkdir()
        keys = []
        for root in [arguments.corpus] if arguments.corpus else FOLDERS:
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                if path.stat().st_size > 32 << 20:
                    continue
                keys.append(f"{len(keys)}{path.suffix.lower()}")
                (bucket / keys[-1]).write_bytes(path.read_bytes())
        for side in [2_000, 6_000, 12_000, 15_000]:
            keys.append(f"bomb-{side}.png")
            (bucket / keys[-1]).write_bytes(png(side, side))
        tasks = []
        for key in keys:
            image = base64.urlsafe_b64encode(f"http://{HOST}/{key}".encode()).decode().rstrip("=")
            tasks += [f"/{key}?{rule.format(image=image)}".replace("|", "%7C") for rule in RULES]
        tasks *= arguments.rounds
        random.shuffle(tasks)
        server = Server(pathlib.Path(arguments.mogr).resolve(), arguments.memory, folder)
        at_start = server.peak()
        statuses, lost = collections.Counter(), []

        def ask(target):
            try:
                return target, server.get(target)[0]
            except OSError as error:
                return target, repr(error)

        with concurrent.futures.ThreadPoolExecutor(arguments.clients) as clients:
            for target, status in clients.map(ask, tasks):
                statuses[status] += 1
                if status not in (200, 400, 503):
                    lost.append((target, status))
        serves = ask(f"/{keys[0]}")[1] == 200
        peak = server.peak()
        code = server.stop()
        mib = lambda count: f"{count / (1 << 20):.0f} MiB"
        how = "memory.max" if server.group else "RLIMIT_DATA"
        print(f"{len(tasks)} requests of {arguments.clients} clients for {len(keys)} files: {dict(statuses)}")
        print(f"limit {mib(arguments.memory)} ({how}); all requests together at most {mib(server.total)}")
        print(f"measured: {mib(at_start)} at the start, {mib(peak)} at most, {peak / server.total:.2f} of the bound")
        wrong = [f"{status} for {target}" for target, status in lost[:20]]
        if not serves:
            wrong.append(f"the server does not serve any more (exit {code})")
        if peak > server.total + at_start + OWN_BYTES:
            wrong.append(f"{mib(peak)} is more than the bound and what the program needs for itself")
        for line in wrong:
            print("FAILED:", line)
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
