"""Fixtures that all tests share."""

import fcntl
import gc
import io
import os
import shutil
import signal
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import processes
import pytest
from PIL.ExifTags import Base

PEAK_MEMORY = Path(__file__).with_name("peak_memory.py").read_text()
# XLA reads this when it first compiles. Optimization by LLVM takes most of the time, and the tests do not depend on it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Processes that a shell starts in the background ignore SIGINT, and their children inherit this. Tests send SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Python config file; the JSON text of the config is filled in.
CONFIG = """
from icdpm.models.config import config_from_json
def get_config():
    return config_from_json({text!r})
"""


@pytest.fixture(scope="module", autouse=True)
def collected():
    """Frees compiled functions after the tests of each file, instead of during the tests of the next file."""
    yield
    if "tensorflow" in sys.modules:
        gc.collect()
        if not gc.get_freeze_count():
            gc.freeze()  # TensorFlow's own objects stay: later collections examine only what tests have added


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Returns a function (program, arguments, environment, cwd) that starts a `processes.Process`."""
    started = []

    def start(program, arguments=(), environment=None, cwd=None):
        started.append(processes.Process(program, arguments, tmp_path_factory.mktemp("output"), environment, cwd))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture(scope="session")
def run_each(start):
    """Returns a function (command, [arguments of each run], environment) that runs a command repeatedly.

    It returns a `subprocess.CompletedProcess` for each run.
    """

    def run_each(command, cases, environment=None):
        return [processes.completed(start(processes.of_command(command), case, environment)) for case in cases]

    return run_each


@pytest.fixture
def peak_memory():
    """Source of the function `peak_memory()`, to be put before a program that calls it."""
    return PEAK_MEMORY


@pytest.fixture
def micro_config():
    """Config of the smallest guided model, in float32. A training step takes milliseconds."""
    return _micro_config()


@pytest.fixture
def regression_config():
    """Config of a regression UNet, for tests that hold for every model. It is traced in a third of the time."""
    return _regression_config()


@pytest.fixture(scope="session")
def write_config():
    """Returns a function (file, config) that writes a Python config file."""
    from icdpm.models.config import config_to_json

    return lambda file, config: file.write_text(CONFIG.format(text=config_to_json(config)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """Returns a function (name, make) that returns a folder of that name, which all processes of pytest-xdist share.

    The first process calls `make` with the path of a new folder. Tests do not change the folder.
    """
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    root.mkdir(exist_ok=True)

    def shared_folder(name, make):
        folder = root / name
        with open(root / f"{name.replace('/', '-')}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = tmp_path_factory.mktemp("made") / "folder"
                make(made)
                folder.parent.mkdir(parents=True, exist_ok=True)
                made.rename(folder)
        return folder

    return shared_folder


@pytest.fixture(scope="session")
def prepared_runs(shared_folder, write_config):
    """Folder with the config files guided.py (NAF blocks) and regression.py (residual blocks), and data/ of ten pairs.

    Tests do not change it.
    """

    def make(folder):
        folder.mkdir()
        guided = _micro_config()
        guided.unet.block, guided.unet.blocks = "naf", (1, 1, 1)
        for name, config in (("guided", guided), ("regression", _regression_config())):
            write_config(folder / f"{name}.py", config)
        pairs = RandomPairs()
        for side, images in (("blur", pairs.blurry), ("sharp", pairs.sharp)):
            (folder / "data" / side).mkdir(parents=True)
            for name, image in zip(pairs.names, images):
                PIL.Image.fromarray(image).save(folder / "data" / side / f"{name}.png")

    return shared_folder("prepared", make)


@pytest.fixture(scope="session")
def micro_model():
    """Untrained model of `micro_config`. Tests do not change its weights."""
    from icdpm.models.registry import build_model

    return build_model(_micro_config())


@pytest.fixture(scope="session")
def micro_workdir(shared_folder):
    """Workdir of a run of 6 steps, with the weights of an untrained model. Tests do not change it."""
    from icdpm.models.config import config_to_json
    from icdpm.models.registry import build_model
    from icdpm.models.weights import named_variables, save_weights
    from icdpm.models.workdir import config_file, weights_file

    def make(folder):
        model = build_model(_micro_config())
        folder.mkdir()
        config_file(folder).write_text(config_to_json(model.config))
        save_weights(weights_file(folder, 6), named_variables(model))

    return shared_folder("run/micro", make)


def _micro_config():
    from icdpm.models.config import check_config

    config = _small_config("icdpm")
    config.guidance.scales = (1,)
    config.guidance.channels = 4
    config.guidance.middle_blocks = 1
    config.optimizer.noise_loss_ramp = 3
    config.sampling.steps = 3
    config.sampling.max_noise_variance = 0.9
    return check_config(config)


def _regression_config():
    from icdpm.models.config import check_config

    config = _small_config("regression")
    config.unet.middle_blocks = 1
    return check_config(config)


def _small_config(model):
    from icdpm.models.config import default_config

    config = default_config(model)
    config.name = "micro"
    config.precision = "float32"
    config.unet.channels = 4
    config.unet.multipliers = (1, 2)
    config.unet.encoder_blocks = 1
    config.unet.zero_last = False
    config.optimizer.learning_rate = 1e-3
    config.optimizer.learning_rate_ramp = 2
    config.data.batch = 4
    config.data.crop = 16
    config.run.steps = 6
    config.run.log_every = 1
    config.run.validate_every = 3
    config.run.checkpoint_every = 2
    config.run.validation_images = 2
    return config


@pytest.fixture
def bad_photos(tmp_path, bombs):
    """Files that cannot be restored, in one folder: {path: words of its error message}."""
    folder = tmp_path / "böse Fotos"
    folder.mkdir()
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    messages = {"no such file.png": "does not exist", "folder.png": "is not a file"}
    (folder / "folder.png").mkdir()

    def file(name, content, words):
        (folder / name).write_bytes(content)
        messages[name] = words

    def saved(file_format, image=image, **options):
        buffer = io.BytesIO()
        image.save(buffer, file_format, **options)
        return buffer.getvalue()

    file("empty.jpg", b"", "is empty")
    file("text.png", b"not an image\n", "is not an image")
    file("only a header.png", saved("PNG")[:20], "is damaged")
    for name in ("png", "jpeg", "tiff", "webp", "bmp"):
        content = saved(name)
        file(f"truncated.{name}", content[: len(content) // 2], "is damaged")
    deep = PIL.Image.fromarray(np.arange(10000, dtype=np.uint16).reshape(100, 100))
    for name in ("png", "tiff"):
        content = saved(name, deep)
        file(f"truncated 16 bits.{name}", content[: len(content) // 2], "is damaged")
    for name, content in bombs.items():
        file(f"bomb {name}", content, "pixels" if "too many" in name else "GiB when it is decoded")
    file("a GIF, really.png", saved("GIF", image.quantize(16)), "is a GIF file")
    frames = [PIL.Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for name in ("gif", "png", "webp"):
        file(f"animation.{name}", saved(name, frames[0], save_all=True, append_images=frames[1:]), "is an animation")
    file("pages.tif", saved("TIFF", frames[0], save_all=True, append_images=frames[1:]), "has several pages")
    file("pages 16 bits.tif", saved("TIFF", deep, save_all=True, append_images=[deep]), "has several pages")
    file("floats.tif", saved("TIFF", PIL.Image.new("F", (8, 8))), "has 32 bits per channel")
    file("lab.tif", saved("TIFF", PIL.Image.new("LAB", (8, 8))), "has the color mode LAB")
    if os.geteuid() != 0:
        file("protected.png", saved("PNG"), "cannot be read: Permission denied")
        (folder / "protected.png").chmod(0)
    return {folder / name: words for name, words in messages.items()}


@pytest.fixture(scope="session")
def bombs():
    """Decompression bombs, {name: content}: files named "too many" have too many pixels, the others too many bytes."""
    return {
        "too many.png": _png_header(60000, 60000, 8, 2),
        "too many 16 bits.png": _png_header(60000, 60000, 16, 2),
        "too many.bmp": struct.pack("<2sIIIIIIHH24x", b"BM", 54, 0, 54, 40, 60000, 60000, 1, 24),
        "too many.gif": b"GIF89a" + struct.pack("<HHBBBcHHHHB", 60000, 60000, 0, 0, 0, b",", 0, 0, 60000, 60000, 0) + b"\2\0;",
        "too many.webp": _webp_header(16383, 16383),
        "too many.tif": bomb_tiff(60000, 60000, 3, 8),
        "too many 16 bits.tif": bomb_tiff(60000, 60000, 3, 16),
        "16 bits.png": _png_header(13000, 13000, 16, 6),
        "16 channels.tif": bomb_tiff(13000, 13000, 16, 16),
        "16 channels of 8 bits.tif": bomb_tiff(13000, 13000, 16, 8),
        "tile.tif": bomb_tiff(100, 100, 3, 8, tile=60000),
        "tile of 16 bits.tif": bomb_tiff(100, 100, 3, 16, tile=60000),
    }


def bomb_tiff(width, height, channels, bits, tile=None):
    """Returns a complete TIFF file whose strips or tiles all refer to the same deflated block of zeros."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2()
    directory[Base.ImageWidth], directory[Base.ImageLength] = width, height
    directory[Base.BitsPerSample] = (bits,) * channels
    directory[Base.SamplesPerPixel] = channels
    directory[Base.ExtraSamples] = (0,) * (channels - 3)
    directory[Base.PhotometricInterpretation] = 2
    directory[Base.Compression] = 8
    block = zlib.compress(bytes(width * channels * bits // 8))
    if tile:
        directory[322], directory[323] = tile, tile
        directory[324], directory[325] = 0, len(block)
    else:
        directory[Base.RowsPerStrip] = 1
        directory[Base.StripOffsets], directory[Base.StripByteCounts] = (0,) * height, (len(block),) * height
    file = io.BytesIO()
    directory.save(file)
    # Pillow counts offsets from the end of the directory, but corrects only the first of several.
    places = struct.pack("<I", file.tell()), bytes(4)
    content = file.getvalue()
    return content.replace(places[1] * (height - 1), places[0] * (height - 1)) + block


def _png_header(width, height, bits, kind):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def _webp_header(width, height):
    data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(20)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


class RandomPairs:
    """`PairSource` of a few small images of noise."""

    description = "random pairs"

    def __init__(self, count=10, size=24):
        rng = np.random.default_rng(0)
        self.sharp = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        self.blurry = ((self.sharp.astype(np.uint16) + np.roll(self.sharp, 1, axis=1)) // 2).astype(np.uint8)
        self.names = [f"pair_{i}" for i in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        return self.blurry[index], self.sharp[index]

    def check_crop(self, crop):
        pass


@pytest.fixture
def random_pairs():
    return RandomPairs()


@pytest.fixture
def batch():
    """Batch {'blurry', 'sharp', 'index'} of 4 crops of 16×16."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    sharp = rng.uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    blurry = (sharp + np.roll(sharp, 1, axis=1)) / 2
    return {"blurry": tf.constant(blurry), "sharp": tf.constant(sharp), "index": tf.range(4, dtype=tf.int64)}


@pytest.fixture(scope="module")
def browser(started_browser):
    """Headless Chromium of 1280×800 with an empty log. It downloads files to the folder `browser.downloads`."""
    started_browser.get("about:blank")
    started_browser.get_log("browser")
    return started_browser


@pytest.fixture(scope="session")
def started_browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no browser: pages are tested where chromium and chromedriver are installed")
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    switches = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    switches += " disable-component-update disable-sync window-size=1280,800"
    switches += " force-prefers-reduced-motion"  # scrolling has ended before the next command
    for switch in [*switches.split(), f"user-data-dir={folder / 'profile'}"]:
        options.add_argument(f"--{switch}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_OFFLINE", "true")  # selenium downloads no driver
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    browser.downloads = folder / "downloads"
    yield browser
    browser.quit()
