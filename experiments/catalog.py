"""The tables and figures of the paper by their names."""

import functools
import importlib

# By which module here each is made.
MODULES = {
    "table1": "table1",
    "table2": "table2",
    "table3": "deblurring",
    "table4": "deblurring",
    "table5": "deblurring",
    "table6": "deblurring",
    "table7": "table7",
    "table8": "table8",
    "table9": "table9",
    "fig4": "figure4",
    "fig5": "figures5and7",
    "fig7": "figures5and7",
    "fig8": "figure8",
}


def experiment(name, restored, answers=None):
    """A table or figure.

    Args:
      name: of `MODULES`.
      restored: {name of another method: folder of its restored pictures}, for tables 3 to 7.
      answers: pattern of raters' files, for table 7; or None.

    Returns:
      (function of a scale that lists the `cost.Restoring`s it needs, function of a `Runs` that makes it).
    """
    module = importlib.import_module(f"icdpm_experiments.{MODULES[name]}")
    which = {"deblurring": {"table": name}, "figures5and7": {"figure": name}}.get(MODULES[name], {})
    given = {"deblurring": {"restored": restored}, "table7": {"restored": restored, "answers": answers}}
    return (
        functools.partial(module.restorings, **which),
        functools.partial(module.run, **which, **given.get(MODULES[name], {})),
    )
