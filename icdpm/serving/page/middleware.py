"""ASGI middleware that protects the web page: origin checks, limits of uploads, and tracking of connected clients."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import time
from collections.abc import Container
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

from icdpm.errors import IcdpmError
from icdpm.serving.page.files import Storage
from icdpm.serving.page.queue import ConnectedClients

# The routes that the page uses. Gradio serves many more: a proxy, recordings, component functions, monitoring.
_ROUTES = re.compile(
    r"/|/(assets|static)/.*|/(config|favicon\.ico|login|manifest\.json|theme\.css)"
    r"|/gradio_api/(app_id|startup-events|upload|upload_progress|run/predict|queue/join|queue/data|cancel|reset)"
    r"|/gradio_api/heartbeat/[^/]+|/gradio_api/file=/[^/].*"
)
_UPLOAD_ROUTE = "/gradio_api/upload"
_STREAM_ROUTE = "/gradio_api/queue/data"
# Makes browsers load nothing from other servers, even if Gradio's pages refer to them.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; frame-ancestors 'self'"
# Of a request that is not an upload, and of what surrounds a photo in the form of an upload.
_MAX_FORM_BYTES = 64 * 1024
_MAX_UPLOADS = 8  # at a time
_MIN_BYTES_PER_SECOND = 10_000


class ContentSecurityPolicy:
    """Middleware that adds a content security policy to all responses."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _POLICY.encode())]
            await send(message)

        await self.app(scope, receive, send_with_policy)


class OriginCheck:
    """Middleware that rejects foreign requests, unused routes and WebSockets.

    Requests are foreign if they come from another site or use another host name.

    Gradio's CORS middleware hides responses from other sites, but processes their requests. Starlette's
    TrustedHostMiddleware cannot allow all IP addresses.

    Args:
      app: the application.
      host_names: the host names of the page, see `icdpm.serving.page.server.HostNames`.
      origins: origins of the page behind a reverse proxy, such as https://photos.example.com.
    """

    def __init__(self, app: Any, host_names: Container, origins: Container[str] = ()) -> None:
        self.app = app
        self.host_names = host_names
        self.origins = origins

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        elif scope["type"] == "http" and (rejection := self._rejection(scope)):
            message, status = rejection
            await PlainTextResponse(message, status)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _rejection(self, scope) -> tuple[str, int] | None:
        """Returns (message, HTTP status) of a request to be rejected, else None."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _host_name(host) not in self.host_names:
            return f"Unknown host name {host!r}: open the page at the address that icdpm-serve printed.", 403
        own_origin = f"{scope['scheme']}://{host}"
        origin = headers.get("origin", own_origin)
        is_foreign = origin != own_origin and origin not in self.origins
        # Browsers send no origin with requests for images and frames. Links to the page are allowed.
        is_link = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        is_foreign |= headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_link
        if is_foreign:
            return "Cross-origin requests are not allowed.", 403
        if not _ROUTES.fullmatch(scope["path"]):
            return "Not found.", 404
        return None


class UploadLimits:
    """Middleware that limits size, number and duration of uploads, and the size of all other requests.

    Gradio limits only the size of each file of an upload, and accepts a thousand files.

    Args:
      app: the application.
      storage: limits what is stored.
      max_file_bytes: the largest size of a photo's file.
      grace: seconds before the minimum speed of an upload is enforced.
    """

    def __init__(self, app: Any, storage: Storage, max_file_bytes: int, grace: float = 10.0) -> None:
        self.app = app
        self.storage = storage
        self.max_file_bytes = max_file_bytes
        self.grace = grace
        self._running = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, is_upload = Headers(scope=scope), scope["path"] == _UPLOAD_ROUTE
        reject = functools.partial(_reject, scope, receive, send)
        # With a Content-Length, the server reads no more than that.
        if "transfer-encoding" in headers:
            await reject("The request needs a Content-Length.", 411)
            return
        length = int(headers.get("content-length", 0))
        if length > _MAX_FORM_BYTES + (self.max_file_bytes if is_upload else 0):
            await reject("The request is too large.", 413)
            return
        receive = _receive_in_time(receive, self.grace)
        try:
            if is_upload:
                await self._accept_upload(scope, receive, send, length)
            else:
                await self.app(scope, receive, send)
        except _TooSlow:
            await reject("The upload was too slow.", 408)
        except ClientDisconnect:
            pass  # no response is possible

    async def _accept_upload(self, scope, receive, send, length):
        """Forwards an upload if the limits allow it."""
        try:
            with self._count_upload(), self.storage.reserve(length):
                await self.app(scope, receive, send)
        except IcdpmError as error:
            # Browsers read the response only after they have sent the whole request.
            while (await receive()).get("more_body"):
                pass
            await _reject(scope, receive, send, str(error), 503)

    @contextlib.contextmanager
    def _count_upload(self):
        if self._running == _MAX_UPLOADS:
            raise IcdpmError(f"{_MAX_UPLOADS} photos are already being uploaded, which is the limit. Try again later.")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


class ClientTracking:
    """Middleware that records in `clients` which clients hold an event stream open."""

    def __init__(self, app: Any, clients: ConnectedClients) -> None:
        self.app = app
        self.clients = clients

    async def __call__(self, scope, receive, send) -> None:
        with contextlib.ExitStack() as stack:
            if scope["type"] == "http" and scope["path"] == _STREAM_ROUTE:
                for client in parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", []):
                    stack.enter_context(self.clients.connected(client))
            await self.app(scope, receive, send)


class _TooSlow(Exception):
    pass


def _host_name(host) -> str | None:
    """Returns the name or address in a Host header, without its port; None if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


async def _reject(scope, receive, send, message, status):
    await PlainTextResponse(message, status, {"Connection": "close"})(scope, receive, send)


def _receive_in_time(receive, grace):
    """Returns a `receive` that raises _TooSlow if a request's body arrives below the minimum speed."""
    start, received, is_complete = time.monotonic(), 0, False

    async def receive_in_time():
        nonlocal received, is_complete
        if is_complete:
            # The next message is the client's disconnection.
            return await receive()
        remaining = grace + received / _MIN_BYTES_PER_SECOND - (time.monotonic() - start)
        try:
            message = await asyncio.wait_for(receive(), remaining)
        except asyncio.TimeoutError as error:
            raise _TooSlow from error
        received += len(message.get("body", b""))
        is_complete = not message.get("more_body", False)
        return message

    return receive_in_time
