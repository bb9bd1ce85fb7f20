"""icdpm-deblur --server on a machine without TensorFlow."""

import subprocess
import sys

import numpy as np
import PIL.Image

from icdpm.images.reading import read_image
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore

SEED, SAMPLES = 5, 3
RUN = """
import sys

MISSING = ("tensorflow", "tensorflow_addons", "tensorflow_datasets", "keras", "ml_collections", "skimage")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in MISSING:
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
sys.argv[0] = "icdpm-deblur"
from icdpm.commands.deblur import run
run()
"""


def deblur(*arguments):
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_an_album(tmp_path, stand_in, micro_workdir):
    """What stays of a photo, what fails alone, and what is left half-done by nobody."""
    album, out = tmp_path / "album", tmp_path / "out"
    (album / "trip").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"  # lying on its side
    PIL.Image.fromarray(pixels[..., :3]).save(album / "trip/turned.jpg", exif=exif, icc_profile=b"a profile")
    PIL.Image.fromarray(pixels).save(album / "alpha.png")
    PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(album / "deep.png")
    PIL.Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(album / "large.png")
    (album / "broken.png").write_bytes(b"broken")
    stand_in.mishaps.append((503, "1"))
    status, said = deblur(album, f"--server={stand_in.url}", f"--output={out}", "--compare")
    assert status == 1 and "3 restored, 2 failed" in said
    assert "large.png was refused by" in said and "the image has 200 x 300 pixels" in said
    assert "broken.png is not a picture" in said
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    names = ["alpha.compare.png", "alpha.png", "deep.compare.png", "deep.png", "trip/turned.compare.png", "trip/turned.jpg"]
    assert made == names
    model = load(micro_workdir)
    settings = model.settings(samples=SAMPLES)
    for name in ("alpha.png", "deep.png"):
        photo, restored = read_image(album / name), read_image(out / name)
        np.testing.assert_array_equal(restored.pixels, restore(model, photo.pixels, settings, seed=SEED).pixels)
        if photo.alpha is not None:
            np.testing.assert_array_equal(restored.alpha, photo.alpha)
    turned = read_image(out / "trip/turned.jpg")
    assert turned.pixels.shape == (30, 20, 3) and turned.icc_profile == b"a profile" and b"Camera" in turned.exif


def test_what_cannot_be_is_one_sentence(tmp_path, stand_in):
    photo, other = tmp_path / "photo.png", tmp_path / "out"
    PIL.Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(photo)
    server, output = f"--server={stand_in.url}", f"--output={other}"
    for arguments, status, said in [
        ([photo, output, "--timeout=3"], 2, "--timeout is for --server"),
        ([photo, server, output, "--workdir=run"], 2, "name the model by either --workdir or --server"),
        ([photo, server, output, "--steps=3"], 2, "--steps is not for --server"),
        ([photo, server, output, "--overwrite", "--skip_existing"], 2, "exclude each other"),
        ([photo, server, output, "--shard=2/2"], 2, "NUMBER/COUNT"),
        (["-", server, "--output=-", "--shard=0/2"], 2, "not standard input"),
        ([photo, "--server=localhost:8501", output], 1, "localhost:8501 is not the URL of a server"),
    ]:
        ended, message = deblur(*arguments)
        assert ended == status and said in message, message
    assert stand_in.requests == [] and not other.exists()
