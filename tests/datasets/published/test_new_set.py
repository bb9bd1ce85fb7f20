"""A new data set, added by an entry in the table, a layout and a builder."""

import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

BUILDER = '''
from icdpm_datasets.published import sets
from icdpm_datasets.published.builder import PairBuilder
from icdpm_datasets.published.layout import Layout, match_pairs


class StreetLayout(Layout):
    title, tree, page = "Street", "{dull,crisp}/CAM_N.png", "https://example.org/street"
    archives, counts = (), {"test": 2}

    def is_root(self, folder):
        return (folder / "dull").is_dir()

    def list_pairs(self, root, problems):
        return {"test": match_pairs("", root / "dull", root / "crisp", problems)}


STREET = sets.PublishedSet(
    name="street",
    variants={"": sets.Variant("Streets.", StreetLayout())},
    benchmarks={"street": sets.Benchmark("Street test", train="", test="")},
    pair_names=(r"(CAM_\\d)(?:_restored)?", r"\\1"),
)
sets.PUBLISHED += (STREET,)
sets.NAMES += ("street",)


class Street(PairBuilder, published=STREET):
    """Streets."""
'''

PROGRAM = """
import sys

import street.street_dataset_builder
from icdpm.evaluation.pairing import pair_folders, pair_with_source
from icdpm_datasets.prepare.published import prepare_published
from icdpm_datasets.published import sets
from icdpm_datasets.load import load_pairs

tree, records, results = sys.argv[1:]
prepare_published("street", tree, records)
source = load_pairs("street", "test", records)
assert source.names == ["CAM_1", "CAM_2"]
assert list(pair_with_source({"ours": results}, source).sharp) == source.names
assert pair_folders({"ours": results}, tree, tree).description.startswith("2 pairs of Street test in")
assert "street" in sets.overview() and "https://example.org/street" in sets.overview()
"""


def test_it_is_prepared_loaded_and_paired(tmp_path, published, write_image):
    for name in ("CAM_1", "CAM_2"):
        published.pair(tmp_path / f"tree/dull/{name}.png", tmp_path / f"tree/crisp/{name}.png")
        write_image(tmp_path / f"results/{name}_restored.png", np.zeros((24, 32, 3), np.uint8))
    arguments = [str(tmp_path / name) for name in ("tree", "records", "results")]
    (tmp_path / "street").mkdir()
    (tmp_path / "street/street_dataset_builder.py").write_text(BUILDER)
    (tmp_path / "street/__init__.py").touch()
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
