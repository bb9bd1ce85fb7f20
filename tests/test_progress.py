"""Tests of icdpm.progress, in a terminal and in a log file."""

import io
import subprocess
import sys

import pytest

from icdpm.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, work):
    monkeypatch.setattr(sys, "stderr", stream)
    work()
    return [line.strip() for line in stream.getvalue().split("\r") if line.strip()]


def test_bar_shows_progress_speed_and_time_left(monkeypatch):
    def work():
        with progress_bar("restoring", 4, "step", initial=1) as bar:
            bar.set_postfix({"loss": "0.5"})
            for _ in range(3):
                bar.update(1 / 3)

    first, *_, last = shown(monkeypatch, Terminal(), work)
    assert first.startswith("restoring:  25%|") and "| 1/4 steps [00:00<" in first
    assert last.startswith("restoring:  50%|") and "| 2/4 steps [00:00<" in last and "step/s, loss=0.5]" in last


@pytest.mark.parametrize(
    "count, total, unit, text",
    [(2.5, 10, "step", "2.5/10 steps"), (3, 7.5, "image", "3/7.5 images"), (1_500_000, 20_000_000, "B", "1.50M/20.0M B")],
)
def test_formats_of_counts(monkeypatch, count, total, unit, text):
    def work():
        with progress_bar("work", total, unit) as bar:
            bar.update(count)

    assert f"| {text} [" in shown(monkeypatch, Terminal(), work)[-1]


def test_log_file_gets_few_lines(monkeypatch):
    items = []
    lines = shown(monkeypatch, io.StringIO(), lambda: items.extend(progress_bar("work", 5000, iterable=range(5000))))
    assert items == list(range(5000))
    assert len(lines) == 2 and "| 0/5000 images [" in lines[0] and "| 5000/5000 images [" in lines[1]


def test_empty_total_shows_nothing(monkeypatch):
    def work():
        with progress_bar("work", 0) as bar:
            bar.set_description("more")
            bar.update()

    assert shown(monkeypatch, Terminal(), work) == []


def test_printed_lines_are_not_mixed_with_the_bar():
    script = (
        "import sys; from icdpm.progress import print_above, progress_bar\n"
        "with progress_bar('work', 2) as bar:\n    bar.update(); print_above('a line'); print_above('result', sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "a line" in [line.strip() for line in done.stderr.replace("\r", "\n").split("\n")] and done.stdout == "result\n"
