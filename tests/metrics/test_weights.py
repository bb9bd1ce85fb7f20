"""Cache and download of published weights, from a server of this test."""

import hashlib
import http.server
import threading

import pytest

from icdpm.errors import IcdpmError
from icdpm.metrics import weights
from icdpm.metrics.weights import MetricUnavailable, WeightsFile, cached_weights, prepare_weights, weights_folder

CONTENTS = {"small.npz": b"a few numbers", "large.pth": bytes(range(256)) * 5000}


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if "absent" in self.path:
            self.send_error(404)
            return
        contents = CONTENTS[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        if "cut" in self.path:
            contents = contents[:1000]
        if "changed" in self.path:
            contents = contents[::-1]
        self.wfile.write(contents)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture
def files(server, tmp_path, monkeypatch):
    """Replaces the catalog by two files: `niqe` needs the small one, `fid` both."""
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def cataloged(folder=""):
        small, large = (
            WeightsFile(name, f"{server}{folder}/{name}", len(contents), hashlib.sha256(contents).hexdigest())
            for name, contents in CONTENTS.items()
        )
        monkeypatch.setitem(weights.WEIGHTS, "niqe", [small])
        monkeypatch.setitem(weights.WEIGHTS, "fid", [small, large])
        return small, large

    for metric in list(weights.WEIGHTS):
        monkeypatch.delitem(weights.WEIGHTS, metric)
    return cataloged


def stored():
    folder = weights_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_missing_files_are_downloaded(files, capfd):
    small, large = files()
    assert prepare_weights("niqe") == f"ready: small.npz in {weights_folder()}"
    assert stored() == ["small.npz"]
    before = cached_weights(small).stat().st_mtime_ns
    assert prepare_weights() == f"ready: small.npz, large.pth in {weights_folder()}"
    assert cached_weights(large).read_bytes() == CONTENTS["large.pth"]
    assert cached_weights(small).stat().st_mtime_ns == before
    assert "large.pth" in capfd.readouterr().err  # the progress bar


def test_a_damaged_file_raises_and_is_replaced(files):
    small, _ = files()
    prepare_weights("niqe")
    (weights_folder() / "small.npz").write_bytes(b"some different")
    with pytest.raises(IcdpmError, match="small.npz has 14 bytes, not 13 as published; run icdpm-prepare weights/niqe"):
        cached_weights(small)
    (weights_folder() / "small.npz").write_bytes(b"other numbers")
    with pytest.raises(IcdpmError, match="small.npz has the sha256 .*, not .* as published") as error:
        cached_weights(small)
    assert not isinstance(error.value, MetricUnavailable)
    prepare_weights("niqe")
    assert cached_weights(small).read_bytes() == CONTENTS["small.npz"]


def test_the_error_of_missing_weights_names_the_command(files, server):
    small, large = files()
    with pytest.raises(MetricUnavailable, match="small.npz are not in .*: run icdpm-prepare weights/niqe") as error:
        cached_weights(small)
    assert "--source=FILE" in str(error.value) and server in str(error.value)
    with pytest.raises(MetricUnavailable, match="icdpm-prepare weights/fid"):
        cached_weights(large)


@pytest.mark.parametrize(
    "folder, message",
    [
        ("/absent", r"cannot download http.*/absent/large.pth \(HTTP Error 404: Not Found\); .*--source=FILE"),
        ("/cut", "the download of http.*/cut/large.pth has 1,000 bytes"),
        ("/changed", "the download of http.*/changed/large.pth has the sha256"),
    ],
)
def test_a_failed_download_leaves_nothing(files, folder, message):
    files()
    prepare_weights("niqe")
    files(folder)
    with pytest.raises(IcdpmError, match=message):
        prepare_weights("fid")
    assert stored() == ["small.npz"]


def test_a_missing_network_is_a_one_line_error(files, monkeypatch):
    small, _ = files()
    monkeypatch.setitem(weights.WEIGHTS, "niqe", [small._replace(address="http://nowhere.invalid/small.npz")])
    with pytest.raises(IcdpmError, match=r"cannot download http://nowhere.invalid/small.npz \(.+\); try again later") as error:
        prepare_weights("niqe")
    assert "\n" not in str(error.value) and stored() == []


def test_files_are_identified_by_their_contents(files, tmp_path):
    files()
    downloads = tmp_path / "downloads" / "old"
    downloads.mkdir(parents=True)
    (downloads / "large (1).pth").write_bytes(CONTENTS["large.pth"])
    (downloads / "small.npz").write_bytes(b"other numbers")
    ready = prepare_weights(source=tmp_path / "downloads")
    assert ready == f"ready: large.pth in {weights_folder()}; still missing: small.npz"
    (downloads / "x").write_bytes(CONTENTS["small.npz"])
    assert prepare_weights("niqe", downloads / "x") == f"ready: small.npz in {weights_folder()}"
    assert stored() == ["large.pth", "small.npz"]
    assert prepare_weights(source=downloads).startswith("ready: small.npz, large.pth")


def test_a_source_without_the_files_raises(files, tmp_path):
    files()
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(IcdpmError, match=r"notes.txt has none of the missing weights as published.*small.npz \(sha256 "):
        prepare_weights("niqe", tmp_path / "notes.txt")
    with pytest.raises(IcdpmError, match="nowhere does not exist"):
        prepare_weights("niqe", tmp_path / "nowhere")
    with pytest.raises(IcdpmError, match="metrics that need weights are niqe, fid. Received: weights/psnr"):
        prepare_weights("psnr")


def test_the_catalog_is_well_formed():
    every = {file for files in weights.WEIGHTS.values() for file in files}
    assert len({file.name for file in every}) == len(every) == 6
    for file in every:
        assert file.address.startswith("https://") and len(bytes.fromhex(file.sha256)) == 32
        # PyTorch's convention: a name ends with the checksum's first eight digits.
        stem = file.name.rpartition(".")[0]
        if file.name not in ("niqe_pris_params.npz", "lpips-v0.1-alex.pth", "lpips-v0.1-vgg.pth"):
            assert stem.endswith(file.sha256[:8]) and file.address.endswith(file.name)


def test_the_published_files_have_their_checksums(parity_folder):
    for file, place in (
        (weights.NIQE, "niqe/niqe_pris_params.npz"),
        (weights.LPIPS_ALEX, "lpips/v0.1/alex.pth"),
        (weights.LPIPS_VGG, "lpips/v0.1/vgg.pth"),
    ):
        contents = (parity_folder / place).read_bytes()
        assert (len(contents), hashlib.sha256(contents).hexdigest()) == (file.size, file.sha256)
