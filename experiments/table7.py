"""Table 7: which of two methods' pictures people prefer, on the out-of-domain set.

The page for the raters is written each time; their exported answers, when they are given, fill the table.
"""

import glob

from icdpm.errors import IcdpmError
from icdpm.evaluation.preference_page import write_preference_page
from icdpm.evaluation.preference_table import PROTOCOL, preference_fractions, read_answers
from icdpm_experiments.comparison import row_of, write_comparison
from icdpm_experiments.cost import Restoring
from icdpm_experiments.published import TABLE7, TABLE7_METHODS
from icdpm_experiments.runs import AVERAGED, beside_others
from icdpm_experiments.scales import OUT_OF_DOMAIN

# (variant, samples) of the methods that are ours.
OWN = {"icDPM": ("table2_b", 1), "Ours-SA": ("table2_f", AVERAGED), "Ours": ("table2_f", 1)}


def restorings(scale):
    """What the page needs restored."""
    return [
        Restoring(variant, OUT_OF_DOMAIN, scale.config(variant).sampling.steps * samples) for variant, samples in OWN.values()
    ]


def run(runs, restored, answers=None):
    """Writes the page, and results/table7.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored pictures}.
      answers: pattern of the files that raters exported.
    """
    own = {row: runs.restored(variant, OUT_OF_DOMAIN, samples) for row, (variant, samples) in OWN.items()}
    folders = beside_others(own, restored)
    page = runs.folder / "preference.html"
    comparisons = write_preference_page(folders, page)
    print(f"page for raters, {comparisons} comparisons: {page}")
    fractions, notes = {}, []
    if answers:
        files = sorted(glob.glob(answers))
        if not files:
            raise IcdpmError(f"there are no answers {answers}; give the files that the raters exported")
        given = read_answers(files)
        fractions = preference_fractions(given)
        notes.append(f"{sum(map(len, given.of_raters.values()))} ratings from {len(files)} raters.")
    else:
        notes.append("No raters' answers were given (ANSWERS='answers/*.json'), so nothing is measured.")
    label = runs.scale.label(OUT_OF_DOMAIN)
    methods = list(dict.fromkeys([*TABLE7_METHODS, *folders]))
    rows = []
    for method in methods:
        for other in methods:
            fraction = fractions.get((method, other))
            value = dict(zip(TABLE7_METHODS, TABLE7.get(method, ()))).get(other)
            rows.append(row_of(method, label, f"over {other}", fraction and fraction.value, value))
            rows[-1].update(low=fraction and fraction.low, high=fraction and fraction.high)
    title = "Table 7: human preference (out-of-domain)"
    write_comparison("table7", title, runs.scale, rows, notes=notes, protocols={"preference": PROTOCOL})
