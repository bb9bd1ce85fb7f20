"""A training run, from config and data to checkpoints."""

import contextlib
import json
import re

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.systems.config import config_to_json
from icdpm.systems.icdpm import ICDPM
from icdpm.systems.weights import load_weights
from icdpm.systems.workdir import choose_step, config_file, data_file, read_config, read_data, weights_file
from icdpm.training.callbacks import Save, Scalars, Validate
from icdpm.training.checkpoints import Checkpoints
from icdpm.training.guards import FiniteGuard, StopOnSignal
from icdpm.training.lock import locked
from icdpm.training.optimizer import make_optimizer
from icdpm.training.progress import Progress
from icdpm.training.quiet import compile_something_quietly
from icdpm.training.strategy import is_chief
from icdpm.training.validation import Validation
from icdpm_datasets.pipeline import training_dataset, validation_dataset


def train(config, workdir, training_pairs, validation_pairs, strategy, start_from=None):
    """Trains until `config.run.steps`, from the workdir's latest checkpoint if it has one.

    Two runs of the same config and data end with the same weights; so does one that was killed and started again.

    Args:
      config: a checked config; it must be the workdir's if that has one.
      workdir: folder of the run (`icdpm.systems.workdir`).
      training_pairs, validation_pairs: `icdpm_datasets.source.PairSource`s.
      strategy: of `make_strategy`.
      start_from: workdir of another run of the same networks, with whose latest averaged weights this one begins; None: with
        random ones. A run that has a checkpoint continues from that.

    Returns:
      None, or the number of the signal that ended the run early.

    Raises:
      IcdpmError: a workdir that is in use, of another config or damaged, or numbers that are not finite.
    """
    chief = is_chief(strategy)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_pictures_named())
        if chief:
            stack.enter_context(locked(workdir))
            _write_config(config, workdir)
            earlier = _seen_before(start_from) if start_from else []
            _note_data(workdir, [*earlier, training_pairs.description], [validation_pairs.description])
        return _train(config, workdir, training_pairs, validation_pairs, strategy, chief, start_from)


@contextlib.contextmanager
def _pictures_named():
    """Gives a picture that cannot be read its own error again: tf.data, where it is read, wraps it into another."""
    try:
        yield
    except tf.errors.OpError as error:
        if message := re.search(r"DataError: (.*)", error.message):
            raise IcdpmError(message[1]) from error
        raise


def _write_config(config, workdir):
    """Saves the config beside the weights; a workdir that has one must have the same."""
    path = config_file(workdir)
    if not path.exists():
        with write_atomically(path) as temporary:
            temporary.write_text(config_to_json(config))
        return
    present = read_config(workdir)
    # How long, how watched and how often saved may change from one start to the next; all else decides the weights.
    changed = [field for field, value in _fields(config) if value != dict(_fields(present))[field]]
    decisive = [field for field in changed if not field.startswith("run.")]
    if decisive:
        raise IcdpmError(f"{workdir} holds a run of another config ({decisive[0]} differs); choose another workdir")
    if changed:
        with write_atomically(path) as temporary:
            temporary.write_text(config_to_json(config))


def _seen_before(start_from):
    """What the run has seen whose weights are the first of this one, and for how long."""
    step = choose_step(start_from)
    return [f"before, in {step} steps: {each}" for each in read_data(start_from)["training"]]


def _note_data(workdir, training, validation):
    """Notes, for those who get the model, which data it has seen: each start of the run may name others."""
    seen = read_data(workdir)
    for name, descriptions in (("training", training), ("validation", validation)):
        seen[name] += [description for description in descriptions if description not in seen[name]]
    with write_atomically(data_file(workdir)) as temporary:
        temporary.write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n")


def _fields(config):
    return [
        (f"{section}.{field}", value)
        for section, fields in config.to_dict().items()
        for field, value in (fields.items() if isinstance(fields, dict) else [("", fields)])
    ]


def _train(config, workdir, training_pairs, validation_pairs, strategy, chief, start_from):
    if config.run.deterministic:
        tf.config.experimental.enable_op_determinism()
    compile_something_quietly()

    # Model and optimiser.
    with strategy.scope():
        system = ICDPM(config)
        if start_from:  # before the optimiser is made, whose averages begin with the weights
            load_weights(weights_file(start_from, choose_step(start_from)), system)
        optimizer = make_optimizer(config.optimizer, system.trainable_variables)
        on_accelerator = bool(tf.config.list_physical_devices("GPU"))
        single = strategy.num_replicas_in_sync == 1
        system.compile(optimizer=optimizer, jit_compile=config.run.compile and on_accelerator and single)
    checkpoints = Checkpoints(workdir, system, config.run.keep_checkpoints)

    # Continue where the latest checkpoint ends.
    start, steps = checkpoints.restore_latest(), config.run.steps
    if start >= steps:
        return None

    # Input.
    replicas = strategy.num_replicas_in_sync
    if config.data.batch % (replicas * config.optimizer.accumulation):
        raise IcdpmError(
            f"data.batch {config.data.batch} does not divide among {replicas} replicas with "
            f"optimizer.accumulation {config.optimizer.accumulation}"
        )

    def batches(context):
        return training_dataset(
            training_pairs,
            batch=config.data.batch,
            crop=config.data.crop,
            seed=config.seed,
            start_step=start,
            repeat=config.data.repeat,
            augment=config.data.augment,
            shard_index=context.input_pipeline_id,
            num_shards=context.num_input_pipelines,
            per_replica_batch=config.data.batch // replicas,
        )

    dataset = strategy.distribute_datasets_from_function(batches)

    # Between the steps.
    guard = FiniteGuard(start, config.data.batch, workdir)
    callbacks = [guard]
    closing = []
    if chief:
        writer = tf.summary.create_file_writer(str(workdir / "tensorboard"))
        held_out = validation_dataset(
            validation_pairs, count=config.run.validation_images, crop=config.data.crop, batch=config.data.batch
        )
        validation = Validation(config, list(held_out.as_numpy_iterator()))
        progress = Progress(start, steps)
        stop = StopOnSignal(start, checkpoints.save)
        callbacks += [
            progress,
            Scalars(writer, start, config.run.log_every),
            Validate(validation, checkpoints, writer, start, config.run.validate_every, steps),
            Save(checkpoints, start, config.run.checkpoint_every, steps),
            stop,
        ]
        closing = [progress, stop, writer]

    # The loop.
    try:
        system.fit(dataset, steps_per_epoch=steps - start, callbacks=callbacks, verbose=0)
    finally:
        for part in closing:
            part.close()
    return stop.signal if chief else None
