"""A client of TensorFlow Serving's REST API, for models exported with icdpm-export. It does not need TensorFlow."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image

# HTTP statuses of a server that is busy or not ready yet.
_RETRIED_STATUSES = (429, 502, 503, 504)
_MAX_WAIT_SECONDS = 60.0
_MAX_TIMEOUT_SECONDS = 1e9  # sockets take little more


def split_url(url: str) -> urllib.parse.SplitResult:
    """Returns the parts of a URL: http(s)://HOST[:PORT][/PATH]; the host in ASCII. Raises ValueError for any other text."""
    parts = urllib.parse.urlsplit(url)
    host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port  # both raise ValueError if they are invalid
    if parts.scheme not in ("http", "https") or not host or port == 0 or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(url)
    bracketed = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=bracketed if port is None else f"{bracketed}:{port}")


class ServingClient:
    """Client of a server that runs a model exported with icdpm-export.

    Example:
      client = ServingClient("http://localhost:8501", preset="balanced")
      restored = client.restore(pixels, "photo.jpg")

    Args:
      url: http(s)://HOST:PORT for a model named icdpm, or http(s)://HOST:PORT/v1/models/NAME, optionally followed by
        /versions/NUMBER.
      preset: a preset of the exported model; None selects the settings that it was exported with.
      timeout: seconds to wait for a response.
      retries: how often a request to a busy or unreachable server is repeated. A request that timed out is not repeated,
        because the server may still be processing it.

    Raises:
      IcdpmError: the URL or the timeout is invalid.
    """

    def __init__(self, url: str, preset: str | None = None, timeout: float = 600.0, retries: int = 4) -> None:
        try:
            parts = split_url(url)
        except ValueError as error:
            raise IcdpmError(f"{url} is not the URL of a server, such as http://localhost:8501.") from error
        if not 0 < timeout <= _MAX_TIMEOUT_SECONDS:
            raise IcdpmError(f"`timeout` must be positive and at most {_MAX_TIMEOUT_SECONDS:g} seconds. Received: {timeout}.")
        path = urllib.parse.quote(parts.path.rstrip("/"), safe="/:%") or "/v1/models/icdpm"
        self.url = f"{parts.scheme}://{parts.netloc}{path}:predict"
        self.signature = f"serving_{preset}" if preset else "serving_default"
        self.timeout = timeout
        self.retries = retries

    def restore(self, pixels: np.ndarray, name: str) -> np.ndarray:
        """Restores an image.

        Args:
          pixels: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width]; sent as PNG, without loss.
          name: name of the image in error messages.

        Returns:
          An array of the same shape and dtype.

        Raises:
          IcdpmError: the server is unreachable or too slow, or it rejects the image.
        """
        content = encode_image(Image(pixels), FORMATS["png"])
        request = {
            "signature_name": self.signature,
            "instances": [{"image_bytes": {"b64": base64.b64encode(content).decode("ascii")}}],
        }
        response = self._post(json.dumps(request).encode("ascii"), name)
        try:
            prediction = json.loads(response)["predictions"][0]
            error, encoded = prediction["error"], prediction["image_bytes"]["b64"]
            content = base64.b64decode(encoded, validate=True)
        except (ValueError, KeyError, IndexError, TypeError) as invalid:
            raise IcdpmError(
                f"{self.url} does not respond like a model exported with icdpm-export. Check --server."
            ) from invalid
        if error:
            raise IcdpmError(f"{name} was rejected by {self.url}: {error}.")
        restored = decode_image(content, f"the response of {self.url}").pixels
        if restored.shape != pixels.shape or restored.dtype != pixels.dtype:
            raise IcdpmError(f"{self.url} returned an image of a different size or type. Check --server.")
        return restored

    def _post(self, body, name) -> bytes:
        """Returns the body of a successful response."""
        for attempt in range(self.retries + 1):
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            wait = 2.0**attempt
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as response:
                    return response.read()
            except urllib.error.HTTPError as error:
                problem = f"{self.url} responded with status {error.code} ({_error_message(error)})"
                if error.code not in _RETRIED_STATUSES:
                    raise IcdpmError(f"{name} was not restored: {problem}.") from error
                wait = _requested_wait(error, wait)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                if isinstance(reason, socket.timeout):  # an alias of TimeoutError from Python 3.10 on
                    raise IcdpmError(
                        f"{name} was not restored: {self.url} did not respond within {self.timeout:g} s. Increase --timeout "
                        "or send smaller images."
                    ) from error
                problem = f"{self.url} is unreachable ({getattr(reason, 'strerror', None) or reason})"
            if attempt < self.retries:
                time.sleep(wait)
        raise IcdpmError(f"{name} was not restored: {problem}. Gave up after {self.retries + 1} attempts.")


def _error_message(error) -> str:
    """Returns the message of an HTTPError on one line."""
    try:
        return " ".join(json.loads(error.read())["error"].split())
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return error.reason


def _requested_wait(error, default) -> float:
    """Returns the seconds of an HTTPError's Retry-After header, at most `_MAX_WAIT_SECONDS`."""
    seconds = error.headers.get("Retry-After", "")
    return min(float(seconds), _MAX_WAIT_SECONDS) if seconds.isdecimal() else default
