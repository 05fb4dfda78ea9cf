"""A `mogr serve` of its own for each suite of clients."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).parent


class Server:
    """`mogr serve` over a temporary folder, with one of the configurations beside this file."""

    def __init__(self, configuration):
        self.folder = tempfile.TemporaryDirectory(prefix="mogr-sdk-")
        root = pathlib.Path(self.folder.name)
        for bucket in ("examples", "other"):
            (root / bucket).mkdir()
        config = root / "mogr.toml"
        config.write_text((HERE / configuration).read_text().replace("{root}", str(root)))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(root / "log", "w+b")
        command = [os.environ.get("MOGR", "target/release/mogr"), "serve"]
        command += ["--listen", f"127.0.0.1:{self.port}", "--config", str(config)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise SystemExit(f"{command} does not listen:\n{self.output()}") from None
                time.sleep(0.05)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
