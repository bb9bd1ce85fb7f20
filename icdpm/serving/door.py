"""The page's door: which requests are let in."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

# What the page asks for. Gradio answers much more: a proxy, recordings, components' own functions, monitoring.
_ROUTES = re.compile(
    r"/|/(assets|static)/.*|/(config|favicon\.ico|login|manifest\.json|theme\.css)"
    r"|/gradio_api/(app_id|startup-events|upload|upload_progress|run/predict|queue/join|queue/data|cancel|reset)"
    r"|/gradio_api/heartbeat/[^/]+|/gradio_api/file=/[^/].*"
)


class Door:
    """ASGI middleware that lets in what comes from the page itself, and the visitors who open it.

    Starlette's TrustedHostMiddleware knows a list of hosts, but neither "any IP address" nor where a request comes from.

    Args:
      app: what is behind the door.
      names: a `icdpm.serving.addresses.PageNames`.
    """

    def __init__(self, app, names):
        self.app = app
        self.names = names

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            # The page opens none.
            return await WebSocketClose()(scope, receive, send)
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            sentence, status = refusal
            return await PlainTextResponse(sentence, status)(scope, receive, send)
        return await self.app(scope, receive, send)

    def _refusal(self, scope):
        """(A sentence, an HTTP status) for who is not let in; None for others."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self.names:
            return f"This page is not called {host!r}: open it by the address that icdpm-serve printed.", 403
        if headers.get("origin", f"{scope['scheme']}://{host}") != f"{scope['scheme']}://{host}":
            return "Only this page itself may ask for that.", 403
        # Browsers name no origin where they get a picture or a frame; links to the page may stand anywhere.
        is_link = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_link:
            return "Only this page itself may ask for that.", 403
        if not _ROUTES.fullmatch(scope["path"]):
            return "There is nothing here.", 404
        return None


def _name(host):
    """The name or address in a Host header, without its port; None where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
