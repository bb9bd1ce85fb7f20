"""Pictures restored by a server: the client's side of TensorFlow Serving's REST API. It needs no TensorFlow."""

import base64
import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image

# What a server answers that is busy or not ready yet.
_TRY_AGAIN = (429, 502, 503, 504)
_LONGEST_WAIT = 60.0


class Server:
    """A server with a model that icdpm-export wrote.

    Args:
      url: http(s)://HOST:PORT, for a model of the name icdpm, or http(s)://HOST:PORT/v1/models/NAME, perhaps followed by
        /versions/NUMBER.
      preset: one of the exported model's; None: the settings that the model was exported with.
      timeout: seconds that an answer may take.
      retries: how often a request is made again that a busy or absent server did not answer. A time-out is not repeated:
        the server may still be at it.

    Raises:
      IcdpmError: not such a URL.
    """

    def __init__(self, url, preset=None, timeout=600.0, retries=4):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise IcdpmError(f"{url} is not the URL of a server; http://localhost:8501 is one")
        path = parts.path.rstrip("/") or "/v1/models/icdpm"
        self.url = f"{parts.scheme}://{parts.netloc}{path}:predict"
        self.signature = f"serving_{preset}" if preset else "serving_default"
        self.timeout = timeout
        self.retries = retries

    def restore(self, pixels, name):
        """Restores a picture.

        Args:
          pixels: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width]. They go to the server and come back
            as PNG, without loss.
          name: what messages call it.

        Returns:
          An array of the same shape and dtype.

        Raises:
          IcdpmError: the server cannot be reached, is too slow or refuses the picture.
        """
        content = encode_image(Image(pixels), FORMATS["png"])
        request = {
            "signature_name": self.signature,
            "instances": [{"image_bytes": {"b64": base64.b64encode(content).decode("ascii")}}],
        }
        answer = self._post(json.dumps(request).encode("ascii"), name)
        try:
            prediction = json.loads(answer)["predictions"][0]
            error, encoded = prediction["error"], prediction["image_bytes"]["b64"]
            content = base64.b64decode(encoded, validate=True)
        except (ValueError, KeyError, IndexError, TypeError) as wrong:
            raise IcdpmError(f"{self.url} does not answer as a model of icdpm-export does; check --server") from wrong
        if error:
            raise IcdpmError(f"{name} was refused by {self.url}: {error}")
        restored = decode_image(content, f"the answer of {self.url}").pixels
        if restored.shape != pixels.shape or restored.dtype != pixels.dtype:
            raise IcdpmError(f"{self.url} answers with another kind of picture than it was given; check --server")
        return restored

    def _post(self, body, name):
        """The bytes of the answer. Raises IcdpmError where there is none that can be used."""
        for attempt in range(self.retries + 1):
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            wait = 2.0**attempt
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                problem = f"{self.url} answers {error.code} ({_message(error)})"
                if error.code not in _TRY_AGAIN:
                    raise IcdpmError(f"{name} was not restored: {problem}") from error
                wait = _asked_wait(error, wait)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                if isinstance(reason, socket.timeout):  # TimeoutError by its name before Python 3.10
                    raise self._too_slow(name) from error
                problem = f"{self.url} cannot be reached ({getattr(reason, 'strerror', None) or reason})"
            if attempt < self.retries:
                time.sleep(wait)
        raise IcdpmError(f"{name} was not restored: {problem}; {self.retries + 1} attempts were made")

    def _too_slow(self, name):
        return IcdpmError(
            f"{name} was not restored: {self.url} did not answer in {self.timeout:g} s; give it more --timeout or less to do"
        )


def _message(error):
    """What an HTTPError tells, on one line."""
    try:
        return " ".join(json.loads(error.read())["error"].split())
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return error.reason


def _asked_wait(error, otherwise):
    """The seconds to wait that an HTTPError asks for, within reason."""
    asked = error.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdigit() else otherwise
