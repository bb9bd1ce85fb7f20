"""Long work on many pictures, one by one."""

import contextlib
from pathlib import Path

from icdpm.albums.interrupts import held_interrupts
from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar


def one_by_one(items, work, *, name=str, steps=1, unit="picture", at_once=False):
    """Does something to each of many items, with one progress bar. An item that fails does not stop the rest.

    Ctrl-C ends it after the step at hand, for `work` may be in TensorFlow, where an exception out of the blue gets lost.

    Args:
      items: a sequence.
      work: function (item, on_step). It may call `on_step` with how many of the item's steps, or what fraction of one, it
        has done since.
      name: function of an item: what people call it, perhaps with its folders.
      steps: function of an item, or a number: how many it takes.
      unit: what a step is.
      at_once: whether Ctrl-C ends the step at hand as well, as is right where all it does is wait.

    Returns:
      One sentence for each item whose work raised IcdpmError or MemoryError.
    """
    takes = steps if callable(steps) else lambda _: steps
    done, failures = 0, []
    with contextlib.ExitStack() as stack:
        check = (lambda: None) if at_once else stack.enter_context(held_interrupts())
        bar = stack.enter_context(progress_bar("", sum(map(takes, items)), unit))

        def on_step(count):
            bar.update(count)
            check()

        for number, item in enumerate(items, 1):
            bar.set_description(f"{number}/{len(items)} {Path(name(item)).name}")
            try:
                work(item, on_step)
            except IcdpmError as error:
                failures.append(str(error))
            except MemoryError:
                failures.append(f"{name(item)} needs more memory than there is; restore a smaller copy")
            done += takes(item)
            bar.update(done - bar.n)
            check()
    return failures
