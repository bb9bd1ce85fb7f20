"""A bucket to measure with: a folder behind as much of S3's protocol as reading takes, with a bucket's delays.

Every read waits 5 ms before its first byte, and all reads together get 100 MB/s.
"""

import contextlib
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LATENCY = 5e-3  # seconds a read
BANDWIDTH = 100e6  # bytes a second
BUCKET = "bucket"
_PIECE = 1 << 18  # bytes sent at once
_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@contextlib.contextmanager
def throttled_bucket(folder):
    """A server, in a process of its own, whose bucket `BUCKET` has a folder's files; gives the environment to reach it with."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(Path(folder), theirs), daemon=True)
    server.start()
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_ENDPOINT": f"http://127.0.0.1:{ours.recv()}",
            "S3_USE_HTTPS": "0",
            "S3_VERIFY_SSL": "0",
        }
    finally:
        server.kill()
        server.join()


def _serve(folder, told):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    server.folder, server.lock, server.free_at = folder, threading.Lock(), 0.0
    told.send(server.server_port)
    server.serve_forever()


class _Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Not a line for every read."""

    def do_HEAD(self):
        path = self._path()
        if path.is_file():
            self._begin(path.stat().st_size)
        else:
            self._answer(404, 0)

    def do_GET(self):
        path = self._path()
        time.sleep(LATENCY)
        if path.is_file():
            self._send(path, *self._begin(path.stat().st_size))
        else:
            self._list(**{key: value for key, (value,) in parse_qs(urlsplit(self.path).query).items()})

    def _begin(self, size):
        """Answers what comes before an object's content; returns the first byte asked for and the one after the last."""
        if "Range" not in self.headers:
            self._answer(200, size)
            return 0, size
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= size:
            self._answer(416, 0)
            return 0, 0
        end = min(size, last + 1)
        self._answer(206, end - first, Content_Range=f"bytes {first}-{end - 1}/{size}")
        return first, end

    def _path(self):
        return self.server.folder / unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").lstrip("/")

    def _answer(self, status, size, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": size, "Last-Modified": _DATE, "ETag": '"0"', **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _send(self, path, start, end):
        self.wfile.flush()
        with open(path, "rb") as file:
            while start < end:
                size = min(_PIECE, end - start)
                with self.server.lock:
                    turn = max(self.server.free_at, time.monotonic())
                    self.server.free_at = turn + size / BANDWIDTH
                time.sleep(max(0.0, turn + size / BANDWIDTH - time.monotonic()))
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, size)

    def _list(self, prefix="", delimiter="", **_):
        keys = {path.relative_to(self.server.folder).as_posix() for path in self.server.folder.rglob("*") if path.is_file()}
        keys = sorted(key for key in keys if key.startswith(prefix))
        rest = {key: key[len(prefix) :].partition("/") for key in keys}
        inner = sorted({prefix + first + "/" for first, slash, _ in rest.values() if slash}) if delimiter else []
        direct = [key for key in keys if not (delimiter and rest[key][1])]
        told = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(self.server.folder / key).stat().st_size}</Size></Contents>"
            for key in direct
        ) + "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in inner)
        answer = f"<ListBucketResult><IsTruncated>false</IsTruncated>{told}</ListBucketResult>".encode()
        self._answer(200, len(answer), Content_Type="application/xml")
        self.wfile.write(answer)
