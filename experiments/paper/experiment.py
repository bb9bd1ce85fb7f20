"""What a table or figure of the paper is to the command that makes it."""

from __future__ import annotations

from typing import Callable, NamedTuple


class Experiment(NamedTuple):
    """A table or figure.

    Attributes:
      run: function of a `runs.Runs`, and by name of what it takes, that makes it.
      restorings: function of a scale that lists the `cost.Restoring`s it needs.
      takes: what may be given to it: 'restored', {name of another method: folder of its restored pictures}; 'answers', pattern
        of the files that raters exported; 'crops', texts of `visual_comparison.parse_crop`; 'photos', a folder.
    """

    run: Callable
    restorings: Callable
    takes: tuple[str, ...] = ()
