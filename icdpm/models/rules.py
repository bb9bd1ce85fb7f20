"""What the fields of a config may hold, beyond their type."""

from __future__ import annotations

import dataclasses

# Larger than any width, number of blocks or factor that makes sense: what is beyond it is a slip of the pen.
_MOST = 4096


@dataclasses.dataclass(frozen=True)
class Rules:
    """Rules by the name of the field, 'section.field'. What is not named is positive and, if whole, at most 4096.

    Attributes:
      choices: {field: the values that it may hold}.
      may_be_zero: fields that may hold 0.
      below_one: fields that must be below 1.
      most: {field: the largest whole number that it may hold}.
    """

    choices: dict = dataclasses.field(default_factory=dict)
    may_be_zero: set = dataclasses.field(default_factory=set)
    below_one: set = dataclasses.field(default_factory=set)
    most: dict = dataclasses.field(default_factory=dict)

    def __or__(self, other):
        """Both together."""
        return Rules(*(mine | its for mine, its in zip(vars(self).values(), vars(other).values())))

    def most_of(self, field):
        """The largest whole number that a field may hold."""
        return self.most.get(field, _MOST)
