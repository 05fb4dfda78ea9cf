"""Many clients at once, a third of which misbehave, against a real `mogr serve`.

    cargo build --release
    python3 tests/soak/soak.py --mogr target/release/mogr [--seconds 600] [--clients 200] [--memory 1GiB] [--corpus DIR]

Needs nothing but Python. First the well-behaved clients alone (a fifth of the time), then all of them: it prints how long
plain GETs took both times, every status that was answered, and the server's largest memory. It fails where the 99th
percentile grows tenfold, a well-behaved client is refused with anything but 503, a 5xx other than 503 is seen, or the
server does not serve any more at the end.

Misbehaving clients: heads and bodies at a trickle, bodies that end early or are longer than they say, answers that are
read at a trickle, connections that are cut in the middle of work, pictures that are broken or unpack to gigabytes.
"""

import argparse
import asyncio
import collections
import logging
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLES = ROOT / "functions/local/samples"
CONFIGURATION = """
[[bucket]]
name = "soak-1250000000"
folder = "{root}/bucket"
region = "ap-shanghai"
default = true

[anonymous]
policy = '''
{{"version": "2.0", "statement": {{
  "effect": "allow", "action": ["name/cos:GetObject", "name/cos:HeadObject", "name/cos:PutObject"],
  "resource": ["qcs::cos:ap-shanghai:uid/1250000000:soak-1250000000/*"]
}}}}'''
"""


def bytes_of(text):
    number, unit = re.fullmatch(r"(\d+)\s*([KMG]i?B)?", text).groups()
    return int(number) * {None: 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit and unit[0]]


class Server:
    def __init__(self, program, memory, folder):
        (folder / "mogr.toml").write_text(CONFIGURATION.format(root=folder))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

        def limited():
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

        self.log = open(folder / "log", "w+b")
        self.process = subprocess.Popen(
            [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--config", str(folder / "mogr.toml")],
            stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=limited,
        )
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.log.seek(0)
        raise SystemExit(f"the server does not listen:\n{self.log.read().decode(errors='replace')}")

    def peak_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


class Soak:
    def __init__(self, port, seed):
        self.port = port
        self.seed = seed
        self.statuses = collections.Counter()
        self.well_behaved = collections.Counter()
        self.times = []

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def answer(self, reader, limit=None):
        """The status and the body of an answer; the status alone where the body is not wanted."""
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if limit == 0:
            return status, b""
        if length:
            return status, await reader.readexactly(int(length.group(1)))
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return status, body

    def head(self, method, target, *lines):
        return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()

    async def well(self, number, until):
        """Plain GETs on one connection, a pause between them, as a browser's cache of small pictures asks."""
        rng = random.Random(f"{self.seed} well {number}")
        await asyncio.sleep(rng.random())
        reader = writer = None
        while time.monotonic() < until:
            try:
                if writer is None:
                    reader, writer = await self.connect()
                begin = time.monotonic()
                writer.write(self.head("GET", f"/plain-{rng.randrange(8)}.jpg"))
                status, _ = await asyncio.wait_for(self.answer(reader), 60)
                self.times.append(time.monotonic() - begin)
                self.well_behaved[status] += 1
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.well_behaved[type(error).__name__] += 1
                writer = None
            await asyncio.sleep(rng.uniform(0.2, 0.6))
        if writer:
            writer.close()

    async def ill(self, number, until, hostile):
        rng = random.Random(f"{self.seed} ill {number}")
        ways = [self.slow_head, self.slow_body, self.short_body, self.long_body, self.slow_reader, self.hangs_up, self.picture]
        while time.monotonic() < until:
            writer = None
            try:
                reader, writer = await self.connect()
                await asyncio.wait_for(rng.choice(ways)(reader, writer, rng, hostile), 60)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError, asyncio.LimitOverrunError):
                pass
            finally:
                if writer:
                    writer.close()
            await asyncio.sleep(rng.uniform(0, 0.3))

    async def slow_head(self, reader, writer, rng, _hostile):
        for byte in self.head("GET", "/plain-0.jpg"):
            writer.write(bytes([byte]))
            await asyncio.sleep(rng.uniform(0.1, 1.5))

    async def slow_body(self, reader, writer, rng, _hostile):
        length = rng.choice([1 << 16, 200 << 20])
        writer.write(self.head("PUT", f"/slow-{rng.randrange(9)}", f"Content-Length: {length}", "Expect: 100-continue"))
        for _ in range(60):
            writer.write(b"x" * rng.choice([1, 100]))
            await asyncio.sleep(1)

    async def short_body(self, reader, writer, rng, _hostile):
        writer.write(self.head("PUT", "/short", "Content-Length: 100000") + b"y" * rng.randrange(99999))
        await writer.drain()
        if rng.random() < 0.5:
            writer.write_eof()
            self.statuses[(await self.answer(reader))[0]] += 1

    async def long_body(self, reader, writer, rng, _hostile):
        writer.write(self.head("PUT", "/long", "Content-Length: 10") + b"GET /plain-0.jpg HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        self.statuses[(await self.answer(reader))[0]] += 1

    async def slow_reader(self, reader, writer, rng, _hostile):
        writer.write(self.head("GET", "/photo.jpg?imageMogr2/interlace/1"))
        status, _ = await self.answer(reader, 0)
        self.statuses[status] += 1
        for _ in range(40):
            await reader.read(200)
            await asyncio.sleep(1)

    async def hangs_up(self, reader, writer, rng, hostile):
        name = rng.choice(["photo.jpg"] + hostile)
        writer.write(self.head("GET", f"/{name}?imageMogr2/format/png"))
        await writer.drain()
        await asyncio.sleep(rng.uniform(0, 0.2))

    async def picture(self, reader, writer, rng, hostile):
        rule = rng.choice(["interlace/1", "format/png", "format/jpg/quality/50!", "auto-orient/strip"])
        writer.write(self.head("GET", f"/{rng.choice(hostile)}?imageMogr2/{rule}"))
        self.statuses[(await self.answer(reader))[0]] += 1


def percentile(times, part):
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * part))] * 1000 if times else float("nan")


async def run(options, server, hostile):
    good = options.clients - options.clients // 3
    results = []
    for seconds, ill in ((options.seconds / 5, 0), (options.seconds, options.clients - good)):
        soak = Soak(server.port, options.seed)
        until = time.monotonic() + seconds
        tasks = [soak.well(n, until) for n in range(good)] + [soak.ill(n, until, hostile) for n in range(ill)]
        await asyncio.gather(*tasks)
        print(f"{good} well-behaved and {ill} misbehaving clients, {seconds:.0f} s: {len(soak.times)} plain GETs, "
              f"ms: median {percentile(soak.times, 0.5):.1f}, p99 {percentile(soak.times, 0.99):.1f}, "
              f"longest {percentile(soak.times, 1):.1f}")
        print(f"  well-behaved were answered {dict(soak.well_behaved)}; misbehaving {dict(soak.statuses)}; "
              f"the server's largest memory {server.peak_bytes() >> 20} MiB", flush=True)
        results.append(soak)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mogr", default="target/release/mogr")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--memory", type=bytes_of, default=bytes_of("1GiB"), help="RLIMIT_DATA of the server")
    parser.add_argument("--corpus", type=pathlib.Path, help="a folder of hostile pictures, read with those below it")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # Writing to a connection that the server has closed is what half of these clients are here for.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with tempfile.TemporaryDirectory(prefix="mogr-soak-") as folder:
        folder = pathlib.Path(folder)
        bucket = folder / "bucket"
        bucket.mkdir()
        photo = (SAMPLES / "photo.jpg").read_bytes()
        (bucket / "photo.jpg").write_bytes(photo)
        for number in range(8):
            (bucket / f"plain-{number}.jpg").write_bytes((SAMPLES / f"image-{number % 6 + 1}.jpg").read_bytes())
        hostile = []
        sources = list(options.corpus.rglob("*")) if options.corpus else list((ROOT / "tests/fixtures").rglob("*"))
        for path in sorted(path for path in sources if path.is_file() and path.stat().st_size < 16 << 20):
            name = f"hostile-{len(hostile)}"
            (bucket / name).write_bytes(path.read_bytes())
            hostile.append(name)
        # A 23-byte head that says 50000x50000 stands for all bombs, if no corpus brings its own.
        (bucket / "bomb").write_bytes(photo[:2] + b"\xff\xc0\x00\x11\x08\xc3\x50\xc3\x50\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + photo[2:])
        hostile.append("bomb")
        server = Server(options.mogr, options.memory, folder)
        try:
            quiet, busy = asyncio.run(run(options, server, hostile))
            alive = server.process.poll() is None
        finally:
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGINT)
                server.process.wait(60)
        ratio = percentile(busy.times, 0.99) / percentile(quiet.times, 0.99)
        faults = []
        if ratio > 10:
            faults.append("the 99th percentile of plain GETs grew more than tenfold")
        if not alive:
            faults.append("the server ended")
        refused = set(busy.well_behaved) - {200, 503}
        if refused:
            faults.append(f"well-behaved clients saw {refused}")
        ours = {status for status in busy.statuses if status >= 500 and status not in (501, 503)}
        if ours:
            faults.append(f"answers of {ours}")
        print(f"p99 of plain GETs among misbehaving clients is {ratio:.1f} times that without them")
        print("; ".join(faults) or "the server held")
        sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
