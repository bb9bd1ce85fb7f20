"""Fixtures: small data sets in the published layouts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

SIZE = (32, 24)  # width, height


def save_image(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


class Published:
    """Writes different pairs of noise and blurred noise."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def pair(self, blurry, sharp, size=SIZE):
        noise = self._rng.uniform(0, 255, (size[1], size[0], 3))
        save_image(Path(sharp), noise.astype(np.uint8))
        save_image(Path(blurry), ndimage.uniform_filter(noise, (3, 3, 1)).astype(np.uint8))

    def gopro(self, root, sequences, frames=3):
        """`sequences`: such as test/GOPR0384_11_00."""
        for sequence in sequences:
            for frame in range(1, frames + 1):
                folder, name = root / sequence, f"{frame:06d}.png"
                self.pair(folder / "blur" / name, folder / "sharp" / name)
                save_image(folder / "blur_gamma" / name, np.full((SIZE[1], SIZE[0], 3), 9 * frame % 256, np.uint8))
        return root

    def hide(self, root, names):
        """`names`: such as test/test-close-ups/1fromGOPR0950."""
        for name in names:
            self.pair(root / f"{name}.png", root / "GT" / f"{Path(name).name}.png")
        return root

    def realblur(self, root, camera, splits):
        """`splits`: such as {"test": ["scene050/1"]}."""
        folder = {
            "J": "RealBlur-J_ECC_IMCORR_centroid_itensity_ref",
            "R": "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref",
        }[camera]
        for split, names in splits.items():
            lines = []
            for number, name in enumerate(names):
                scene, k = name.split("/")
                sharp, blurry = f"{folder}/{scene}/gt/gt_{k}.png", f"{folder}/{scene}/blur/blur_{k}.png"
                self.pair(root / blurry, root / sharp, size=(32 + number, 24))
                lines.append(f"{sharp} {blurry} \n")  # the space before the end is theirs
            (root / f"RealBlur_{camera}_{split}_list.txt").write_text("".join(lines))
        return root

    def reds(self, root, part, degradation="blur", clips=("000", "001"), frames=range(11)):
        ending = "jpg" if degradation == "blur_jpeg" else "png"
        for clip in clips:
            for frame in frames:
                blurry = root / part / f"{part}_{degradation}" / clip / f"{frame:08d}.{ending}"
                self.pair(blurry, root / part / f"{part}_sharp" / clip / f"{frame:08d}.png")
        return root


@pytest.fixture(scope="session")
def published():
    return Published()


@pytest.fixture(scope="session")
def write_image():
    """Function (path, pixels, **options of Pillow) that writes an image, and its folder."""
    return save_image


@pytest.fixture
def photos(tmp_path, write_image):
    """A folder of two photos of noise, one of them smaller than the longest blur."""
    rng = np.random.default_rng(0)
    for name, size in (("b.png", (40, 36)), ("trip/a.png", (90, 64))):
        write_image(tmp_path / "photos" / name, rng.integers(0, 256, (*size, 3), np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def check_examples():
    """Function (source) that checks that examples differ, and are functions of the seed and their numbers."""
    from icdpm_datasets.pipeline import training_dataset

    def check(source):
        settings = dict(batch=6, crop=32, seed=4)
        whole = list(training_dataset(source, steps=4, **settings).as_numpy_iterator())
        late = list(training_dataset(source, start_step=2, steps=2, **settings).as_numpy_iterator())
        for one, other in zip(whole[2:], late):
            np.testing.assert_array_equal(one["blurry"], other["blurry"])
            np.testing.assert_array_equal(one["sharp"], other["sharp"])
        assert len({pair.tobytes() for batch in whole for pair in batch["blurry"]}) == 24

    return check
