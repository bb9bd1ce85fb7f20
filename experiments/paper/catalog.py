"""The tables and figures of the papers by name. A new module adds itself here."""

import re

from icdpm_experiments.paper import ablations, failures, guidance, hidiff, small_page, table2, tables3to7, visual_comparison

_MODULES = (guidance, table2, tables3to7, ablations, visual_comparison, hidiff, failures, small_page)


def _order(name: str) -> tuple:
    """Sorts tables first, then figures, both by number, then the rest in the order of the modules."""
    numbered = re.fullmatch(r"(table|fig)(\d+)", name)
    return (("table", "fig").index(numbered[1]), int(numbered[2])) if numbered else (2, 0)


_ALL = {name: experiment for module in _MODULES for name, experiment in module.EXPERIMENTS.items()}
EXPERIMENTS = {name: _ALL[name] for name in sorted(_ALL, key=_order)}
