"""What a system adds to the signatures of its exported model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Signature(NamedTuple):
    """A signature.

    Attributes:
      name: what it is called by.
      graph: a concrete function with named inputs that gives {name: tensor}.
      words: a sentence of the model card.
      example: function of an array of blurry images, float32 [batch, height, width, 3] in [−1, 1], that gives inputs which the
        graph answers, {name: array}: what servers are warmed up with.
    """

    name: str
    graph: Any
    words: str
    example: Callable
