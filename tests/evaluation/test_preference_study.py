"""Tests of the preference study: the page in a real browser, and the table of answers."""

import io
import json
import re
import time

import numpy as np
import PIL.Image
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import wilson_interval
from icdpm.evaluation.preference_study import (
    format_preferences,
    preference_fractions,
    preference_rows,
    read_answers,
    write_preference_page,
    write_preferences,
)

# Each method's images have a color of their own, with a pattern; blurry ones are gray.
COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
BLURRY = (128, 128, 128)


def painted(color, number, height=90, width=120):
    pixels = np.full((height, width, 3), color, np.uint8)
    pixels[10 * number : 10 * number + 8, ::2] += 10
    return pixels


@pytest.fixture
def methods(write):
    return {
        method: write(method, {f"photo_{number}.png": painted(color, number) for number in range(5)})
        for method, color in COLORS.items()
    }


@pytest.fixture
def page(write, methods, tmp_path):
    blurry = write("blurry", {f"photo_{number}.png": painted(BLURRY, number) for number in range(5)})
    path = tmp_path / "page.html"
    assert write_preference_page(methods, path, blurry, count=2, crop=64, seed=3) == 6
    return path


def study_of(path):
    return json.loads(re.search(r'id="study">(.*?)</script>', path.read_text(), re.DOTALL)[1])


class Rater:
    """A simulated rater, who sees pixels and presses buttons and keys."""

    def __init__(self, browser, page, name):
        self.browser = browser
        browser.get(page.as_uri())
        self.find("#rater").send_keys(name)
        self.find("#begin button").click()

    def find(self, selector):
        return next(each for each in self.browser.find_elements("css selector", selector) if each.is_displayed())

    def press(self, key):
        self.find("body").send_keys(key)

    def sees(self, side):
        """The color in the middle of a pane."""
        pixels = np.asarray(PIL.Image.open(io.BytesIO(self.find(f"#{side}").screenshot_as_png)).convert("RGB"))
        middle = pixels[pixels.shape[0] // 2 - 8 : pixels.shape[0] // 2 + 8, pixels.shape[1] // 2 - 8 :][:, :16].astype(int)
        known = {**COLORS, "blurry": BLURRY}
        return min(known, key=lambda name: np.abs(middle - known[name]).sum())

    def waits_for(self, text):
        """Returns once the page says `text`."""
        for _ in range(3000):
            shown = self.find("body").text
            if text in shown:
                return
            time.sleep(0.02)
        raise AssertionError(f"{text!r} did not appear, only {shown!r}")

    def saves(self, name):
        """The answers that the button saves."""
        self.find(".save").click()
        path = self.browser.downloads / f"answers-{name}.json"
        for _ in range(3000):
            if path.exists():
                break
            time.sleep(0.02)
        return path


@pytest.mark.slow
def test_raters_compare_save_and_are_counted(browser, page, tmp_path):
    order = {}
    for name, best in [("Anna B", "green"), ("2", "red")]:
        rater = Rater(browser, page, name)
        order[name] = []
        for number in range(1, 7):
            rater.waits_for(f"{number} of 6")
            sides = {rater.sees(side): side for side in ("left", "right")}
            order[name].append(tuple(sides))
            # Each prefers a method, and where it is not there the one on the left.
            side = sides.get(best, "left")
            if number % 2:
                rater.find(f"#choose-{side}").click()
            else:
                rater.press({"left": Keys.ARROW_LEFT, "right": Keys.ARROW_RIGHT}[side])
        rater.waits_for("Thank you")
        rater.saves({"Anna B": "Anna_B"}.get(name, name))
    assert browser.get_log("browser") == []
    # Every two methods on both images; the order and the sides are each rater's own.
    for seen in order.values():
        assert sorted(map(sorted, seen)) == sorted(map(sorted, [("red", "green"), ("red", "blue"), ("green", "blue")] * 2))
    assert order["Anna B"] != order["2"]

    paths = sorted(browser.downloads.glob("answers-*.json"))
    answers = read_answers(paths)
    assert set(answers.ratings) == {"Anna B", "2"} and answers.comparisons == 6
    fractions = preference_fractions(answers)
    assert fractions["green", "red"][:2] == (2, 4) and fractions["green", "blue"].preferred >= 2
    anna = [(left, right) for _, left, right, _ in answers.ratings["Anna B"]]
    assert anna == order["Anna B"]
    assert all(winner == "green" for _, left, right, winner in answers.ratings["Anna B"] if "green" in (left, right))
    names = {image for image, *_ in answers.ratings["2"]}
    assert names == {each["name"] for each in study_of(page)["images"]}

    # The same rater again gets the same order, and goes on where it was left, even with a choice taken back.
    rater = Rater(browser, page, "Anna B")
    rater.waits_for("Thank you")
    rater.find("#back").click()
    rater.waits_for("6 of 6")
    assert (rater.sees("left"), rater.sees("right")) == order["Anna B"][5]
    for path in paths:
        path.unlink()
    rater.saves("Anna_B")
    text = format_preferences(read_answers(browser.downloads.glob("answers-*")))
    assert "Not all 6 comparisons were made by: Anna B (5)." in text


def test_zoom_and_blurry_image(browser, page):
    rater = Rater(browser, page, "eyes")
    rater.waits_for("1 of 6")

    def place(side):
        """Returns left, top, width and height on the screen of the image in a pane."""
        script = (
            f"const r = document.querySelector('#{side} img').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
        )
        return np.array(browser.execute_script(script))

    rater.find("[data-zoom='1']").click()
    assert place("left")[2] == 64
    rater.find("[data-zoom='4']").click()
    assert place("left")[2] == 256 == place("right")[2]
    # The wheel zooms further than the pane, where the image can be moved; both sides go together.
    pane = rater.find("#left")
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(pane), 0, -600).perform()
    before, apart = place("left"), place("right") - place("left")
    assert before[2] == 1024
    ActionChains(browser).drag_and_drop_by_offset(pane, 40, 30).perform()
    assert list(place("left") - before) == [40, 30, 0, 0]
    assert list(place("right") - place("left")) == list(apart)
    rater.find("[data-zoom='fit']").click()
    assert place("left")[3] == pytest.approx(pane.rect["height"], abs=1)

    first = rater.sees("left")
    ActionChains(browser).click_and_hold(rater.find("#show-blurry")).perform()
    assert rater.sees("left") == rater.sees("right") == "blurry"
    ActionChains(browser).release().perform()
    assert rater.sees("left") == first
    assert browser.get_log("browser") == []


def test_the_page_is_one_file_determined_by_the_seed(methods, page, tmp_path):
    text = page.read_text()
    assert not re.search(r"https?://|src=|<link", text.split('id="study"')[0])
    study = study_of(page)
    assert study["methods"] == list(COLORS) and len(study["images"]) == 2
    write_preference_page(methods, tmp_path / "again.html", page.parent / "blurry", count=2, crop=64, seed=3)
    assert (tmp_path / "again.html").read_text() == text
    write_preference_page(methods, tmp_path / "other.html", count=9, crop=64, seed=4)
    other = study_of(tmp_path / "other.html")
    assert other["id"] != study["id"] and [each["name"] for each in other["images"]] == [f"photo_{i}" for i in range(5)]
    assert other["images"][0]["blurry"] is None


def test_invalid_methods_are_reported(methods, write, noise, tmp_path):
    with pytest.raises(IcdpmError, match="requires at least two methods"):
        write_preference_page({"red": methods["red"]}, tmp_path / "page.html")
    other = write("other", {f"photo_{number}.png": noise(number) for number in range(5)})
    with pytest.raises(IcdpmError, match="photo_0.png is 48×40, not 120×90 as"):
        write_preference_page({"red": methods["red"], "other": other}, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def saved(folder, name, answers, **changes):
    content = {"study": "s", "methods": ["a", "b", "c"], "rater": name, "comparisons": 6, **changes}
    content["answers"] = [dict(zip(("image", "left", "right", "preferred"), answer)) for answer in answers]
    path = folder / f"answers-{name}.json"
    path.write_text(json.dumps(content))
    return path


def test_the_table(tmp_path):
    one = saved(tmp_path, "1", [("p", "a", "b", "a"), ("q", "b", "a", "a"), ("p", "b", "c", "c")])
    two = saved(tmp_path, "2", [("p", "b", "a", "b"), ("q", "a", "b", "a")])
    answers = read_answers([one, two])
    fractions = preference_fractions(answers)
    assert fractions["a", "b"][:2] == (3, 4) and fractions["b", "a"][:2] == (1, 4) and fractions["c", "b"][:2] == (1, 1)
    assert ("a", "c") not in fractions
    assert fractions["a", "b"].low == pytest.approx(1 - fractions["b", "a"].high)
    assert format_preferences(answers).splitlines()[:5] == [
        "| preferred over | a | b | c |",
        "|---|---|---|---|",
        "| a | – | 0.75 [0.30, 0.95] | – |",
        "| b | 0.25 [0.05, 0.70] | – | 0.00 [0.00, 0.79] |",
        "| c | – | 1.00 [0.21, 1.00] | – |",
    ]
    assert "5 ratings from 2 raters" in format_preferences(answers)
    write_preferences(tmp_path, answers)
    rows = json.loads((tmp_path / "preference.json").read_text())["rows"]
    assert rows == preference_rows(answers) and len(rows) == 4
    assert {"method": "a", "over": "b", "preferred": 3, "ratings": 4}.items() <= rows[0].items()


@pytest.mark.parametrize(
    "successes, trials, low, high",
    # The examples of Newcombe, "Two-sided confidence intervals for the single proportion" (1998).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_invalid_answer_files_are_reported(tmp_path):
    answer = ("p", "a", "b", "a")
    good = saved(tmp_path, "good", [answer])
    for name, content, words in [
        ("text", "no answers", "is not JSON"),
        ("other", '{"rows": []}', "is not a file of answers as the page saves it"),
        ("list", "[1]", "is not a file of answers as the page saves it"),
    ]:
        (tmp_path / name).write_text(content)
        with pytest.raises(IcdpmError, match=f"{name} is not a file of answers.*{words}|{name} {words}"):
            read_answers([good, tmp_path / name])
    for answers, changes, words in [
        ([("p", "a", "b", "c")], {}, "as the page saves it"),
        ([("p", "a", "a", "a")], {}, "as the page saves it"),
        ([("p", "a", "x", "x")], {}, "as the page saves it"),
        ([answer, ("p", "b", "a", "a")], {}, "as the page saves it"),
        ([answer], {"study": "another"}, "answers to different pages"),
        ([answer], {"methods": ["a", "b"]}, "answers to different pages"),
        ([answer], {"comparisons": 7}, "answers to different pages"),
        ([answer], {"methods": {"a": 1, "b": 2}}, "as the page saves it"),
        ([answer], {"methods": ["a", "b", 3]}, "as the page saves it"),
        ([answer], {"rater": "good"}, "are both of rater good"),
        ([answer], {"rater": ["bad"]}, "as the page saves it"),
    ]:
        with pytest.raises(IcdpmError, match=words):
            read_answers([good, saved(tmp_path, "bad", answers, **changes)])
    with pytest.raises(IcdpmError, match="missing.json cannot be read: No such file"):
        read_answers([tmp_path / "missing.json"])
    with pytest.raises(IcdpmError, match="No answers were given"):
        read_answers([])
