"""The server of the page."""

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

from icdpm.errors import IcdpmError

# Nothing from elsewhere, whatever the page or its library may ask a browser for.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; frame-ancestors 'self'"
# An uncompressed picture of 16 bits a channel, with alpha; what else a file holds is small beside it.
_BYTES_PER_PIXEL = 8
_LEAST_BYTES = 16 * 2**20
# Seconds between two looks for files that are due to be deleted.
_LOOK = 1.0


def check_address(host, port):
    """Raises IcdpmError where a server cannot listen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise IcdpmError(f"there is no address {host!r} on this computer; choose another --host") from error
    except OSError as error:
        raise IcdpmError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port or --host") from error


def check_gradio():
    """Raises IcdpmError where Gradio is missing."""
    if importlib.util.find_spec("gradio") is None:
        raise IcdpmError("the page needs Gradio, which is not installed: pip install 'icdpm[serve]', with Python 3.10 or 3.11")


def serve_page(visits, host, port, *, keep_files=3600, on_ready=lambda url: None):
    """Serves the page until SIGINT or SIGTERM, and leaves no file behind.

    Args:
      visits: `icdpm.serving.visits.Visits`.
      host, port: where it listens.
      keep_files: seconds after which photos and what became of them are deleted.
      on_ready: called with the page's URL once it can be opened.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="icdpm-serve-") as folder:
        # Uploads go through the system's folder for temporary files on their way to Gradio's.
        tempfile.tempdir = folder
        files = Path(folder) / "files"
        files.mkdir()
        # Before it is imported: Gradio makes its folder then, and says hello to its makers.
        os.environ.update(GRADIO_TEMP_DIR=str(files), GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
        from starlette.middleware import Middleware

        from icdpm.serving.page import STYLE, make_page

        page = make_page(visits, files, keep_files)
        page.queue(max_size=None, api_open=False)
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
                max_file_size=max(_LEAST_BYTES, _BYTES_PER_PIXEL * visits.max_pixels),
                app_kwargs={"middleware": [Middleware(_WithPolicy)]},
                css=STYLE,
            )
            on_ready(page.local_url)
            while not stop.wait(_LOOK):
                delete_old(folder, keep_files)
        finally:
            visits.cancel_all()
            if page.is_running:
                # Pages that are open hold connections. To cut them is no error here, nor a reason to wait.
                logging.getLogger("uvicorn.error").disabled = True
                page.server.force_exit = True
                page.close(verbose=False)


def delete_old(folder, age):
    """Deletes what files lie anywhere in a folder and have not changed for `age` seconds."""
    for path in Path(folder).rglob("*"):
        # Others may delete it too.
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and time.time() - path.stat().st_mtime > age:
                path.unlink()


class _WithPolicy:
    """Adds the content security policy to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _POLICY.encode())]
            await send(message)

        await self.app(scope, receive, send_with_policy)
