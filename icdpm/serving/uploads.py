"""What visitors may send: how much of it, how many at a time, and how slowly."""

import asyncio
import contextlib
import functools
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse

from icdpm.errors import IcdpmError

_ROUTE = "/gradio_api/upload"
# What surrounds a photo in a form; and all other requests: clicks, a password.
_MOST_WORDS = 64 * 1024
_MOST_AT_A_TIME = 8
# Who sends fewer bytes a second, after some seconds of grace, keeps others from their turn.
_SLOWEST = 10_000
_GRACE = 10.0


class _TooSlow(Exception):
    pass


class Uploads:
    """ASGI middleware that bounds the bodies of requests.

    Gradio bounds each file of an upload, of which it takes a thousand, and neither their sum nor what lies there already.

    Args:
      app: what the requests are for.
      storage: an `icdpm.serving.storage.Storage`, for photos.
      most_bytes: of a photo's file.
    """

    def __init__(self, app, storage, most_bytes):
        self.app = app
        self.storage = storage
        self.most_bytes = most_bytes
        self._running = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers, is_upload = Headers(scope=scope), scope["path"] == _ROUTE
        refuse = functools.partial(_refuse, scope, receive, send)
        # Where a length is given, the server reads no more than that.
        if "transfer-encoding" in headers:
            return await refuse("Say how long it is before it is sent.", 411)
        length = int(headers.get("content-length", 0))
        if length > _MOST_WORDS + (self.most_bytes if is_upload else 0):
            return await refuse("That is longer than anything that may be sent here.", 413)
        receive = _in_time(receive)
        try:
            if is_upload:
                await self._take(scope, receive, send, length)
            else:
                await self.app(scope, receive, send)
        except _TooSlow:
            await refuse("That took too long.", 408)
        except ClientDisconnect:
            pass  # nobody is there to be answered

    async def _take(self, scope, receive, send, length):
        """Passes an upload on, where there is room for it."""
        try:
            with self._place(), self.storage.room(length):
                await self.app(scope, receive, send)
        except IcdpmError as error:
            # Browsers hear nothing until they have sent everything.
            while (await receive()).get("more_body"):
                pass
            await _refuse(scope, receive, send, f"{error}.", 503)

    @contextlib.contextmanager
    def _place(self):
        if self._running == _MOST_AT_A_TIME:
            raise IcdpmError(f"{_MOST_AT_A_TIME} photos are being sent already, which is all that may; try again later")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


async def _refuse(scope, receive, send, sentence, status):
    await PlainTextResponse(sentence, status, {"Connection": "close"})(scope, receive, send)


def _in_time(receive):
    """`receive`, which raises _TooSlow where a body comes in too slowly."""
    began, arrived, is_complete = time.monotonic(), 0, False

    async def timely():
        nonlocal arrived, is_complete
        if is_complete:
            # What may come now is that the visitor leaves.
            return await receive()
        left = _GRACE + arrived / _SLOWEST - (time.monotonic() - began)
        try:
            message = await asyncio.wait_for(receive(), left)
        except asyncio.TimeoutError as error:
            raise _TooSlow from error
        arrived += len(message.get("body", b""))
        is_complete = not message.get("more_body", False)
        return message

    return timely
