"""icdpm-evaluate as a command: its tables, one-line errors, and interrupts."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest

pytestmark = pytest.mark.slow
RUN = "import sys; sys.argv[0] = 'icdpm-evaluate'; from icdpm.commands.evaluate import run; run()"


@pytest.fixture
def evaluate_each(run_each):
    """Function ([arguments of a run, …], **environment) -> [(exit status, stderr)]."""

    def evaluate_each(cases, **environment):
        runs = run_each("evaluate", cases, environment)
        assert not any("Traceback" in done.stderr for done in runs), runs
        return [(done.returncode, "\n".join(done.stderr.splitlines())) for done in runs]

    return evaluate_each


def noise_image(seed, height=24, width=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def data(tmp_path):
    """A folder with sharp/, blur/ and others' results."""
    for name, shift in [("sharp", 0), ("blur", 2), ("others", 1)]:
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(3):
            shifted = (noise_image(index).astype(int) * (8 - shift) // 8).astype(np.uint8)
            PIL.Image.fromarray(shifted).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def test_all_subcommands(data, micro_workdir, tmp_path, evaluate_each):
    out, page = tmp_path / "out", tmp_path / "page.html"
    answers = tmp_path / "answers.json"
    answer = {"image": "0", "left": "blur", "right": "others", "preferred": "others"}
    content = {"study": "s", "methods": ["blur", "others"], "rater": "1", "comparisons": 3, "answers": [answer]}
    answers.write_text(json.dumps(content))
    others, blurry = f"--restored={data / 'others'}", f"--blurry={data / 'blur'}"
    results = evaluate_each(
        [
            [others, f"--sharp={data / 'sharp'}", blurry, "--metrics=psnr,ssim,niqe", f"--output={out / '1'}"],
            [
                f"--workdir={micro_workdir}",
                f"--dataset={data}",
                others,
                "--samples=2",
                "--metrics=psnr",
                f"--output={out / '2'}",
            ],
            ["preference", f"--method={data / 'others'}", f"--method=b={data / 'blur'}", blurry, f"--output={page}"],
            ["preference-table", answers, f"--output={out}"],
            ["--workdir=packaged", f"--dataset={data}", "--metrics=psnr", f"--output={out / '3'}"],
        ],
        ICDPM_CACHE=str(tmp_path / "no weights"),
    )
    assert [status for status, _ in results] == [0] * 5, results
    summary = json.loads((out / "1" / "summary.json").read_text())
    values = {(row["method"], row["metric"]): row["value"] for row in summary["rows"]}
    assert values["others", "psnr"] > values["blurry", "psnr"] and list(summary["not_available"]) == ["niqe"]
    summary = json.loads((out / "2" / "summary.json").read_text())
    assert {row["method"] for row in summary["rows"]} == {"blurry", "others", "micro"}
    assert "micro restores with sampler ancestral, steps 3" in summary["description"]
    assert PIL.Image.open(out / "2" / "micro" / "1.png").size == (32, 24)
    assert (out / "3" / "packaged.csv").is_file() and (out / "3" / "packaged" / "1.png").is_file()
    assert page.stat().st_size > 10000
    assert "| others | 1.00 [0.21, 1.00] | – |" in (out / "preference.md").read_text()


def test_invalid_flags_and_inputs(data, tmp_path, evaluate_each):
    out = tmp_path / "out"
    sharp, others, output = f"--sharp={data / 'sharp'}", f"--restored={data / 'others'}", f"--output={out}"
    one = tmp_path / "one"
    one.mkdir()
    PIL.Image.fromarray(noise_image(0)).save(one / "0.png")
    (tmp_path / "photos").mkdir()
    wrong = [
        [["measure", output], 2, "unknown subcommand 'measure'; the subcommands are fit-niqe, preference, preference-table"],
        [[others, output], 2, "give exactly one of --sharp and --dataset"],
        [[others, sharp, "--dataset=embedded", output], 2, "give exactly one of --sharp and --dataset"],
        [[sharp, output], 2, "--restored is missing"],
        [[others, sharp], 2, "--output is missing"],
        [[others, sharp, output, "--samples=2"], 2, "--samples requires --workdir"],
        [[others, sharp, output, "--workdir=w"], 2, "--workdir requires --dataset"],
        [["--dataset=embedded", "--blurry=b", output], 2, "--blurry requires --sharp"],
        [["preference", "--sharp=x", output], 2, "--sharp is not a flag of preference"],
        [["fit-niqe", output], 2, "--photos is missing"],
        [["preference-table", "a.json", "--metrics=psnr"], 2, "--metrics is not a flag of preference-table"],
        [["preference", "more", output], 2, "unexpected argument 'more'"],
        [[others, sharp, output, "--data_dir=d"], 2, "--data_dir requires --dataset"],
        [[others, sharp, output, "--metrics=niqe", "--align=ecc"], 2, "--align requires --metrics with psnr or ssim"],
        [[others, sharp, output, "--metrics=psnr", "--patch_size=64"], 2, "--patch_size requires --metrics with fid or kid"],
        [[others, sharp, output, "--metrics=psnr", "--niqe_model=m"], 2, "--niqe_model requires --metrics with niqe"],
        [[others, sharp, output, "--metrics=psnr,pnsr"], 2, "Unknown metrics: pnsr. The metrics are psnr"],
        [[others, f"--sharp={one}", output], 1, "1 has no sharp image; 2 has no sharp image"],
        [[f"--restored={one}", sharp, output], 1, "1 has no one image; 2 has no one image"],
        [[others, "--restored=x/others", sharp, output], 1, "are both called others. Name them: NAME=DIR"],
        [[others, "--dataset=nowhere", output], 1, "nowhere is neither a known data set"],
        [["fit-niqe", f"--photos={tmp_path / 'photos'}", output], 1, "photos has no images"],
        [["preference-table"], 1, "No answers were given"],
        [["preference", "--method=a=x", output], 1, "requires at least two methods"],
    ]
    for (arguments, status, words), (got, stderr) in zip(wrong, evaluate_each([arguments for arguments, *_ in wrong])):
        assert got == status and words in stderr and stderr.startswith("icdpm-evaluate: error: "), (arguments, got, stderr)
        assert len(stderr.splitlines()) == 1
    assert not out.exists()


def test_an_interrupt_keeps_measured_values(tmp_path, evaluate_each):
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(60):
        PIL.Image.fromarray(noise_image(index, 300, 400)).save(folder / f"{index}.png")
    out = tmp_path / "out"
    arguments = [f"--restored={folder}", f"--sharp={folder}", f"--output={out}", "--metrics=psnr,ssim_matlab_rgb"]
    running = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    table = out / "many.csv"
    for _ in range(6000):
        time.sleep(0.02)
        if table.exists() and table.read_text().count("\n") > 3:
            break
    # A terminal sends the signal to all processes of the group.
    os.killpg(running.pid, signal.SIGINT)
    stderr = running.communicate(timeout=60)[1]
    assert running.returncode == 130 and stderr.endswith("icdpm-evaluate: interrupted\n") and "Traceback" not in stderr, stderr
    kept = table.read_text().count("\n") - 1
    assert 3 <= kept < 60 and not (out / "summary.json").exists()
    assert evaluate_each([arguments])[0][0] == 0
    assert table.read_text().count("\n") == 61
