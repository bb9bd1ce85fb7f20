"""Shared by all tests."""

import shutil

import numpy as np
import pytest


@pytest.fixture
def micro_config():
    """A config of the smallest guided model, in float32: a step takes milliseconds."""
    return _micro_config()


@pytest.fixture(scope="session")
def micro_workdir(tmp_path_factory):
    """A workdir as training leaves it after 6 steps, with the weights of an untrained model. Tests leave it as it is."""
    from icdpm.systems.config import config_to_json
    from icdpm.systems.registry import make_system
    from icdpm.systems.weights import named_variables, save_weights
    from icdpm.systems.workdir import config_file, weights_file

    folder = tmp_path_factory.mktemp("run") / "micro"
    folder.mkdir()
    config = _micro_config()
    config_file(folder).write_text(config_to_json(config))
    system = make_system(config)
    save_weights(weights_file(folder, 6), named_variables(system))
    return folder


def _micro_config():
    from icdpm.systems.config import check_config, default_config

    config = default_config()
    config.name = "micro"
    config.precision = "float32"
    config.unet.channels = 4
    config.unet.multipliers = (1, 2)
    config.unet.encoder_blocks = 1
    config.unet.zero_last = False
    config.guidance.scales = (1,)
    config.guidance.channels = 4
    config.guidance.middle_blocks = 1
    config.optimizer.learning_rate = 1e-3
    config.optimizer.learning_rate_ramp = 2
    config.optimizer.noise_loss_ramp = 2
    config.data.batch = 4
    config.data.crop = 16
    config.run.steps = 6
    config.run.log_every = 1
    config.run.validate_every = 3
    config.run.checkpoint_every = 2
    config.run.validation_images = 2
    config.sampling.steps = 3
    config.sampling.max_noise_variance = 0.9
    return check_config(config)


class RandomPairs:
    """A PairSource of a few small pictures of noise."""

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
    """A batch of {'blurry', 'sharp', 'index'} of 4 crops of 16×16."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    sharp = rng.uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    blurry = (sharp + np.roll(sharp, 1, axis=1)) / 2
    return {"blurry": tf.constant(blurry), "sharp": tf.constant(sharp), "index": tf.range(4, dtype=tf.int64)}


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A real browser without a window, of 1280×800; what it saves goes to the folder `browser.downloads`."""
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
    for switch in [*switches.split(), f"user-data-dir={folder / 'profile'}"]:
        options.add_argument(f"--{switch}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_OFFLINE", "true")  # selenium fetches nothing
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    browser.downloads = folder / "downloads"
    yield browser
    browser.quit()
