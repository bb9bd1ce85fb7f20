"""Table 11: counts and results."""

import json

from icdpm.configs import load_config
from icdpm_experiments.paper import table11


def test_table11_counts_the_paper_config():
    counts = table11.count(load_config("table2_a"))
    assert json.loads(json.dumps(counts)) == [6_926_403, 1_199_230_156_800]


def test_table11_writes_all_rows(tmp_path, monkeypatch):
    counts = {"block": lambda config: (config.unet.channels, config.guidance.channels), "scale": lambda config: (1, 2)}
    monkeypatch.setattr(table11, "count", lambda config: counts[config.guidance.projection](config))
    table11.main()
    content = json.loads((tmp_path / "results/table11.json").read_text())
    assert [row["row"] for row in content["rows"]] == list("abcdef")
    assert content["rows"][5] == {
        "row": "f",
        "parameters": 64,
        "flops": 64,
        "scale_parameters": 1,
        "scale_flops": 2,
        "published_parameters": 52_000_000,
        "published_flops": 10_000_000_000_000,
    }
