"""icdpm-export as a command."""

import pytest

pytestmark = pytest.mark.slow


def test_invalid_flags_are_one_line_errors(micro_workdir, run_each):
    cases = [
        ([f"--workdir={micro_workdir}"], "--output is missing"),
        ([f"--workdir={micro_workdir}", "--output=1", "--precision=float16"], "should be one of <float32|mixed_bfloat16>"),
        ([f"--workdir={micro_workdir}", "--output=1", "more"], "unexpected argument 'more'"),
        ([f"--workdir={micro_workdir}", "--output=1", "--preset=nope"], "`preset` must be one of fast, balanced, paper"),
    ]
    for done, (_, message) in zip(run_each("export", [arguments for arguments, _ in cases]), cases):
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_an_export(micro_workdir, tmp_path, run_each):
    where = [f"--workdir={micro_workdir}", f"--output={tmp_path}/models/icdpm/1"]
    flags = ["--precision=mixed_bfloat16", "--preset=fast", "--steps=2", "--max_pixels=5000"]
    [done] = run_each("export", [[*where, *flags]])
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert done.stdout == f"exported to {tmp_path}/models/icdpm/1; see {tmp_path}/models/icdpm/1/MODEL_CARD.md\n"
    card = (tmp_path / "models/icdpm/1/MODEL_CARD.md").read_text()
    assert "| `serving_default`, `restore` | ancestral | 2 | 0.99 | 1 |" in card and "up to 5000 pixels" in card
    assert "mixed_bfloat16" in card and [path.name for path in (tmp_path / "models/icdpm").iterdir()] == ["1"]


def test_a_missing_package_is_a_one_line_error(micro_workdir, tmp_path, run_each):
    (tmp_path / "tensorflow_serving.py").write_text("raise ImportError")
    flags = [f"--workdir={micro_workdir}", f"--output={tmp_path}/1"]
    [done] = run_each("export", [flags], {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and not (tmp_path / "1").exists()
    assert "pip install --no-deps 'tensorflow-serving-api==2." in done.stderr
