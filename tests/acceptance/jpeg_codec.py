#!/usr/bin/env python3
"""The lossless JPEG transcoder against `djpeg` and `jpegtran` (Debian: libjpeg-turbo-progs), over files or folders.

    jpeg_codec.py [--command 'mogr interlace {options} {in} -o {out}'] FILE_OR_FOLDER...

For every JPEG that `djpeg` reads without a warning:
- every way of writing it shows the same pixels (`djpeg -dct int`);
- the coefficients and quantization tables are the source's: `jpegtran -optimize -copy none` makes the same of both,
  from the first DQT on, whatever scans and restart markers the source has;
- a sequential source without restart markers, written with standard scans, is byte for byte what
  `jpegtran -progressive -copy all` writes, from the first DQT on;
- with smallest scans it is never larger than with standard ones;
- the simple code path writes the same bytes as the fast one;
- APPn and COM segments are kept in their order, byte for byte, but for the numbers in an index of further pictures.
What the command refuses is listed; a file is only allowed to be refused as unsupported, by a message that says so.
"""
import argparse, os, shlex, subprocess, sys, tempfile

WAYS = {
    "standard": "--scans standard",
    "smallest": "--scans smallest",
    "portable": "--scans smallest --portable",
    "baseline": "--mode 0",
}


def run(argv):
    return subprocess.run(argv, capture_output=True, timeout=120)


def segments(data):
    """(marker, payload) of all APPn and COM segments, SOF's marker, whether DRI is used, position of the first DQT."""
    at, found, sof, restarts, dqt = 2, [], None, False, None
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0, 0xFF) or 0xD0 <= data[at + 1] <= 0xD8:
            at += 1
            continue
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        if marker == 0xD9:
            break
        if length < 2:  # libjpeg passes over such a segment
            at += 4
            continue
        payload = data[at + 4:at + 2 + length]
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            found.append((marker, payload))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            sof = marker
        if marker == 0xDB and dqt is None:
            dqt = at
        restarts |= marker == 0xDD and payload != b"\0\0"
        at += 2 + length
    return found, sof, restarts, dqt


def incomplete(data):
    """True for a progressive file in which not every bit of every coefficient was sent."""
    at, left = data.find(b"\xff\xc2"), {}
    if at < 0:
        return False
    for part in range(data[at + 9]):
        left.update({(data[at + 10 + 3 * part], k): None for k in range(64)})
    while (at := data.find(b"\xff\xda", at + 2)) >= 0:
        count = data[at + 4]
        first, last, bits = data[at + 5 + 2 * count:at + 8 + 2 * count]
        for part in range(count):
            left.update({(data[at + 5 + 2 * part], k): bits & 15 for k in range(first, last + 1)})
    return any(bits != 0 for bits in left.values())


def share_identifiers(data):
    """True where components share an identifier: what is written then numbers them anew."""
    for at in range(len(data) - 12):
        if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC2) and data[at + 4] == 8:
            ids = [data[at + 10 + 3 * part] for part in range(data[at + 9])]
            return len(set(ids)) < len(ids)
    return False


def kept(found):
    """Segments as they are to be kept: the index of further pictures (MPF) is put right, so its numbers may differ."""
    return [(marker, b"MPF" if payload.startswith(b"MPF\0") else payload) for marker, payload in found]


def coefficients(path, work):
    """A standard form of all coefficients and quantization tables: a baseline file, from its first DQT on."""
    out = os.path.join(work, "coefficients.jpg")
    if run(["jpegtran", "-optimize", "-copy", "none", "-outfile", out, path]).returncode != 0:
        return None
    made = open(out, "rb").read()
    return made[segments(made)[3]:]


def check(path, command, work):
    """A list of what is wrong, and a note on what was done."""
    source = open(path, "rb").read()
    shown = run(["djpeg", "-dct", "int", path])
    legal = shown.returncode == 0 and not shown.stderr
    made, wrong = {}, []
    for way, options in WAYS.items():
        out = os.path.join(work, way + ".jpg")
        argv = [part.replace("{in}", path).replace("{out}", out) for part in shlex.split(command.replace("{options}", options))]
        if os.path.exists(out):
            os.unlink(out)
        done = run(argv)
        if done.returncode != 0:
            message = done.stderr.decode(errors="replace").strip()
            if done.returncode < 0 or "panicked" in message:
                return [f"{way}: crashed: {message}"], ""
            if legal and "not supported" not in message:
                return [f"{way}: refused, though djpeg reads it: {message}"], ""
            return [], "refused: " + message.splitlines()[-1][-90:]
        made[way] = open(out, "rb").read()
        again = run(["djpeg", "-dct", "int", out])
        if way == "baseline" and incomplete(source):
            # djpeg smooths blocks of a progressive file that lacks scans; a baseline file says that it has all there is.
            continue
        if shown.returncode == 0 and (again.stdout != shown.stdout or again.stderr):
            wrong.append(f"{way}: other pixels, or a warning: {again.stderr.decode().strip()}")
    if kept(segments(made["standard"])[0]) != kept(segments(source)[0]):
        wrong.append("APPn and COM segments differ")
    if made["smallest"] != made["portable"]:
        wrong.append("the simple code path writes other bytes")
    if len(made["smallest"]) > len(made["standard"]):
        wrong.append(f"smallest has {len(made['smallest'])} bytes, standard {len(made['standard'])}")
    note = "pixels"
    expected = coefficients(path, work)
    if legal and expected and not share_identifiers(source):
        note += ", coefficients"
        for way in made:
            if coefficients(os.path.join(work, way + ".jpg"), work) != expected:
                wrong.append(f"{way}: other coefficients")
    _, sof, restarts, _ = segments(source)
    if legal and sof in (0xC0, 0xC1) and not restarts and not share_identifiers(source):
        peer = os.path.join(work, "peer.jpg")
        for way, flag in (("standard", "-progressive"), ("baseline", "-optimize")):
            if run(["jpegtran", flag, "-copy", "all", "-outfile", peer, path]).returncode == 0:
                theirs = open(peer, "rb").read()
                ours, theirs = made[way][segments(made[way])[3]:], theirs[segments(theirs)[3]:]
                # Further pictures after the first, which jpegtran drops, are those of the source.
                further = ours[len(theirs):] if b"MPF\0" in source else b""
                if ours != theirs + further or not source.endswith(further):
                    if len(made[way]) < len(source) or made[way] != source[:len(made[way])]:
                        wrong.append(f"{way}: not jpegtran's bytes")
                else:
                    note += f", {way} as jpegtran"
    return wrong, note


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--command", default="mogr interlace {options} {in} -o {out}")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("paths", nargs="+")
    o = parser.parse_args()
    files = []
    for path in o.paths:
        inside = [os.path.join(d, f) for d, _, fs in os.walk(path) for f in fs] if os.path.isdir(path) else [path]
        files += sorted(f for f in inside if open(f, "rb").read(2) == b"\xff\xd8")
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for path in files:
            wrong, note = check(path, o.command, work)
            failed += bool(wrong)
            if wrong or not o.quiet:
                print("FAIL" if wrong else "ok  ", os.path.basename(path), "; ".join(wrong) or note, flush=True)
    print(f"{len(files)} files, {failed} failed")
    sys.exit(failed > 0 or not files)


if __name__ == "__main__":
    main()
