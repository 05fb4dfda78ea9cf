"""Size and start of the functions: against a Runtime API of ours and an S3 on https, median of 20 starts.

usage: measure_start.py TARGET_FOLDER MOTO_BIN_FOLDER

Limits: init at most twice a bare Rust function's, or 10 ms, whichever is more; the first https GET at most three times the
second; a binary at most 13 MB. The peak memory of a 20-frame GIF is told.
"""

import datetime
import ipaddress
import os
import statistics
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambda_api import Function, answer_of, function_url, http_api
from lambda_fixture import API_HOST, Checks, Moto, animate, environment, fill, s3

TARGET, MOTO_BIN = sys.argv[1:3]
STARTS = 20
check = Checks("size and start")
STORES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]


def certificate(folder):
    """A certificate for 127.0.0.1 of an authority of its own, and a trust store as large as a real one with that."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def issue(name, key, issuer, signer, extensions):
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    named = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # No client of ours takes an authority's certificate for a server's.
    root = issue(named("authority"), authority, named("authority"), authority, [(x509.BasicConstraints(ca=True, path_length=0), True)])
    leaf = issue(named("127.0.0.1"), key, named("authority"), authority, [
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
    ])
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    store = next((open(path, "rb").read() for path in STORES if os.path.exists(path)), b"")
    paths = [os.path.join(folder, name) for name in ("cert.pem", "key.pem", "root.pem", "store.pem")]
    for path, data in zip(paths, (leaf, private, root, store + b"\n" + root)):
        with open(path, "wb") as file:
            file.write(data)
    return paths, store.count(b"BEGIN CERTIFICATE") + 1


def start(name, env):
    started = Function(os.path.join(TARGET, name, "bootstrap"), env)
    end = time.monotonic() + 20
    while started.first_next is None and time.monotonic() < end:
        time.sleep(0.0005)
    return started, (started.first_next - started.spawned) * 1000


def timed(function, event):
    begun = time.monotonic()
    posted = function.invoke(event)
    took = (posted.at - begun) * 1000
    return took, answer_of(posted)


def main():
    for name in ("download", "process", "upload"):
        size = os.path.getsize(os.path.join(TARGET, name, "bootstrap")) / 1e6
        print(f"{name}: {size:.2f} MB")
        check.that(f"{name} has at most 13 MB", size <= 13, size)

    folder = tempfile.mkdtemp(prefix="mogr-")
    (cert, key, root, store), authorities = certificate(folder)
    secure = Moto(MOTO_BIN, ["-s", "-c", cert, "-k", key])
    secure.url = secure.url.replace("http:", "https:")
    os.environ["AWS_CA_BUNDLE"] = root
    fill(s3(secure.url))
    env = {**environment(secure.url), "SSL_CERT_FILE": store}

    bare, inits, firsts, seconds = [], [], [], []
    for _ in range(STARTS):
        started, init = start("bare", {})
        bare.append(init)
        started.close()
        started, init = start("download", env)
        inits.append(init)
        get = http_api("GET", "/image-1.jpg", "", {"Host": API_HOST})
        for times in (firsts, seconds):
            took, answer = timed(started, get)
            assert answer.status == 200, answer.body
            times.append(took)
        started.close()
    told = lambda times: f"{statistics.median(times):.1f} ms (least {min(times):.1f}, most {max(times):.1f})"
    print(f"init of a bare function, {STARTS} starts: {told(bare)}")
    print(f"init of download: {told(inits)}")
    print(f"first GET over https, {authorities} authorities: {told(firsts)}")
    print(f"second GET over https: {told(seconds)}")
    most = max(10, 2 * statistics.median(bare))
    check.that(f"init is at most {most:.1f} ms", statistics.median(inits) <= most, statistics.median(inits))
    ratio = statistics.median(firsts) / statistics.median(seconds)
    check.that(f"the first GET takes {ratio:.1f} times the second, at most 3", ratio <= 3, ratio)

    started, _ = start("download", {**env, "RESPONSE_MODE": "stream"})
    print(f"peak memory after the start: {started.peak_rss_kb() / 1024:.1f} MB")
    timed(started, http_api("GET", "/image-1.jpg", "imageMogr2/interlace/1", {"Host": API_HOST}))
    print(f"peak memory after a small interlace: {started.peak_rss_kb() / 1024:.1f} MB")
    rule = animate(*[f"noise/{number}.jpg" for number in range(1, 20)])
    took, answer = timed(started, function_url("GET", "/noise/0.jpg", rule, {"Host": API_HOST}))
    print(f"20 frames of 720x720, {len(answer.body) / 1e6:.1f} MB: {took:.0f} ms, peak memory {started.peak_rss_kb() / 1024:.1f} MB")
    started.close()
    secure.close()
    check.end()


main()
