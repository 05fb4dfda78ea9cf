#!/usr/bin/env python3
"""GIFs of `mogr animate` as programs of others read them: Pillow, ffmpeg, gifsicle and Chromium.

    gif_codec.py --mogr PATH

Animations are made here: few colors, many colors, frames that stand still, and frames with transparency.
- Pillow and ffmpeg show the same pixels, and gifsicle finds nothing to warn about;
- the number of images, the delays and the endless loop are as asked for;
- pictures of few colors come back exactly, others near to their source, transparency where it was;
- Chromium decodes every frame, and to the same pixels as Pillow.
"""
import argparse, hashlib, http.server, json, math, os, queue, shutil, signal, subprocess, sys, tempfile, threading

from PIL import Image, ImageDraw, ImageSequence

SIZE = (120, 90)
COUNT = 6


def flat(index):
    image = Image.new("RGB", SIZE, (240, 240, 230))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 60, 40), fill=(30, 90, 160))
    draw.rectangle((20 + 8 * index, 50, 40 + 8 * index, 80), fill=(200, 40, 40))
    return image


def photo(index):
    image = Image.new("RGB", SIZE)
    image.putdata([(
        int(128 + 100 * math.sin((x + 5 * index) / 17)), int(128 + 90 * math.sin(y / 11 + index / 3)), (x + 2 * y + 3 * index) % 256,
    ) for y in range(SIZE[1]) for x in range(SIZE[0])])
    return image


def still(index):
    return flat(index // 3)


def sprite(index):
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((5 + 12 * index, 20, 45 + 12 * index, 60), fill=(250, 160, 20, 255), outline=(60, 20, 0, 255))
    return image


def run(argv):
    done = subprocess.run(argv, capture_output=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return done


def over_white(image):
    page = Image.new("RGBA", image.size, (255, 255, 255, 255))
    page.alpha_composite(image.convert("RGBA"))
    return page.convert("RGB")


def by_pillow(path):
    image = Image.open(path)
    frames = [(frame.convert("RGBA").copy(), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    return image.info.get("loop"), frames


def by_ffmpeg(path):
    raw = run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]).stdout
    size = SIZE[0] * SIZE[1] * 4
    return [Image.frombytes("RGBA", SIZE, raw[at:at + size]) for at in range(0, len(raw), size)]


PAGE = """<!doctype html><meta charset=utf-8><script type=module>
try {
  const data = await (await fetch("/out.gif")).arrayBuffer();
  const decoder = new ImageDecoder({ data, type: "image/gif" });
  await decoder.tracks.ready; await decoder.completed;
  const track = decoder.tracks.selectedTrack, all = [];
  for (let i = 0; i < track.frameCount; i++) {
    const { image } = await decoder.decode({ frameIndex: i });
    const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight), page = canvas.getContext("2d");
    page.fillStyle = "white"; page.fillRect(0, 0, canvas.width, canvas.height); page.drawImage(image, 0, 0);
    const pixels = page.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0; for (let p = 0; p < pixels.length; p++) sum = (sum * 31 + pixels[p]) >>> 0;
    all.push([image.duration, sum]);
  }
  await fetch("/", { method: "POST", body: JSON.stringify({ repetitions: String(track.repetitionCount), all }) });
} catch (error) { await fetch("/", { method: "POST", body: JSON.stringify({ repetitions: String(error), all: [] }) }); }
</script>"""


def by_chromium(path, work):
    """What the browser decodes: it gets the page and the file from here, and sends back what it saw."""
    answers = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {"/": (PAGE.encode(), "text/html"), "/out.gif": (open(path, "rb").read(), "image/gif")}.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", found[1] if found else "text/plain")
            self.end_headers()
            self.wfile.write(found[0] if found else b"")

        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", f"--user-data-dir={work}/profile"]
    process = subprocess.Popen([*argv, f"http://127.0.0.1:{server.server_port}/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return answers.get(timeout=120)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        server.shutdown()


def sum_of(image):
    total = 0
    for byte in over_white(image).convert("RGBA").tobytes():
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--mogr", default="mogr")
    ap.add_argument("--command", default="{mogr} animate", help="what comes before `--duration MS [--preset P] -o OUT FRAMES...`")
    a = ap.parse_args()
    failures = []

    def expect(holds, text):
        if not holds:
            failures.append(text)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        for kind in (flat, photo, still, sprite):
            files = []
            for index in range(COUNT):
                files.append(os.path.join(work, f"{kind.__name__}{index}.png"))
                kind(index).save(files[-1])
            for preset in ("quality", "small"):
                name = f"{kind.__name__}, {preset}"
                path = os.path.join(work, "out.gif")
                run([*a.command.format(mogr=a.mogr).split(), "--duration", "70", "--preset", preset, "-o", path, *files])
                loop, frames = by_pillow(path)
                expect(loop == 0, f"{name}: loop {loop}")
                expect(len(frames) == COUNT, f"{name}: {len(frames)} images in Pillow")
                expect(all(delay == 70 for _, delay in frames), f"{name}: delays {[delay for _, delay in frames]}")
                for index, (frame, _) in enumerate(frames):
                    source = kind(index).convert("RGBA")
                    wanted, found = over_white(source).tobytes(), over_white(frame).tobytes()
                    error = sum((x - y) ** 2 for x, y in zip(wanted, found)) / len(wanted)
                    expect(error <= (120 if kind is photo else 0), f"{name}: frame {index} is {error:.1f} from its source")
                    expect(frame.getchannel("A").tobytes() == source.getchannel("A").tobytes(), f"{name}: alpha of frame {index}")
                others = by_ffmpeg(path)
                expect(len(others) == COUNT, f"{name}: {len(others)} images in ffmpeg")
                for index, (other, (frame, _)) in enumerate(zip(others, frames)):
                    expect(over_white(other).tobytes() == over_white(frame).tobytes(), f"{name}: frame {index} differs in ffmpeg")
                info = run(["gifsicle", "--info", path])
                expect(not info.stderr, f"{name}: gifsicle says {info.stderr.decode()[:200]}")
                expect(f"{COUNT} images" in info.stdout.decode() and "loop forever" in info.stdout.decode(), f"{name}: {info.stdout.decode()[:200]}")
                browser = by_chromium(path, work)
                expect(browser["repetitions"] == "Infinity", f"{name}: chromium repeats {browser['repetitions']} times")
                expect([delay for delay, _ in browser["all"]] == [70_000] * COUNT, f"{name}: delays in chromium {browser['all']}")
                expect([total for _, total in browser["all"]] == [sum_of(frame) for frame, _ in frames], f"{name}: chromium shows other pixels")
                print(f"{name}: {os.path.getsize(path)} bytes, sha256 {hashlib.sha256(open(path, 'rb').read()).hexdigest()[:12]}")
    for text in failures:
        print("FAILED", text)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
