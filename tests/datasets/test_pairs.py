"""Mixtures of data sets."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm_datasets.load import load_pairs
from icdpm_datasets.order import mixed_index
from icdpm_datasets.pairs import Mixture, load_crop
from icdpm_datasets.pipeline import training_dataset, validation_dataset


class Flat:
    """Pairs of one color, which identifies them; sharp is one more than blurry."""

    def __init__(self, name, first, count, size=20):
        self.names = [f"{name}_{k}" for k in range(count)]
        self.description, self._first, self._size = f"{count} of {name}", first, size

    def __len__(self):
        return len(self.names)

    def load(self, index):
        blurry = np.full((self._size, self._size, 3), self._first + index, np.uint8)
        return blurry, blurry + np.uint8(1)

    def check_crop(self, crop):
        if crop > self._size:
            raise IcdpmError(f"too small for {crop}")


@pytest.fixture
def mixture():
    return Mixture({"a": Flat("a", 0, 3), "b": Flat("b", 100, 7), "c": Flat("c", 200, 50)}, [500, 300, 200])


def test_a_mixture_names_the_files_of_its_pairs(tmp_path, write_image):
    for side in ("blur", "sharp"):
        write_image(tmp_path / f"{side}/0.png", np.zeros((8, 8, 3), np.uint8))
    folder = load_pairs(str(tmp_path), "train")
    both = Mixture({"flat": Flat("flat", 0, 2), "folder": folder}, [1, 1])
    assert both.files(1) == [] and both.files(2) == folder.files(0) == [tmp_path / "blur/0.png", tmp_path / "sharp/0.png"]


def shown(batches):
    """Returns the pair that each example shows, by its color."""
    return np.concatenate([np.rint((batch["blurry"][:, 0, 0, 0] + 1) * 127.5).astype(int) for batch in batches])


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_a_mixture_contains_all_pairs(mixture):
    assert len(mixture) == 60
    assert mixture.names[:4] == ["a/a_0", "a/a_1", "a/a_2", "b/b_0"] and mixture.names[-1] == "c/c_49"
    assert [int(mixture.load(index)[0][0, 0, 0]) for index in (0, 2, 3, 9, 10, 59)] == [0, 2, 100, 106, 200, 249]
    assert mixture.description == "50.0% 3 of a; 30.0% 7 of b; 20.0% 50 of c"


def test_any_consecutive_examples_have_the_proportions(mixture):
    colors = shown(take(training_dataset(mixture, batch=50, crop=8, seed=3), 20))
    for start in range(0, 1000, 37):
        parts = np.bincount(colors[start : start + 100] // 100, minlength=3)
        whole = len(colors[start : start + 100]) / 100
        np.testing.assert_allclose(parts, [50 * whole, 30 * whole, 20 * whole], atol=2)
    np.testing.assert_array_equal(np.bincount(colors // 100), [500, 300, 200])


def test_each_source_has_its_own_epochs(mixture):
    colors = shown(take(training_dataset(mixture, batch=50, crop=8, seed=3), 20))
    for first, count in ((0, 3), (100, 7), (200, 50)):
        own = colors[colors // 100 == first // 100] - first
        epochs = own[: len(own) // count * count].reshape(-1, count)
        np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(count), (len(epochs), 1)))
        assert len({tuple(epoch) for epoch in epochs}) > 1


def test_resumed_and_sharded_mixtures_are_equal(mixture):
    settings = dict(batch=20, crop=8, seed=9)
    whole = take(training_dataset(mixture, **settings), 6)
    late = take(training_dataset(mixture, start_step=4, **settings), 2)
    for one, other in zip(whole[4:], late):
        np.testing.assert_array_equal(one["blurry"], other["blurry"])
    parts = [take(training_dataset(mixture, num_shards=2, shard_index=k, **settings), 6) for k in range(2)]
    for step, batch in enumerate(whole):
        for key in batch:
            np.testing.assert_array_equal(batch[key], np.concatenate([part[step][key] for part in parts]))


@pytest.mark.slow
def test_weights_hold_after_any_number_of_examples():
    numbers = tf.range(10**15, 10**15 + 1000, dtype=tf.int64)
    parts = tf.map_fn(lambda number: mixed_index(number, [1, 1, 1], [700, 299, 1], 0), numbers)
    np.testing.assert_array_equal(np.bincount(parts), [700, 299, 1])


def test_a_crop_does_not_keep_its_image_in_memory(tmp_path, write_image):
    for side in ("blur", "sharp"):
        write_image(tmp_path / f"pairs/{side}/a.png", np.zeros((40, 60, 3), np.uint8))
    for data in (f"{tmp_path}/pairs", f"noise:{tmp_path}/pairs/sharp", f"noise:{tmp_path}/pairs/sharp:1,{tmp_path}/pairs:1"):
        for image in load_crop(load_pairs(data, "train"), 0, 8, np.array([1, 2, 3])):
            assert image.shape == (8, 8, 3) and (image.base is None or image.base.size == image.size)


def test_validation_goes_over_all_pairs(mixture):
    colors = shown(take(validation_dataset(mixture, count=60, crop=8, batch=60), 2))
    np.testing.assert_array_equal(colors, [*range(3), *range(100, 107), *range(200, 250)])


def test_crops_must_fit_every_set():
    mixture = Mixture({"a": Flat("a", 0, 3), "b": Flat("b", 100, 7, size=12)}, [1, 1])
    with pytest.raises(IcdpmError, match="too small for 16"):
        training_dataset(mixture, batch=4, crop=16, seed=0)


def test_a_mixture_is_loaded_by_name(tmp_path, write_image):
    for name, count in (("one", 2), ("two", 3)):
        for number, side in itertools.product(range(count), ("blur", "sharp")):
            write_image(tmp_path / name / side / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
    mixture = load_pairs(f"{tmp_path}/one:0.75, {tmp_path}/two:.25", "train")
    assert mixture.counts == [2, 3] and mixture.weights == (750, 250)


@pytest.mark.parametrize("data", ["a,b", "a:0.5,b", "a:0.5,b:0", "a:0.5,b:-1", "a:nan,b:1", "a:inf,b:1"])
def test_every_set_needs_a_weight(data, tmp_path, monkeypatch):
    monkeypatch.setattr("icdpm_datasets.load._load_one", lambda *_: Flat("x", 0, 1))
    with pytest.raises(IcdpmError, match="needs a weight"):
        load_pairs(data, "train")


def test_a_set_cannot_occur_twice():
    with pytest.raises(IcdpmError, match="occurs twice"):
        load_pairs("embedded:1,embedded:2", "test")
