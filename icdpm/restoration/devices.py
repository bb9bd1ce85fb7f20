"""All accelerators of a machine, each with the system on it."""

import functools

import tensorflow as tf

from icdpm.models.workdir import load
from icdpm.restoration.restore import restore


def restorers(workdir, checkpoint="latest"):
    """What restores pictures: the system of a workdir on each GPU of this machine or, without two, where TensorFlow puts it.

    Returns:
      (the system, functions as `icdpm.restoration.restore.restore` without its first argument, one for each device; they may
      run at the same time, and give the same bytes on devices of one kind).
    """
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) < 2:
        model = load(workdir, checkpoint)
        return model, [functools.partial(restore, model)]
    return restorers_on(devices, workdir, checkpoint)


def restorers_on(devices, workdir, checkpoint="latest"):
    """As `restorers`, on the devices of these names."""
    models = []
    for device in devices:
        with tf.device(device):
            models.append(load(workdir, checkpoint))
    return models[0], [functools.partial(_restore_on, *each) for each in zip(devices, models)]


def _restore_on(device, model, image, settings, **options):
    with tf.device(device):
        return restore(model, image, settings, **options)
