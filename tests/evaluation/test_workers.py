"""Work that is started ahead."""

import pytest

from icdpm.evaluation.workers import started_ahead, worker_pool


def test_no_more_than_so_many_are_under_way_and_the_order_stays():
    started = []
    for number, (task, result) in enumerate(started_ahead("abcdefgh", lambda each: started.append(each) or each * 2, 3)):
        assert task == "abcdefgh"[number] and result == task * 2
        assert len(started) <= number + 4
    assert "".join(started) == "abcdefgh"
    assert list(started_ahead("ab", str.upper, 3)) == [("a", "A"), ("b", "B")]


def test_what_was_started_before_a_failure_is_not_lost():
    taken = []
    with pytest.raises(ZeroDivisionError):
        for task, _ in started_ahead([2, 1, 0, 5], lambda each: 1 / each, 3):
            taken.append(task)
    assert taken == [2, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_errors_come_from_the_pool(workers):
    with worker_pool(workers) as pool:
        good, bad = pool.submit(divmod, 7, 2), pool.submit(divmod, 7, 0)
        assert good.result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            bad.result()
