"""Fixtures: an exported model for all tests of this folder, and a small server that responds like TensorFlow Serving."""

import base64
import http.server
import json
import re
import threading

import pytest

SEED, MAX_PIXELS, SAMPLES = 5, 40_000, 3


@pytest.fixture(scope="session")
def exported(micro_workdir, shared_folder):
    """The folder of an exported model."""
    from icdpm.serving.export import export

    def make(folder):
        export(micro_workdir, folder, seed=SEED, max_pixels=MAX_PIXELS, settings=lambda model: model.settings(samples=SAMPLES))

    return shared_folder("models/icdpm/1", make)


@pytest.fixture(scope="session")
def served(exported):
    """The exported model, loaded."""
    import tensorflow as tf

    return tf.saved_model.load(str(exported))


class FakeServer(http.server.ThreadingHTTPServer):
    """Serves REST predict requests in TensorFlow Serving's row format with an exported model.

    Attributes:
      model: a loaded SavedModel.
      faults: faults of the next responses: an HTTP status, (status, Retry-After), or seconds of delay.
      requests: (path, signature) of all requests so far.
    """

    daemon_threads = True

    def __init__(self, model):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model, self.faults, self.requests = model, [], []

    def handle_error(self, request, client_address):
        """Ignores clients that have disconnected."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, request.get("signature_name")))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, float):
            threading.Event().wait(fault)
        elif fault:
            status, wait = fault if isinstance(fault, tuple) else (fault, None)
            return self._respond(status, {"error": "the queue is full"}, {"Retry-After": wait} if wait else {})
        if not re.fullmatch(r"/v1/models/icdpm(/versions/1)?:predict", self.path):
            return self._respond(404, {"error": "Servable not found for request"})
        try:
            return self._respond(200, {"predictions": self._predict(request)})
        except Exception as error:
            return self._respond(400, {"error": str(error)})

    def _predict(self, request):
        import tensorflow as tf

        rows = [{key: base64.b64decode(value["b64"]) for key, value in row.items()} for row in request["instances"]]
        inputs = {key: tf.constant([row[key] for row in rows]) for key in rows[0]}
        outputs = self.server.model.signatures[request["signature_name"]](**inputs)
        columns = {key: [_json(key, value) for value in tensor.numpy()] for key, tensor in outputs.items()}
        return [dict(zip(columns, row)) for row in zip(*columns.values())]

    def _respond(self, status, content, headers=()):
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _json(name, value):
    """Returns a string as TensorFlow Serving writes it: as base64 if its name ends in _bytes."""
    return {"b64": base64.b64encode(value).decode()} if name.endswith("_bytes") else value.decode()


@pytest.fixture
def fake_server(served):
    server = FakeServer(served)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
