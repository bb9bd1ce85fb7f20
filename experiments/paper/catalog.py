"""The tables and figures of the paper by their names, in its order."""

from icdpm_experiments.paper import (
    failures,
    figure4,
    figure8,
    figure9,
    figures5and7,
    hidiff,
    hidiff_ablation,
    reverse_chain,
    table1,
    table2,
    table7,
    table8,
    table9,
    tables3to6,
    visual_comparison,
)

_MODULES = (
    *(table1, table2, tables3to6, table7, table8, table9, figure4, figures5and7, figure8, figure9),
    *(hidiff, hidiff_ablation, visual_comparison, failures, reverse_chain),
)
EXPERIMENTS = {name: experiment for module in _MODULES for name, experiment in module.EXPERIMENTS.items()}
