"""Constraints on the values of config fields and of restoration settings. Does not import TensorFlow."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

from icdpm.errors import IcdpmError


@dataclasses.dataclass(frozen=True)
class FieldConstraints:
    """Values that a field of a config or of `icdpm.models.settings.Settings` may hold.

    Numbers must also be finite.

    Attributes:
      choices: the allowed values; (): every value within the bounds.
      minimum, maximum: smallest and largest allowed number.
      above, below: numbers that the value must exceed and stay below.
    """

    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def check(self, name: str, value: Any, kind: type) -> None:
        """Checks a value.

        Args:
          name: the field's name, for the message.
          value: the value.
          kind: the field's type: str, int or float.

        Raises:
          IcdpmError: the field may not hold the value.
        """
        if self.choices:
            allowed = value in self.choices
        elif kind is str:
            allowed = isinstance(value, str)
        else:
            is_number = isinstance(value, numbers.Integral if kind is int else numbers.Real) and not isinstance(value, bool)
            # NaN is refused as well: all its comparisons are false.
            allowed = is_number and self.minimum <= value <= self.maximum and self.above < value < self.below
        if not allowed:
            raise wrong_value(name, value, self.describe(kind))

    def describe(self, kind: type) -> str:
        """Returns the allowed values in words, such as 'a whole number from 1 to 4096'."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if kind is str:
            return "a string"
        words = ["a positive" if self.above == 0 else "a", "whole number" if kind is int else "number"]
        if self.maximum < math.inf and self.minimum > -math.inf:
            words.append(f"from {_format(self.minimum)} to {_format(self.maximum)}")
        elif self.minimum > -math.inf:
            words.append(f"of at least {_format(self.minimum)}")
        elif self.maximum < math.inf:
            words.append(f"of at most {_format(self.maximum)}")
        if self.below < math.inf:
            words.append(f"{'and ' if self.minimum > -math.inf else ''}below {_format(self.below)}")
        return " ".join(words)


# Constraints that many fields share.
POSITIVE = FieldConstraints(above=0)
NON_NEGATIVE = FieldConstraints(minimum=0)
FRACTION = FieldConstraints(minimum=0, below=1)
POSITIVE_FRACTION = FieldConstraints(above=0, below=1)
# No width, number of blocks or factor that makes sense is larger; larger values are typing errors.
COUNT = FieldConstraints(minimum=1, maximum=4096)
COUNT_OR_ZERO = FieldConstraints(minimum=0, maximum=4096)


def wrong_value(name: str, value: Any, expected: str) -> IcdpmError:
    """Returns the error for an invalid value of a field.

    Args:
      name: the field's name.
      value: the invalid value.
      expected: the allowed values in words, which complete the sentence '`name` must be …'.
    """
    return IcdpmError(f"`{name}` must be {expected}. Received: {value!r}.")


def _format(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
