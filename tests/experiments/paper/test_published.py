"""Published values: checks that need no copy of the papers."""

import pytest

from icdpm_experiments.paper import published
from icdpm_experiments.paper.published import HIDIFF_ABLATION, HIDIFF_SIZES, HIDIFF_TRAINED_ON_GOPRO


def test_every_table_has_the_papers_rows():
    counts = {name: len(getattr(published, f"TABLE{name}")) for name in (1, 2, 3, 4, 5, 6, 7, 8, 9)}
    assert counts == {1: 7, 2: 6, 3: 12, 4: 10, 5: 7, 6: 11, 7: 6, 8: 5, 9: 2}


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_only_the_paper_s_empty_cells_are_empty_and_values_fit_their_metric(number):
    empty = {name: row.count(None) for name, row in getattr(published, f"TABLE{number}").items() if None in row}
    assert empty == {3: {"SimpleNet": 3}, 4: {"DeblurGAN": 4}}.get(number, {})
    for row in getattr(published, f"TABLE{number}").values():
        assert len(row) == 6
        for value, (low, high) in zip(row, [(0.05, 0.25), (2.5, 4.2), (3, 25), (0.5, 10), (26, 34), (0.8, 0.97)]):
            assert value is None or low < value < high


def test_preferences_of_two_methods_add_up_to_one():
    for row, values in published.TABLE7.items():
        for column, value in zip(published.TABLE7_METHODS, values):
            if row == column:
                assert value is None
            else:
                back = published.TABLE7[column][published.TABLE7_METHODS.index(row)]
                assert value + back == pytest.approx(1, abs=1e-9)


def test_values_agree_with_the_text_of_the_paper():
    # §4.3: guidance reduces the gap at each scale; §4.3: (f) has the best out-of-domain LPIPS.
    for k in (2, 4, 8):
        assert all(a < b for a, b in zip(published.TABLE1[f"guidance ×{k}"], published.TABLE1[f"input ×{k}"]))
    assert min(published.TABLE2, key=lambda row: published.TABLE2[row][2]) == "f"
    # Table 9's row with concatenation is Table 8 (d).
    assert published.TABLE9["w/ concatenation"][2:] == published.TABLE8["d"][::-1]


def test_the_sizes_of_the_slides_have_the_psnr_of_their_table_of_results():
    for name, (_, _, psnr) in HIDIFF_SIZES.items():
        if name != "HI-Diff-2":  # only in the table of sizes
            assert psnr == HIDIFF_TRAINED_ON_GOPRO[name][0][0]
    # HI-Diff-2 is as large as the ablation's HI-Diff.
    assert HIDIFF_SIZES["HI-Diff-2"][:2] == HIDIFF_ABLATION["HI-Diff"][:2]
    for metric in (2, 3):
        assert max(HIDIFF_ABLATION, key=lambda row: HIDIFF_ABLATION[row][metric]) == "HI-Diff"


def test_ours_has_the_best_lpips_of_table_2_f():
    best_gopro, _, best_realblur, _ = published.TABLE2["f"]
    assert published.TABLE3["Ours"][0] == best_gopro and published.TABLE4["Ours"][0] == best_realblur


def test_table_8_a_is_within_the_sweep_of_table_2_a_and_table_8_e_beyond_that_of_table_2_c():
    for row, of_table2, is_within in (("a", "a", True), ("e", "c", False)):
        lpips, psnr = published.TABLE8[row]
        best_lpips, best_psnr = published.TABLE2[of_table2][2:]
        assert (lpips >= best_lpips) == is_within and (psnr <= round(best_psnr, 2)) == is_within
