"""Keeps a message of XLA's from a progress bar."""

import os
import sys

import tensorflow as tf


def compile_something_quietly():
    """Compiles a function with what the process writes to stderr thrown away.

    XLA announces the first compilation of a process there, past all levels of logging, and says so once only.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        tf.function(tf.negative, jit_compile=True)(tf.constant(0.0))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
