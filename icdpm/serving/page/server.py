"""The web page's server: its address and password, start and stop.

Importing this module needs neither Gradio nor TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hmac
import importlib.util
import ipaddress
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from icdpm.errors import IcdpmError
from icdpm.serving.client import split_url
from icdpm.serving.page.files import Storage, delete_old_files

if TYPE_CHECKING:
    from icdpm.serving.page.queue import RestorationQueue

# Attempts to log in are not limited, so a password must be too long to be guessed.
_MIN_PASSWORD_LENGTH = 12
# Allows for metadata in the files of small photos.
_MIN_FILE_BYTES = 16 * 2**20
_MAX_DISK_FRACTION = 0.5  # of the free space
_MAX_STORED_ENTRIES = 4000
# Of Gradio's own queue, which is in front of ours.
_MAX_GRADIO_EVENTS = 32
# Milliseconds until a connection whose data is not acknowledged is closed; Linux waits for 15 minutes by default.
_TCP_TIMEOUT_MS = 20_000
# Seconds between two deletions of old files.
_DELETION_INTERVAL = 1.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the web page.

    Attributes:
      stored_photos: how many of the largest photos may be stored, including their results.
      file_age: seconds after which photos and results are deleted.
      client_timeout: seconds after which a disconnected client's request is cancelled.
      upload_grace: seconds before the minimum speed of an upload is enforced.
    """

    stored_photos: int = 24
    file_age: int = 3600
    client_timeout: float = 10.0
    upload_grace: float = 10.0


def check_gradio() -> None:
    """Raises IcdpmError if Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise IcdpmError(
            "The page needs Gradio, which is not installed. Run pip install 'icdpm[serve]' with Python 3.10 or later."
        )


def check_address(host: str, port: int) -> None:
    """Raises IcdpmError if a server cannot listen on the address."""
    family, kind, protocol, _, address = _resolve(host, port)[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise IcdpmError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port or --host.") from error


def is_public(host: str) -> bool:
    """Returns whether other computers can reach a server that listens on `host`. Raises IcdpmError if it is unknown."""
    return not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in _resolve(host, None))


def url_origin(url: str) -> str:
    """Returns the origin of a page's URL, such as https://photos.example.com. Raises IcdpmError if the URL is invalid."""
    try:
        parts = split_url(url)
    except ValueError as error:
        raise IcdpmError(f"{url} is not the URL of a page, such as https://photos.example.com/deblur. Change --url.") from error
    return f"{parts.scheme}://{parts.netloc.lower()}"


class HostNames:
    """The host names under which the page may be opened; supports `in`.

    They prevent DNS rebinding, where another site's domain name resolves to this computer. That needs a name, so all IP
    addresses are allowed if other computers can reach the page: its address as seen from there is unknown here.

    Args:
      host: the address that the page listens on.
      url: the page's URL behind a reverse proxy, or None.
    """

    def __init__(self, host: str, url: str | None = None) -> None:
        self._names = {"localhost", "127.0.0.1", "::1", host.lower()}
        if url:
            self._names.add(str(split_url(url).hostname))
        self._allows_all_addresses = is_public(host)
        if self._allows_all_addresses:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def __contains__(self, name: object) -> bool:
        return name in self._names or (self._allows_all_addresses and _is_ip_address(name))


def read_password_check(path: Path) -> Callable[[str, str], bool]:
    """Returns the function with which Gradio checks a user name, which may be any, and a password.

    Args:
      path: a file with the password as its only line.

    Raises:
      IcdpmError: the file holds no password or a short one.
    """
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise IcdpmError(f"{path} is not a text file. It must hold the password in one line.") from error
    if len(password) < _MIN_PASSWORD_LENGTH or "\n" in password:
        raise IcdpmError(f"{path} must hold one line, a password of at least {_MIN_PASSWORD_LENGTH} characters.")
    return lambda _, given: hmac.compare_digest(given.encode(), password.encode())


def serve_page(
    queue: RestorationQueue,
    host: str,
    port: int,
    *,
    url: str | None = None,
    authenticate: Callable[[str, str], bool] | None = None,
    limits: Limits = Limits(),
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves the page until SIGINT or SIGTERM, then deletes all of its files.

    Args:
      queue: restores the photos.
      host: the address to listen on.
      port: the port to listen on.
      url: the URL at which a reverse proxy serves the page; None without a proxy.
      authenticate: returns whether a user name and a password are valid; None serves the page without a login.
      limits: limits of storage and time.
      on_ready: called with the page's URL once it can be opened.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="icdpm-serve-") as folder:
        # Uploads pass through the default folder of temporary files.
        tempfile.tempdir = folder
        files = Path(folder) / "files"
        files.mkdir()
        # Gradio reads these variables when it is imported.
        os.environ.update(GRADIO_TEMP_DIR=str(files), GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
        from starlette.middleware import Middleware

        from icdpm.serving.page.interface import STYLE, build_page
        from icdpm.serving.page.middleware import ClientTracking, ContentSecurityPolicy, OriginCheck, UploadLimits
        from icdpm.serving.page.queue import ConnectedClients

        clients, max_file_bytes = ConnectedClients(limits.client_timeout), max(_MIN_FILE_BYTES, queue.max_bytes)
        free = shutil.disk_usage(folder).free
        max_stored = min(limits.stored_photos * max_file_bytes, int(_MAX_DISK_FRACTION * free))
        storage = Storage(folder, max_stored, _MAX_STORED_ENTRIES)
        middleware = [
            Middleware(ContentSecurityPolicy),
            Middleware(OriginCheck, host_names=HostNames(host, url), origins=[url_origin(url)] if url else []),
            Middleware(UploadLimits, storage=storage, max_file_bytes=max_file_bytes, grace=limits.upload_grace),
            Middleware(ClientTracking, clients=clients),
        ]
        page = build_page(queue, clients, storage, files, limits.file_age)
        page.queue(max_size=_MAX_GRADIO_EVENTS, api_open=False)
        try:
            page.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                ssr_mode=False,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                auth=authenticate,
                auth_message="Use any user name and the password of this page." if authenticate else None,
                max_file_size=max_file_bytes,
                root_path=url or "",
                app_kwargs={"middleware": middleware},
                css=STYLE,
            )
            for server in page.server.servers:
                set_tcp_timeout(server.sockets)
            on_ready(url or str(page.local_url))
            while not stop.wait(_DELETION_INTERVAL):
                delete_old_files(folder, limits.file_age)
        finally:
            queue.cancel_all()
            if page.is_running:
                # Open pages hold connections, which are closed without waiting and without an error message.
                logging.getLogger("uvicorn.error").disabled = True
                page.server.force_exit = True
                page.close(verbose=False)


def set_tcp_timeout(sockets: Iterable[socket.socket]) -> None:
    """Makes listening sockets close connections to computers that have gone offline, within seconds."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TCP_TIMEOUT_MS)


def _resolve(host, port):
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise IcdpmError(f"Unknown address {host!r}. Choose another --host.") from error


def _is_ip_address(name) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
