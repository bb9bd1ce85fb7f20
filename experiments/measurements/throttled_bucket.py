"""A server of the reading part of the S3 protocol, with the latency and bandwidth of a remote bucket, for measurements."""

import contextlib
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

LATENCY = 5e-3  # seconds before the first byte of each read
BANDWIDTH = 100e6  # bytes per second of all reads together
BUCKET = "bucket"
_CHUNK = 1 << 18  # bytes sent at once
_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@contextlib.contextmanager
def throttled_bucket(folder):
    """Context manager: serves the files of a folder as bucket `BUCKET`, in a process of its own.

    Args:
      folder: folder to serve.

    Yields:
      Environment variables with which TensorFlow I/O reaches the server.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe()
    server = context.Process(target=_serve, args=(Path(folder), sender), daemon=True)
    server.start()
    try:
        yield {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_ENDPOINT": f"http://127.0.0.1:{receiver.recv()}",
            "S3_USE_HTTPS": "0",
            "S3_VERIFY_SSL": "0",
        }
    finally:
        server.kill()
        server.join()


def _serve(folder, sender):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _BucketHandler)
    server.folder, server.lock, server.free_at = folder, threading.Lock(), 0.0
    sender.send(server.server_port)
    server.serve_forever()


class _BucketHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Overrides the log line of every request."""

    def do_HEAD(self):
        path = self._path()
        if path.is_file():
            self._send_headers(path.stat().st_size)
        else:
            self._respond(404, 0)

    def do_GET(self):
        path = self._path()
        time.sleep(LATENCY)
        if path.is_file():
            self._send_content(path, *self._send_headers(path.stat().st_size))
        else:
            self._send_listing(**{key: value for key, (value,) in parse_qs(urlsplit(self.path).query).items()})

    def _send_headers(self, size):
        """Sends status and headers of an object and returns the requested byte range (start, end)."""
        if "Range" not in self.headers:
            self._respond(200, size)
            return 0, size
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= size:
            self._respond(416, 0)
            return 0, 0
        end = min(size, last + 1)
        self._respond(206, end - first, Content_Range=f"bytes {first}-{end - 1}/{size}")
        return first, end

    def _path(self):
        return self.server.folder / unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").lstrip("/")

    def _respond(self, status, size, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": size, "Last-Modified": _DATE, "ETag": '"0"', **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _send_content(self, path, start, end):
        self.wfile.flush()
        with open(path, "rb") as file:
            while start < end:
                size = min(_CHUNK, end - start)
                with self.server.lock:
                    turn = max(self.server.free_at, time.monotonic())
                    self.server.free_at = turn + size / BANDWIDTH
                time.sleep(max(0.0, turn + size / BANDWIDTH - time.monotonic()))
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, size)

    def _send_listing(self, prefix="", delimiter="", **_):
        keys = {path.relative_to(self.server.folder).as_posix() for path in self.server.folder.rglob("*") if path.is_file()}
        keys = sorted(key for key in keys if key.startswith(prefix))
        rest = {key: key[len(prefix) :].partition("/") for key in keys}
        inner = sorted({prefix + first + "/" for first, slash, _ in rest.values() if slash}) if delimiter else []
        direct = [key for key in keys if not (delimiter and rest[key][1])]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(self.server.folder / key).stat().st_size}</Size></Contents>"
            for key in direct
        ) + "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in inner)
        listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
        self._respond(200, len(listing), Content_Type="application/xml")
        self.wfile.write(listing)
