"""Table 2 and Figure 5, of a small model and pairs of noise."""

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import rows_of

from icdpm.metrics.psnr import psnr
from icdpm_experiments.paper import bench, table2

pytestmark = pytest.mark.slow


def test_table_2_has_the_best_of_the_grid_and_figure_5_all_points(runs, monkeypatch):
    monkeypatch.setattr(table2, "TABLE2", {row: table2.TABLE2[row] for row in "ac"})
    monkeypatch.setattr(table2, "MODELS", {row: table2.MODELS[row] for row in "ac"})
    table2.run_table(runs)
    bench.load_experiments()["fig5"].run(runs)
    best = {(row["row"], row["metric"]): row for row in rows_of("table2") if row["dataset"] == "not realblur_j"}
    points = rows_of("fig5")
    assert len(points) == 4 and {point["dataset"] for point in points} == {"not realblur_j"}
    for row in "ac":
        assert best[row, "best psnr"]["value"] == max(point["psnr"] for point in points if point["row"] == row)
        assert best[row, "best lpips_alex"]["value"] is None
    assert best["c", "best psnr"]["published"] == 28.286
    pairs = runs.scale.test_pairs("realblur_j")
    blurry = np.mean([psnr(*pairs.load(index)) for index in range(len(pairs))])
    gain = best["c", "best psnr − blurry"]
    assert gain["value"] == pytest.approx(best["c", "best psnr"]["value"] - blurry)
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert PIL.Image.open("results/fig5.png").width > 300
