"""What strangers may try on the page, as requests to a real server on loopback."""

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

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="no Gradio: the page is tested where icdpm[serve] is installed"
)

# A model that tells of what it does, and bounds that are soon reached.
SERVE = """
import functools, sys, time
from icdpm.restoration.result import Restored
from icdpm.serving import listeners, page_server, uploads
from icdpm.serving.visits import Visits

class Model:
    presets = {"fast": "one step", "slow": "half a minute"}

    def restore(self, pixels, preset, on_progress):
        said = open(sys.argv[2], "a", buffering=1)
        said.write(f"{preset} begins\\n")
        steps = 1 if preset == "fast" else 600
        try:
            for step in range(steps):
                on_progress(step, steps)
                time.sleep(0.05)
        except BaseException:
            said.write(f"{preset} is dropped\\n")
            raise
        said.write(f"{preset} ends\\n")
        return Restored(255 - pixels)

listeners.Listeners = functools.partial(listeners.Listeners, patience=2.0)
uploads._GRACE = 2.0
page_server._MOST_PHOTOS = 2
page_server.serve_page(
    Visits(Model(), 100_000), "127.0.0.1", int(sys.argv[1]), on_ready=lambda url: print(url, flush=True)
)
"""
JOIN, LISTEN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash=", "/gradio_api/upload"
MIB = 2**20


def until(holds, patience=20):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


@contextlib.contextmanager
def serving(program, *arguments, port, **environment):
    """Runs a server; gives a Client of it and the lines that it has said."""
    server = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    complaints = []
    reader = threading.Thread(target=lambda: complaints.extend(server.stderr))
    reader.start()
    try:
        said = server.stdout.readline()
        assert said, "".join(complaints)
        yield Client(port), server, said
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        reader.join()


class Client:
    """Sends requests as any program can."""

    def __init__(self, port):
        self.port, self.own = port, f"127.0.0.1:{port}"

    def send(self, method, path, body=None, **headers):
        """The open connection, and the answer whose body is still to come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": self.own, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection, connection.getresponse()

    def ask(self, method, path, body=None, **headers):
        """(status, body)"""
        connection, answer = self.send(method, path, body, **headers)
        with contextlib.closing(connection):
            return answer.status, answer.read().decode()

    def upload(self, content, **headers):
        """(status, body) of sending a photo."""
        body, kind = form(content)
        return self.ask("POST", UPLOAD, body, Content_Type=kind, **headers)

    def join(self, visitor, path, preset):
        """(status, body) of asking for a restoration; nobody listens to what becomes of it."""
        config = json.loads(self.ask("GET", "/config")[1])
        number = next(each["id"] for each in config["dependencies"] if len(each["inputs"]) == 2)
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        body = json.dumps({"data": [file, preset], "fn_index": number, "session_hash": visitor}).encode()
        return self.ask("POST", JOIN, body, Content_Type="application/json")

    def listen(self, visitor):
        """The open connection and the answer that tells what becomes of what the visitor asked for."""
        return self.send("GET", LISTEN + visitor)

    def restore(self, visitor, path, preset):
        """All that a visitor is told."""
        assert self.join(visitor, path, preset)[0] == 200
        connection, answer = self.listen(visitor)
        with contextlib.closing(connection):
            return answer.read().decode()


def form(content):
    """(the body of an upload, its Content-Type)"""
    head = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="photo.png"\r\n\r\n'
    return head + content + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


@pytest.fixture(scope="module")
def picture():
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
def path(client, picture):
    """Of a photo that has been sent."""
    status, said = client.upload(picture)
    assert status == 200
    return json.loads(said)[0]


@pytest.fixture
def log(client, folder):
    """What the model has done in this test."""
    (folder / "log").write_text("")
    return lambda: (folder / "log").read_text().splitlines()


def test_dns_rebinding(client, picture):
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"]:
        assert client.ask("GET", "/", Host=f"{name}:{client.port}")[0] == 200
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7", "", "[", "a@evil.example"]:
        host = f"{name}:{client.port}"
        for method, route in [("GET", "/"), ("GET", "/config"), ("GET", LISTEN + "a"), ("POST", JOIN)]:
            status, said = client.ask(method, route, b"" if method == "POST" else None, Host=host, Origin=f"http://{host}")
            assert status == 403 and said.startswith("This page is not called")
        assert client.upload(picture, Host=host)[0] == 403


def test_other_sites(client, picture):
    strangers = ["http://evil.example", "null", f"http://localhost:{client.port + 1}", f"https://{client.own}", ""]
    for origin in strangers:
        # Posts, streams of events, and what any site may send without asking first.
        for method, route in [
            ("POST", JOIN),
            ("POST", "/gradio_api/run/predict"),
            ("POST", "/login"),
            ("GET", LISTEN + "a"),
            ("GET", "/gradio_api/heartbeat/a"),
        ]:
            assert client.ask(method, route, b"{}" if method == "POST" else None, Origin=origin)[0] == 403
        assert client.upload(picture, Origin=origin)[0] == 403
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "a" * 24}
    assert client.ask("GET", LISTEN + "a", Origin="http://evil.example", **handshake)[0] == 403
    assert client.upload(picture, Origin=f"http://{client.own}")[0] == 200
    # Pictures and frames of other sites come without an origin; links do too.
    foreign = {"Sec_Fetch_Site": "cross-site"}
    assert client.ask("GET", LISTEN + "a", Sec_Fetch_Mode="no-cors", **foreign)[0] == 403
    assert client.ask("GET", "/gradio_api/heartbeat/a", Sec_Fetch_Mode="navigate", **foreign)[0] == 403
    assert client.ask("GET", "/", Sec_Fetch_Mode="navigate", **foreign)[0] == 200


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
def test_what_else_gradio_would_answer(client, method, route):
    assert client.ask(method, route, b"{}" if method == "POST" else None) == (404, "There is nothing here.")


def test_a_photo_elsewhere_is_not_fetched(client):
    said = client.restore("pointer", "http://evil.example/huge.png", "fast")
    assert "A photo must be sent, not named by its address." in said


def test_who_never_listens_is_never_served(client, path, log):
    for number in range(12):
        assert client.join(f"deaf {number}", path, "slow")[0] == 200
    # They are more than may wait, and hold nobody up.
    assert "photo.png is restored." in client.restore("listener", path, "fast")
    time.sleep(3)
    assert log() == ["fast begins", "fast ends"]


def test_who_leaves_is_dropped(client, path, log):
    client.join("leaver", path, "slow")
    connection, answer = client.listen("leaver")
    until(lambda: log() == ["slow begins"])
    client.join("also-leaving", path, "slow")
    waiting, also = client.listen("also-leaving")
    while b"yours is the next" not in also.readline():
        pass
    for each in (answer, connection, also, waiting):
        each.close()
    assert "photo.png is restored." in client.restore("stayer", path, "fast")
    # The second may have had its turn before it was missed.
    done = log()
    assert done[-2:] == ["fast begins", "fast ends"] and "slow ends" not in done
    assert done.count("slow is dropped") == done.count("slow begins")


def test_a_visitor_has_one_place(client, path, log):
    # They are more than may wait; each ends the one before.
    for _ in range(12):
        assert client.join("greedy", path, "slow")[0] == 200
    greedy = client.listen("greedy")
    until(lambda: log()[-1:] == ["slow begins"])
    client.join("patient", path, "fast")
    waiting, answer = client.listen("patient")
    said = answer.readline()
    while not any(words in said for words in [b"yours is the next", b"is restored", b"all that may"]):
        said = answer.readline()
        assert said
    for each in reversed(greedy):
        each.close()
    said += answer.read()
    waiting.close()
    assert b"photo.png is restored." in said and b"come before yours" not in said and b"all that may" not in said


def test_too_long_and_of_unknown_length(client):
    kind = form(b"")[1]
    connection, answer = client.send("POST", UPLOAD, None, Content_Type=kind, Content_Length=str(17 * MIB))
    assert answer.status == 413
    connection.close()
    assert client.ask("POST", UPLOAD, None, Content_Type=kind, Transfer_Encoding="chunked")[0] == 411
    assert client.ask("POST", JOIN, b" " * (MIB // 8), Content_Type="application/json")[0] == 413
    # Gradio's own bound for a file, which also the page knows.
    assert client.upload(b" " * (16 * MIB + 1))[0] == 413


def test_who_sends_slowly_keeps_nobody_from_sending(client, picture):
    slow = []
    for _ in range(8):
        slow.append(socket.create_connection(("127.0.0.1", client.port)))
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: {client.own}\r\nContent-Type: {form(b'')[1]}\r\nContent-Length: 1000\r\n\r\n-"
        slow[-1].sendall(head.encode())
    status, said = until(lambda: (answer := client.upload(picture))[0] != 200 and answer)
    assert (status, said) == (503, "8 photos are being sent already, which is all that may; try again later.")
    for each in slow:
        each.settimeout(10)
        assert each.recv(100).startswith(b"HTTP/1.1 408 ")
        each.close()
    assert client.upload(picture)[0] == 200


def test_the_disk_is_not_filled(client, folder, picture):
    def held():
        return sum(path.stat().st_size for path in (folder / "temporary").rglob("*") if path.is_file())

    said = [client.upload(os.urandom(12 * MIB)) for _ in range(4)]
    assert [status for status, _ in said] == [200, 200, 503, 503] and held() < 32 * MIB
    assert said[-1][1] == "this page holds as many photos as it may; try again later, when older ones have been deleted."
    for path in (folder / "temporary").rglob("photo.png"):
        path.unlink()
    assert client.upload(picture)[0] == 200


@pytest.fixture(scope="module")
def page_for_others(micro_workdir, folder):
    """(a Client, what was said) of icdpm-serve that lets in other computers who know a password."""
    (folder / "password").write_text("correct horse battery\n")
    (port,) = free_ports(1)
    arguments = [f"--workdir={micro_workdir}", f"--port={port}", "--host=0.0.0.0", f"--password_file={folder / 'password'}"]
    run = "import sys; sys.argv[0] = 'icdpm-serve'; from icdpm.commands.serve import run; run()"
    with serving(run, *arguments, port=port) as (client, server, said):
        yield client, said + server.stdout.readline() + server.stdout.readline()


def test_a_page_for_others_asks_for_the_password(page_for_others, folder, picture):
    client, said = page_for_others
    assert said == (
        f"open http://localhost:{client.port}/ in a browser; Ctrl-C stops it\n"
        f"whoever opens it is asked for the password in {folder / 'password'}\n"
        "it lets in those who know it, from other computers too; what they send is not encrypted on its way\n"
    )
    # An address cannot be rebound, and is all that some know this computer by; a name is ours or a stranger's.
    for name, status in [("192.168.1.7", 200), (socket.gethostname(), 200), ("evil.example", 403)]:
        assert client.ask("GET", "/", Host=f"{name}:{client.port}")[0] == status
    assert client.ask("GET", "/config")[0] == 401 and client.upload(picture)[0] == 401
    assert client.ask("POST", JOIN, b"{}", Content_Type="application/json")[0] == 401
    assert client.ask("GET", LISTEN + "a")[0] == 401

    def log_in(password):
        body = f"username=anyone&password={password}".encode()
        connection, answer = client.send("POST", "/login", body, Content_Type="application/x-www-form-urlencoded")
        connection.close()
        return answer.status, "; ".join(each.split(";")[0] for each in answer.headers.get_all("set-cookie", []))

    assert log_in("correct+horse+batterY") == (400, "")
    status, cookie = log_in("correct+horse+battery")
    assert status == 200
    assert client.ask("GET", "/config", Cookie=cookie)[0] == 200 and client.upload(picture, Cookie=cookie)[0] == 200


def test_people_log_in(page_for_others, browser):
    client, _ = page_for_others

    def sees(text):
        return until(lambda: text in browser.execute_script("return document.body?.innerText ?? ''"), patience=40)

    browser.get(f"http://localhost:{client.port}/")
    sees("any name will do")
    name, password = browser.find_elements("css selector", "input")[:2]
    name.send_keys("anyone")
    password.send_keys("correct horse battery")
    browser.find_element("css selector", "button").click()
    sees("Preset")
    browser.get("about:blank")


def test_another_page_in_a_browser(client, folder, browser):
    """A stranger's page asks, as scripts may, for what needs no leave: its requests are refused, not only their answers."""
    script = """
        const [own, done] = arguments;
        const form = new FormData();
        form.append("files", new Blob(["photo"]), "foreign.png");
        fetch(own + "/gradio_api/upload", {method: "POST", body: form, mode: "no-cors"}).then(
            answer => done(answer.type), error => done("failed"));
    """

    def taken():
        return len(list((folder / "temporary").rglob("foreign.png")))

    browser.get(f"http://127.0.0.1:{client.port}/theme.css")
    assert browser.execute_async_script(script, f"http://127.0.0.1:{client.port}") == "basic" and taken() == 1
    next((folder / "temporary").rglob("foreign.png")).unlink()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as stranger:
        threading.Thread(target=stranger.handle_request).start()
        browser.get(f"http://127.0.0.1:{stranger.server_port}/")
    assert browser.execute_async_script(script, f"http://127.0.0.1:{client.port}") == "opaque"
    assert taken() == 0
    browser.get("about:blank")
