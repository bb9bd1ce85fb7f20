"""Batches for training and validation."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.order import repeated_number
from icdpm_datasets.pairs import Mixture
from icdpm_datasets.pipeline import shuffled_index, training_dataset, validation_dataset
from icdpm_datasets.tf_data_errors import original_errors

PAIRS, SIZE = 11, 24


class Coded:
    """In-memory pairs whose channels identify them: 0 the pair, 1 the row, 2 the column; sharp is 100 more in 0."""

    description = "coded pairs"
    names = [f"pair_{index}" for index in range(PAIRS)]

    def __init__(self):
        rows, columns = np.mgrid[:SIZE, :SIZE]
        self.blurry = np.stack([np.stack([np.full_like(rows, k), rows, columns], -1) for k in range(PAIRS)])
        self.blurry = self.blurry.astype(np.uint8)
        self.sharp = self.blurry + np.uint8([100, 0, 0])

    def __len__(self):
        return PAIRS

    def load(self, index):
        return self.blurry[index], self.sharp[index]

    def check_crop(self, crop):
        if crop > SIZE:
            raise IcdpmError(f"coded images are {SIZE} px: too small for {crop}")


class Loaded(Coded):
    """The same pairs, loaded one by one."""

    def __init__(self):
        super().__init__()
        self._pairs = (self.__dict__.pop("blurry"), self.__dict__.pop("sharp"))

    def load(self, index):
        return self._pairs[0][index], self._pairs[1][index]


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def joined(batches):
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def bytes_of(images):
    return np.rint((images + 1) * 127.5).astype(int)


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_shapes_ranges_and_numbers():
    batches = take(training_dataset(Coded(), batch=4, crop=10, seed=1), 3)
    for step, batch in enumerate(batches):
        assert set(batch) == {"blurry", "sharp", "index"}
        for key in ("blurry", "sharp"):
            assert batch[key].shape == (4, 10, 10, 3)
            assert batch[key].dtype == np.float32
            assert np.abs(batch[key]).max() <= 1
        assert batch["index"].dtype == np.int64
        np.testing.assert_array_equal(batch["index"], np.arange(4 * step, 4 * step + 4))


def test_static_shapes_are_known():
    spec = training_dataset(Coded(), batch=4, crop=10, seed=1).element_spec
    assert spec["blurry"].shape == spec["sharp"].shape == (4, 10, 10, 3)
    assert spec["index"].shape == (4,)


def test_each_epoch_is_a_permutation_of_its_own():
    examples = joined(take(training_dataset(Coded(), batch=PAIRS, crop=8, seed=5), 6))
    orders = bytes_of(examples["blurry"])[:, 0, 0, 0].reshape(6, PAIRS)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(PAIRS), (6, 1)))
    assert len({tuple(order) for order in orders}) == 6


@pytest.mark.parametrize("pairs", [1, 2, 3, 64, 1000])
def test_the_order_is_a_permutation_for_any_number_of_pairs(pairs):
    numbers = tf.range(2 * pairs, 3 * pairs, dtype=tf.int64)
    order = tf.map_fn(lambda number: shuffled_index(number, pairs, 7), numbers)
    np.testing.assert_array_equal(np.sort(order), np.arange(pairs))


def test_seeds_determine_orders_crops_and_rotations():
    one, other = (joined(take(training_dataset(Coded(), batch=PAIRS, crop=8, seed=s), 2)) for s in (1, 2))
    assert (bytes_of(one["blurry"])[:, 0, 0, 0] != bytes_of(other["blurry"])[:, 0, 0, 0]).any()
    assert (one["blurry"] != other["blurry"]).any()


@pytest.mark.parametrize("augment", [True, False])
def test_both_images_of_a_pair_are_augmented_equally(augment):
    examples = joined(take(training_dataset(Coded(), batch=8, crop=10, seed=3, augment=augment), 25))
    blurry, sharp = bytes_of(examples["blurry"]), bytes_of(examples["sharp"])
    np.testing.assert_array_equal(sharp - blurry, np.broadcast_to([100, 0, 0], sharp.shape))
    # Where the rows and columns of the image went: all eight turns, or none; and many crops.
    turns, corners = set(), set()
    for image in blurry:
        assert (image[..., 0] == image[0, 0, 0]).all()
        turns.add(tuple(image[0, 1, 1:] - image[0, 0, 1:]) + tuple(image[1, 0, 1:] - image[0, 0, 1:]))
        corners.add(tuple(image[..., 1:].reshape(-1, 2).min(0)))
    assert len(turns) == (8 if augment else 1)
    assert len(corners) > 100
    assert np.min(list(corners)) == 0 and np.max(list(corners)) == SIZE - 10


def test_a_pair_has_another_crop_every_epoch():
    examples = joined(take(training_dataset(Coded(), batch=PAIRS, crop=8, seed=3, augment=False), 8))
    blurry = bytes_of(examples["blurry"])
    crops = {tuple(image[0, 0]) for image in blurry if image[0, 0, 0] == 4}
    assert len(crops) >= 7


@pytest.mark.parametrize("repeat", [1, 3])
def test_a_resumed_run_sees_the_examples_of_an_uninterrupted_one(repeat):
    settings = dict(batch=6, crop=9, seed=11, repeat=repeat)
    unbroken = take(training_dataset(Coded(), **settings), 9)
    resumed = take(training_dataset(Coded(), start_step=5, **settings), 4)
    for one, other in zip(unbroken[5:], resumed):
        assert_equal(one, other)


@pytest.mark.parametrize("repeat", [1, 3])
def test_a_changed_batch_size_continues_the_count(repeat):
    settings = dict(batch=6, crop=9, seed=11, repeat=repeat)
    counted = take(training_dataset(Coded(), first_example=18, **settings), 4)
    np.testing.assert_array_equal(joined(counted)["index"], 18 + np.arange(24))
    for one, other in zip(counted[2:], take(training_dataset(Coded(), first_example=18, start_step=2, **settings), 2)):
        assert_equal(one, other)
    if repeat == 1:  # an example follows from its number
        assert_equal(joined(counted), joined(take(training_dataset(Coded(), start_step=3, **settings), 4)))


def test_starting_late_costs_nothing():
    late = take(training_dataset(Coded(), batch=6, crop=9, seed=11, start_step=10**12), 1)[0]
    np.testing.assert_array_equal(late["index"], 6 * 10**12 + np.arange(6))


@pytest.mark.parametrize("repeat", [1, 3])
def test_workers_together_see_what_one_sees(repeat):
    settings = dict(batch=12, crop=9, seed=2, start_step=1, steps=4, repeat=repeat)
    alone = take(training_dataset(Coded(), **settings), 10)
    assert len(alone) == 4
    shards = [
        take(training_dataset(Coded(), num_shards=3, shard_index=shard, per_replica_batch=2, **settings), 10)
        for shard in range(3)
    ]
    assert {len(batches) for batches in shards} == {8}
    for step, whole in enumerate(alone):
        parts = [batch for batches in shards for batch in batches[2 * step : 2 * step + 2]]
        assert {len(part["index"]) for part in parts} == {2}
        assert_equal(joined(parts), whole)


def test_workers_together_show_every_pair():
    settings = dict(batch=4, crop=9, seed=2, steps=PAIRS)  # four epochs
    shards = [take(training_dataset(Coded(), num_shards=2, shard_index=k, **settings), 99) for k in range(2)]
    examples = joined([batch for batches in shards for batch in batches])
    np.testing.assert_array_equal(np.bincount(bytes_of(examples["blurry"])[:, 0, 0, 0]), np.full(PAIRS, 4))


def test_crops_are_repeated_and_new_ones_evenly_distributed():
    batch, repeat, window = 6, 3, 16
    numbers = tf.range(batch * repeat * window * 3, dtype=tf.int64)
    shown = tf.map_fn(lambda number: repeated_number(number, batch, repeat, 5), numbers).numpy()
    crops, first, times = np.unique(shown, return_index=True, return_counts=True)
    span = repeat * window  # steps in which a crop is shown
    assert set(times[(first // batch >= span) & (first // batch < 2 * span)]) == {repeat} == {times.max()}
    assert set(np.bincount(first // batch)[span:]) == {batch // repeat}
    np.testing.assert_array_equal(shown % batch, numbers % batch)


def test_a_repeated_crop_is_made_once_and_augmented_anew():
    class Made(Loaded):
        loaded = []

        def load(self, index):
            self.loaded.append(index)
            return super().load(index)

    examples = joined(take(training_dataset(Made(), batch=6, crop=9, seed=2, repeat=4), 128))
    turned = {image.tobytes() for image in bytes_of(examples["blurry"])}
    crops = {(image[0, 0, 0], *image[..., 1:].reshape(-1, 2).min(0)) for image in bytes_of(examples["blurry"])}
    assert len(crops) < 6 * 128 / 3 < 2 * len(turned) and len(turned) > 2 * len(crops)
    assert len(Made.loaded) < 6 * 128 / 2.5  # some are loaded ahead


def test_in_memory_and_loaded_pairs_give_the_same():
    settings = dict(batch=5, crop=9, seed=4, steps=4)
    assert_equal(*(joined(take(training_dataset(source(), **settings), 4)) for source in (Coded, Loaded)))
    settings = dict(count=5, crop=9, batch=2)
    assert_equal(*(joined(take(validation_dataset(source(), **settings), 9)) for source in (Coded, Loaded)))


def test_images_of_several_sizes(tmp_path):
    rng = np.random.default_rng(0)
    for index, (height, width) in enumerate([(20, 30), (31, 17), (16, 16)]):
        pixels = rng.integers(0, 200, (height, width, 3), np.uint8)
        for side, more in (("blur", 0), ("sharp", 50)):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(pixels + np.uint8(more)).save(tmp_path / side / f"{index}.png")
    examples = joined(take(training_dataset(FolderPairs(tmp_path), batch=6, crop=16, seed=0), 5))
    assert examples["sharp"].shape == (30, 16, 16, 3)
    np.testing.assert_array_equal(bytes_of(examples["sharp"]) - bytes_of(examples["blurry"]), 50)


class Deep(Loaded):
    """Pairs of 16 bits: `factor` times those of 8."""

    dtype = np.uint16

    def __init__(self, factor=257):
        super().__init__()
        self._pairs = tuple(images.astype(np.uint16) * factor for images in self._pairs)


def test_sixteen_bits_enter_training_as_floats_without_loss():
    options = dict(batch=4, crop=8, seed=0, steps=3)
    eight, deep, fine = (joined(take(training_dataset(pairs, **options), 3)) for pairs in (Loaded(), Deep(), Deep(256)))
    for side in ("blurry", "sharp"):
        np.testing.assert_allclose(deep[side], eight[side], atol=1e-6)
        assert deep[side].dtype == np.float32
        # Levels between those of 8 bits survive.
        np.testing.assert_allclose(fine[side] + 1, (eight[side] + 1) * 256 / 257, atol=1e-6)
    eight, deep = (joined(take(validation_dataset(each, count=3, crop=8, batch=3), 1)) for each in (Loaded(), Deep()))
    np.testing.assert_allclose(deep["sharp"], eight["sharp"], atol=1e-6)


def test_a_mixture_of_depths_has_the_greater_one():
    mixture = Mixture({"eight": Loaded(), "deep": Deep()}, [1, 1])
    assert mixture.dtype == np.uint16 and Mixture({"a": Loaded(), "b": Coded()}, [1, 1]).dtype == np.uint8
    np.testing.assert_array_equal(mixture.load(3), mixture.load(3 + PAIRS))
    batch = joined(take(training_dataset(mixture, batch=4, crop=8, seed=0, steps=3), 3))
    assert batch["sharp"].shape == (12, 8, 8, 3) and np.abs(batch["sharp"]).max() <= 1


@pytest.fixture
def damaged(tmp_path):
    """(a pair whose sharp image is truncated, the expected error)."""
    for side in ("blur", "sharp"):
        (tmp_path / side).mkdir()
        pixels = np.random.default_rng(0).integers(0, 200, (90, 90, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / side / "a.png")
    file = tmp_path / "sharp" / "a.png"
    file.write_bytes(file.read_bytes()[:9000])
    return FolderPairs(tmp_path), f"^{file} is damaged \\(.*\\); get a complete copy of it$"


def test_a_damaged_image_raises_the_original_error(damaged):
    source, message = damaged
    for dataset in (
        training_dataset(source, batch=2, crop=16, seed=0),
        validation_dataset(source, count=1, crop=16, batch=1),
        validation_dataset(Mixture({"x": source}, [1]), count=1, crop=16, batch=1),
    ):
        with pytest.raises(IcdpmError, match=message), original_errors():
            take(dataset, 1)


def test_a_damaged_image_raises_the_original_error_in_the_middle_of_a_fit(damaged):
    source, message = damaged
    dataset = training_dataset(source, batch=2, crop=16, seed=0).map(lambda batch: (batch["blurry"], batch["sharp"]))
    model = keras.Sequential([keras.layers.Conv2D(3, 1)])
    model.compile(loss="mse")
    with pytest.raises(IcdpmError, match=message), original_errors():
        model.fit(dataset, steps_per_epoch=1, verbose=0)


def test_validation_uses_the_centers_of_evenly_spaced_pairs():
    batches = take(validation_dataset(Coded(), count=5, crop=10, batch=2), 9)
    assert [len(batch["index"]) for batch in batches] == [2, 2, 1]
    examples = joined(batches)
    np.testing.assert_array_equal(examples["index"], [0, 2, 4, 6, 8])
    blurry, sharp = bytes_of(examples["blurry"]), bytes_of(examples["sharp"])
    np.testing.assert_array_equal(blurry[:, 0, 0], [(k, 7, 7) for k in (0, 2, 4, 6, 8)])
    np.testing.assert_array_equal(blurry[:, -1, -1], [(k, 16, 16) for k in (0, 2, 4, 6, 8)])
    np.testing.assert_array_equal(sharp[..., 0] - blurry[..., 0], 100)


def test_validation_of_more_pairs_than_exist():
    examples = joined(take(validation_dataset(Coded(), count=100, crop=10, batch=4), 99))
    np.testing.assert_array_equal(examples["index"], np.arange(PAIRS))


def test_crops_that_do_not_fit_are_refused_at_once():
    for make in (
        lambda: training_dataset(Coded(), batch=4, crop=SIZE + 1, seed=0),
        lambda: validation_dataset(Coded(), count=4, crop=SIZE + 1, batch=4),
    ):
        with pytest.raises(IcdpmError, match="too small for 25"):
            make()


@pytest.mark.parametrize(
    "wrong",
    [
        dict(num_shards=3),
        dict(per_replica_batch=3),
        dict(per_replica_batch=0),
        dict(num_shards=2, per_replica_batch=8),
        dict(num_shards=16),
    ],
)
def test_batches_that_do_not_divide_are_refused(wrong):
    with pytest.raises(ValueError, match="must be divisible among .*batch=8"):
        training_dataset(Coded(), batch=8, crop=8, seed=0, **wrong)


def test_a_shard_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="`shard_index` must be in .*Received: 2"):
        training_dataset(Coded(), batch=8, crop=8, seed=0, num_shards=2, shard_index=2)


def test_a_strategy_with_replicas_sees_every_example_once():
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([devices[0].name])
    dataset = strategy.distribute_datasets_from_function(
        lambda context: training_dataset(
            Coded(),
            batch=4,
            crop=8,
            seed=0,
            shard_index=context.input_pipeline_id,
            num_shards=context.num_input_pipelines,
        )
    )
    indices = [batch["index"].numpy() for batch in itertools.islice(iter(dataset), 3)]
    np.testing.assert_array_equal(np.concatenate(indices), np.arange(12))
