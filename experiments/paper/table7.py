"""Table 7: which of two methods' pictures people prefer, on the out-of-domain set.

The page for the raters is written each time; their exported answers, when they are given, fill the table. Its rows "Ours",
"Ours-SA" and "DvSR" show the pictures of Table 4, which has the same test set and names; the paper does not state another
sampling setting for its raters' pictures.
"""

import glob

from icdpm.errors import IcdpmError
from icdpm.evaluation.preference_study import PROTOCOL, preference_fractions, read_answers, write_preference_page
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.models import PREFERENCE
from icdpm_experiments.paper.published import TABLE7, TABLE7_METHODS
from icdpm_experiments.paper.runs import beside_others
from icdpm_experiments.paper.sampling_choice import choice_notes, point_records, restore_at_best, restorings_at_best
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN


def restorings(scale):
    """What the page needs restored."""
    return restorings_at_best(PREFERENCE.values(), scale, OUT_OF_DOMAIN)


def run(runs, restored, answers=None):
    """Writes the page, and results/table7.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored pictures}.
      answers: pattern of the files that raters exported.
    """
    own, points = restore_at_best(runs, PREFERENCE, OUT_OF_DOMAIN)
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
    notes += choice_notes(PREFERENCE, points, runs.scale)
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
    protocols, sampling = {"preference": PROTOCOL}, point_records(PREFERENCE, points)
    write_comparison("table7", title, runs.scale, rows, notes=notes, protocols=protocols, sampling=sampling)


EXPERIMENTS = {"table7": Experiment(run, restorings, ("restored", "answers"))}
