"""The server of the page."""

import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.serving.storage import Storage

# Nothing from elsewhere, whatever the page or its library may ask a browser for.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; frame-ancestors 'self'"
# What else than pixels a file holds is small beside this.
_LEAST_BYTES = 16 * 2**20
# How much is kept: as many of the largest photos, though not more than this part of what is free; and files and folders.
_MOST_PHOTOS = 24
_MOST_OF_DISK = 0.5
_MOST_ENTRIES = 4000
# How many clicks may wait in Gradio's own queue, in front of ours.
_MOST_CLICKS = 32
# Milliseconds without an answer to what was sent; without it Linux waits for a quarter of an hour.
_VANISHED_AFTER = 20_000
# Seconds between two looks for files that are due to be deleted.
_LOOK = 1.0


def check_gradio():
    """Raises IcdpmError where Gradio is missing."""
    if importlib.util.find_spec("gradio") is None:
        raise IcdpmError("the page needs Gradio, which is not installed: pip install 'icdpm[serve]', with Python 3.10 or later")


def serve_page(visits, host, port, *, log_in=None, keep_files=3600, on_ready=lambda url: None):
    """Serves the page until SIGINT or SIGTERM, and leaves no file behind.

    Args:
      visits: `icdpm.serving.visits.Visits`.
      host, port: where it listens.
      log_in: function of a name and a password, whether they let in; None: nobody is asked for them.
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

        from icdpm.serving.addresses import PageNames
        from icdpm.serving.door import Door
        from icdpm.serving.listeners import Listeners, NoteListeners
        from icdpm.serving.page import STYLE, make_page
        from icdpm.serving.uploads import Uploads

        listeners, most_bytes = Listeners(), max(_LEAST_BYTES, visits.most_bytes)
        most_kept = min(_MOST_PHOTOS * most_bytes, int(_MOST_OF_DISK * shutil.disk_usage(folder).free))
        storage = Storage(folder, most_kept, _MOST_ENTRIES)
        middleware = [
            Middleware(_WithPolicy),
            Middleware(Door, names=PageNames(host)),
            Middleware(Uploads, storage=storage, most_bytes=most_bytes),
            Middleware(NoteListeners, listeners=listeners),
        ]
        page = make_page(visits, listeners, storage, files, keep_files)
        page.queue(max_size=_MOST_CLICKS, api_open=False)
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
                auth=log_in,
                auth_message="Ask who runs this page for the password; any name will do." if log_in else None,
                max_file_size=most_bytes,
                app_kwargs={"middleware": middleware},
                css=STYLE,
            )
            for server in page.server.servers:
                notice_vanished(server.sockets)
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


def notice_vanished(sockets):
    """Has what connects to listening sockets count as gone soon after it has vanished without a word, as laptops do."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _VANISHED_AFTER)


def delete_old(folder, age):
    """Deletes what files, and empty folders, lie anywhere in a folder and have not changed for `age` seconds."""
    for path in list(Path(folder).rglob("*")):
        # Others may delete it too, and folders may hold something.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                path.rmdir() if path.is_dir() else path.unlink()


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
