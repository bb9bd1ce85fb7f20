"""Attacks on the page, as requests to a real server on loopback."""

import contextlib
import http.client
import http.server
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import PIL.Image
import pytest
from processes import free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs Gradio (icdpm[serve])"),
]

# A model that logs its work, and limits that are reached soon.
SERVE = """
import sys, time
from icdpm.restoration.result import Restored
from icdpm.serving.page.queue import RestorationQueue
from icdpm.serving.page.server import Limits, serve_page

class Model:
    presets = {"fast": "one step", "slow": "half a minute"}
    max_pixels = None

    def restore(self, pixels, preset, on_progress):
        log = open(sys.argv[2], "a", buffering=1)
        log.write(f"{preset} begins\\n")
        steps = 1 if preset == "fast" else 600
        try:
            for step in range(steps):
                on_progress(step, steps)
                time.sleep(0.05)
        except BaseException:
            log.write(f"{preset} is dropped\\n")
            raise
        log.write(f"{preset} ends\\n")
        return Restored(255 - pixels)

serve_page(
    RestorationQueue(Model(), 100_000),
    "127.0.0.1",
    int(sys.argv[1]),
    limits=Limits(stored_photos=2, client_timeout=2.0, upload_grace=2.0),
    on_ready=lambda url: print(url, flush=True),
)
"""
JOIN, LISTEN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash=", "/gradio_api/upload"
MIB = 2**20


def wait_until(condition, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("the condition was not met in time")


@contextlib.contextmanager
def serving(program, *arguments, port, **environment):
    """Runs a server; yields a Client, the process and the first line that it printed."""
    server = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    log = []
    reader = threading.Thread(target=lambda: log.extend(server.stderr))
    reader.start()
    try:
        message = server.stdout.readline()
        assert message, "".join(log)
        yield Client(port), server, message
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        reader.join()


class Client:
    """Sends requests as any program can."""

    def __init__(self, port):
        self.port, self.own = port, f"127.0.0.1:{port}"

    def send(self, method, path, body=None, **headers):
        """Returns the open connection and the response, whose body has not been read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": self.own, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection, connection.getresponse()

    def request(self, method, path, body=None, **headers):
        """Returns (status, body)."""
        connection, response = self.send(method, path, body, **headers)
        with contextlib.closing(connection):
            return response.status, response.read().decode()

    def upload(self, content, **headers):
        """Uploads a photo; returns (status, body)."""
        body, kind = form(content)
        return self.request("POST", UPLOAD, body, Content_Type=kind, **headers)

    def join(self, session, path, preset):
        """Requests a restoration without reading its result; returns (status, body)."""
        config = json.loads(self.request("GET", "/config")[1])
        number = next(each["id"] for each in config["dependencies"] if len(each["inputs"]) == 2)
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        body = json.dumps({"data": [file, preset], "fn_index": number, "session_hash": session}).encode()
        return self.request("POST", JOIN, body, Content_Type="application/json")

    def listen(self, session):
        """Returns the open connection and the response with the client's events."""
        return self.send("GET", LISTEN + session)

    def restore(self, session, path, preset):
        """Returns all events of a restoration."""
        assert self.join(session, path, preset)[0] == 200
        connection, response = self.listen(session)
        with contextlib.closing(connection):
            return response.read().decode()


def form(content):
    """Returns (the body of an upload, its Content-Type)."""
    head = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="photo.png"\r\n\r\n'
    return head + content + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


@pytest.fixture(scope="module")
def content():
    file = io.BytesIO()
    PIL.Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("attacked")


@pytest.fixture(scope="module")
def client(folder):
    temporary = folder / "temporary"
    temporary.mkdir()
    (port,) = free_ports(1)
    with serving(SERVE, port, folder / "log", port=port, TMPDIR=str(temporary)) as (client, _, _):
        yield client


@pytest.fixture
def path(client, content):
    """The path of an uploaded photo."""
    status, body = client.upload(content)
    assert status == 200
    return json.loads(body)[0]


@pytest.fixture
def log(client, folder):
    """Returns what the model has done in this test."""
    (folder / "log").write_text("")
    return lambda: (folder / "log").read_text().splitlines()


def test_dns_rebinding(client, content):
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"]:
        assert client.request("GET", "/", Host=f"{name}:{client.port}")[0] == 200
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7", "", "[", "a@evil.example"]:
        host = f"{name}:{client.port}"
        for method, route in [("GET", "/"), ("GET", "/config"), ("GET", LISTEN + "a"), ("POST", JOIN)]:
            status, body = client.request(method, route, b"" if method == "POST" else None, Host=host, Origin=f"http://{host}")
            assert status == 403 and body.startswith("Unknown host name")
        assert client.upload(content, Host=host)[0] == 403


def test_other_sites(client, content):
    origins = ["http://evil.example", "null", f"http://localhost:{client.port + 1}", f"https://{client.own}", ""]
    for origin in origins:
        # Posts, event streams, and requests that browsers send to other sites without a preflight.
        for method, route in [
            ("POST", JOIN),
            ("POST", "/gradio_api/run/predict"),
            ("POST", "/login"),
            ("GET", LISTEN + "a"),
            ("GET", "/gradio_api/heartbeat/a"),
        ]:
            assert client.request(method, route, b"{}" if method == "POST" else None, Origin=origin)[0] == 403
        assert client.upload(content, Origin=origin)[0] == 403
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "a" * 24}
    assert client.request("GET", LISTEN + "a", Origin="http://evil.example", **handshake)[0] == 403
    assert client.upload(content, Origin=f"http://{client.own}")[0] == 200
    # Browsers send no origin with requests for images and frames, nor when a link is followed.
    foreign = {"Sec_Fetch_Site": "cross-site"}
    assert client.request("GET", LISTEN + "a", Sec_Fetch_Mode="no-cors", **foreign)[0] == 403
    assert client.request("GET", "/gradio_api/heartbeat/a", Sec_Fetch_Mode="navigate", **foreign)[0] == 403
    assert client.request("GET", "/", Sec_Fetch_Mode="navigate", **foreign)[0] == 200


@pytest.mark.parametrize(
    "method, route",
    [
        ("GET", "/gradio_api/proxy=http://evil.example/"),
        ("GET", "/gradio_api/file=http://evil.example/a.png"),
        ("GET", "/gradio_api/info"),
        ("GET", "/monitoring/summary"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/call/restore"),
    ],
)
def test_other_routes_of_gradio_are_closed(client, method, route):
    assert client.request(method, route, b"{}" if method == "POST" else None) == (404, "Not found.")


def test_a_photo_is_not_downloaded_from_a_url(client):
    events = client.restore("pointer", "http://evil.example/huge.png", "fast")
    assert "A photo must be uploaded; a URL is not accepted." in events


def test_a_client_that_reads_no_events_is_not_served(client, path, log):
    for number in range(12):
        assert client.join(f"deaf {number}", path, "slow")[0] == 200
    # They are more than may wait, and delay nobody.
    assert "photo.png is restored." in client.restore("listener", path, "fast")
    time.sleep(3)
    assert log() == ["fast begins", "fast ends"]


def test_a_disconnected_client_is_cancelled(client, path, log):
    client.join("leaver", path, "slow")
    connection, response = client.listen("leaver")
    wait_until(lambda: log() == ["slow begins"])
    client.join("also-leaving", path, "slow")
    also_connection, also_response = client.listen("also-leaving")
    while b"1 photo is before yours" not in also_response.readline():
        pass
    for each in (response, connection, also_response, also_connection):
        each.close()
    assert "photo.png is restored." in client.restore("stayer", path, "fast")
    # The second request may have begun before its client timed out.
    done = log()
    assert done[-2:] == ["fast begins", "fast ends"] and "slow ends" not in done
    assert done.count("slow is dropped") == done.count("slow begins")


def test_a_client_has_one_request(client, path, log):
    # They are more than may wait; each cancels the one before.
    for _ in range(12):
        assert client.join("greedy", path, "slow")[0] == 200
    greedy = client.listen("greedy")
    wait_until(lambda: log()[-1:] == ["slow begins"])
    client.join("patient", path, "fast")
    connection, response = client.listen("patient")
    events = response.readline()
    while not any(words in events for words in [b"before yours", b"is restored", b"the limit"]):
        events = response.readline()
        assert events
    for each in reversed(greedy):
        each.close()
    events += response.read()
    connection.close()
    assert b"photo.png is restored." in events and b"photos are before yours" not in events and b"the limit" not in events


def test_large_requests_and_requests_without_a_length_are_rejected(client):
    kind = form(b"")[1]
    connection, response = client.send("POST", UPLOAD, None, Content_Type=kind, Content_Length=str(17 * MIB))
    assert response.status == 413
    connection.close()
    assert client.request("POST", UPLOAD, None, Content_Type=kind, Transfer_Encoding="chunked")[0] == 411
    assert client.request("POST", JOIN, b" " * (MIB // 8), Content_Type="application/json")[0] == 413
    # Gradio's own limit of a file.
    assert client.upload(b" " * (16 * MIB + 1))[0] == 413


def test_slow_uploads_do_not_block_others(client, content):
    slow = []
    for _ in range(8):
        slow.append(socket.create_connection(("127.0.0.1", client.port)))
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: {client.own}\r\nContent-Type: {form(b'')[1]}\r\nContent-Length: 1000\r\n\r\n-"
        slow[-1].sendall(head.encode())
    rejected = wait_until(lambda: (response := client.upload(content))[0] != 200 and response)
    assert rejected == (503, "8 photos are already being uploaded, which is the limit. Try again later.")
    for each in slow:
        each.settimeout(10)
        assert each.recv(100).startswith(b"HTTP/1.1 408 ")
        each.close()
    assert client.upload(content)[0] == 200


def test_the_disk_is_not_filled(client, folder, content):
    def used():
        return sum(path.stat().st_size for path in (folder / "temporary").rglob("*") if path.is_file())

    responses = [client.upload(os.urandom(12 * MIB)) for _ in range(4)]
    assert [status for status, _ in responses] == [200, 200, 503, 503] and used() < 32 * MIB
    assert responses[-1][1] == "The storage of this page is full. Try again later, when older photos have been deleted."
    for path in (folder / "temporary").rglob("photo.png"):
        path.unlink()
    assert client.upload(content)[0] == 200


def test_a_page_behind_a_reverse_proxy(folder, content):
    url = "https://photos.example.com/deblur"
    (port,) = free_ports(1)
    program = SERVE.replace("limits=", f"url={url!r}, limits=")
    with serving(program, port, folder / "log", port=port) as (client, _, message):
        assert message == f"{url}\n"
        # Proxies pass the name on, or replace it by the address that they connect to.
        for host in ("photos.example.com", client.own):
            for method, route in [("GET", "/"), ("GET", "/config")]:
                status, body = client.request(method, route, Host=host, Sec_Fetch_Site="same-origin")
                assert status == 200 and url in body
            own = {"Host": host, "Origin": "https://photos.example.com"}
            assert client.upload(content, **own, Sec_Fetch_Site="same-origin")[0] == 200
            for origin in ("https://evil.example", "http://photos.example.com.evil.example", "null"):
                assert client.upload(content, Host=host, Origin=origin)[0] == 403
        assert client.upload(content, Host="evil.example", Origin="https://photos.example.com")[0] == 403
        path = json.loads(client.upload(content, Origin="https://photos.example.com")[1])[0]
        assert f"{url}/gradio_api/file=" in client.restore("proxied", path, "fast")


@pytest.fixture(scope="module")
def public_page(micro_workdir, folder):
    """A Client and the printed lines of icdpm-serve for other computers, with a password."""
    (folder / "password").write_text("correct horse battery\n")
    (port,) = free_ports(1)
    arguments = [f"--workdir={micro_workdir}", f"--port={port}", "--host=0.0.0.0", f"--password_file={folder / 'password'}"]
    run = "import sys; sys.argv[0] = 'icdpm-serve'; from icdpm.commands.serve import run; run()"
    with serving(run, *arguments, port=port) as (client, server, message):
        yield client, message + server.stdout.readline() + server.stdout.readline()


def test_a_public_page_requires_the_password(public_page, folder, content):
    client, message = public_page
    assert message == (
        f"open http://localhost:{client.port}/ in a browser; Ctrl-C stops the server\n"
        f"the page requires the password in {folder / 'password'}\n"
        "other computers can open it with the password; the connection is not encrypted\n"
    )
    # DNS rebinding needs a name, so all IP addresses are accepted, and the computer's own names.
    for name, status in [("192.168.1.7", 200), (socket.gethostname(), 200), ("evil.example", 403)]:
        assert client.request("GET", "/", Host=f"{name}:{client.port}")[0] == status
    assert client.request("GET", "/config")[0] == 401 and client.upload(content)[0] == 401
    assert client.request("POST", JOIN, b"{}", Content_Type="application/json")[0] == 401
    assert client.request("GET", LISTEN + "a")[0] == 401

    def log_in(password):
        body = f"username=anyone&password={password}".encode()
        connection, response = client.send("POST", "/login", body, Content_Type="application/x-www-form-urlencoded")
        connection.close()
        return response.status, "; ".join(each.split(";")[0] for each in response.headers.get_all("set-cookie", []))

    assert log_in("correct+horse+batterY") == (400, "")
    status, cookie = log_in("correct+horse+battery")
    assert status == 200
    assert client.request("GET", "/config", Cookie=cookie)[0] == 200 and client.upload(content, Cookie=cookie)[0] == 200


def test_login_in_a_browser(public_page, browser):
    client, _ = public_page

    def wait_for(text):
        return wait_until(lambda: text in browser.execute_script("return document.body?.innerText ?? ''"), timeout=40)

    browser.get(f"http://localhost:{client.port}/")
    wait_for("any user name")
    name, password = browser.find_elements("css selector", "input")[:2]
    name.send_keys("anyone")
    password.send_keys("correct horse battery")
    browser.find_element("css selector", "button").click()
    wait_for("Preset")
    browser.get("about:blank")


def test_another_site_in_a_browser(client, folder, browser):
    """Scripts of other sites may send requests without a preflight: the request is rejected, not only its response hidden."""
    script = """
        const [own, done] = arguments;
        const form = new FormData();
        form.append("files", new Blob(["photo"]), "foreign.png");
        fetch(own + "/gradio_api/upload", {method: "POST", body: form, mode: "no-cors"}).then(
            answer => done(answer.type), error => done("failed"));
    """

    def count_stored():
        return len(list((folder / "temporary").rglob("foreign.png")))

    browser.get(f"http://127.0.0.1:{client.port}/theme.css")
    assert browser.execute_async_script(script, f"http://127.0.0.1:{client.port}") == "basic" and count_stored() == 1
    next((folder / "temporary").rglob("foreign.png")).unlink()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.handle_request).start()
        browser.get(f"http://127.0.0.1:{other.server_port}/")
    assert browser.execute_async_script(script, f"http://127.0.0.1:{client.port}") == "opaque"
    assert count_stored() == 0
    browser.get("about:blank")
