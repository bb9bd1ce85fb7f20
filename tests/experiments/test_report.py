"""Tests of the report: its content, and its behavior in a real browser."""

import re

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.writing import write_image
from icdpm_experiments.figures import find_largest_difference, write_gallery
from icdpm_experiments.paper.scales import MicroScale
from icdpm_experiments.report import data_url, first_heading, render_markdown, section_names, write_report
from icdpm_experiments.results import write_results


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# A & B", "<h2>A &amp; B</h2>"),
        ("one\ntwo", "<p>one\ntwo</p>"),
        ("**strong**, *slanted*, `code`", "<p><strong>strong</strong>, <em>slanted</em>, <code>code</code></p>"),
        ("- one\n- [two](https://a.b/c)", '<ul>\n<li>one</li>\n<li><a href="https://a.b/c">two</a></li>\n</ul>'),
        ("<script>", "<p>&lt;script&gt;</p>"),
        ("a_b × c_d", "<p>a_b × c_d</p>"),
    ],
)
def test_markdown_becomes_html(markdown, html):
    assert render_markdown(markdown) == html


def test_a_table_keeps_its_cells():
    html = render_markdown("| | psnr |\n|---|---|\n| Ours | 25.5 (33.2) |\n| <b> |  |")
    cells = re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", html)
    assert cells == ["", "psnr", "Ours", "25.5 (33.2)", "&lt;b&gt;", ""]
    assert re.findall(r"<t[hd]( [^>]*)?>", html)[:4] == [' scope="col"', ' scope="col"', ' scope="row"', ""]
    assert html.startswith("<div ") and 'tabindex="0"' in html.partition("<table>")[0]
    assert first_heading("text\n# The title\nmore") == "The title" and first_heading("none") is None


def test_crops_show_the_largest_difference():
    sharp = np.full((60, 80, 3), 100, np.uint8)
    blurry = sharp.copy()
    blurry[30:50, 50:70] = 180
    x, y = find_largest_difference(blurry, sharp, 20)
    assert abs(x - 60) <= 1 and abs(y - 40) <= 1


def test_small_images_are_embedded_losslessly():
    import base64
    import io

    import PIL.Image

    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    content = base64.b64decode(data_url(image).partition(",")[2])
    assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(content))), image)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a table with its images, a table without, and a figure."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pairs = MicroScale().test_pairs("realblur_j")
        for index, name in enumerate(pairs.names):
            blurry, sharp = pairs.load(index)
            # Another method's images may have another format.
            write_image(folder / "ours" / f"{name}.bmp", (blurry // 2 + sharp // 2))
        row = {"row": "Ours", "dataset": "x", "metric": "psnr", "value": 20.0, "published": 28.56}
        common = {"command": "make x", "data": "y", "scale": "micro", "rows": [row], "test_set": "realblur_j"}
        write_results("table4", title="Table 4", restored={"Ours": str(folder / "ours")}, **common)
        notes = ["![strip](images/01.jpg) [plot](fig4.png)"]
        write_results("table5", title="Table 5", restored={"Ours": "nowhere"}, notes=notes, **common)
        write_image(folder / "results/images/01.jpg", pairs.load(0)[0])
        write_gallery(folder / "results/fig4.png", ["one"], [[pairs.load(0)[0]]])
        path, missing = write_report(2)
    assert len(missing) == 1 and "table5" in missing[0]
    return folder / path


def test_the_page_is_complete_and_self_contained(page, tmp_path):
    text = page.read_text()
    assert re.findall(r'<section id="([^"]+)"', text) == ["table4", "table5", "fig4", "table4-images", "table5-images"]
    assert text.count('<article class="image"') == 2 and "{{" not in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "make bench-table5 restores them" in text and "test the code path" in text
    assert text.count("data:image/webp") == 2 * 3 and text.count("data:image/png") == text.count("data:image/jpeg") == 1
    assert "<span>plot</span>" in text


def test_an_empty_folder_is_reported():
    with pytest.raises(IcdpmError, match="has no results yet. Run make demo or another target"):
        write_report(2)


def test_images_are_compared_by_mouse_and_keyboard(page, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get(page.as_uri())
    card = browser.find_element(By.CSS_SELECTOR, ".image")
    WebDriverWait(browser, 10).until(lambda _: card.find_element(By.CSS_SELECTOR, ".lens").get_attribute("style"))
    left, right = map(Select, browser.find_elements(By.CSS_SELECTOR, "select"))
    assert (left.first_selected_option.text, right.first_selected_option.text) == ("blurry", "Ours")

    def crops():
        script = "return [...arguments[0].querySelectorAll('canvas')].map(each => each.toDataURL())"
        return browser.execute_script(script, card)

    def shown(side):
        (image,) = card.find_elements(By.CSS_SELECTOR, f"img.{side}")
        return image.get_attribute("data-version")

    first = crops()
    assert len(set(first)) == 3  # blurry, Ours, sharp differ there
    # The slider, by keyboard: from the middle ten steps to the left.
    slider = card.find_element(By.CSS_SELECTOR, "input")
    slider.send_keys(*[Keys.ARROW_LEFT] * 10)
    assert slider.get_attribute("value") == "40"
    stage = card.find_element(By.CSS_SELECTOR, ".stage")
    assert "--cut: 40%" in stage.get_attribute("style")
    # The crops, by keyboard, and by mouse.
    card.find_element(By.CSS_SELECTOR, ".crops").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    second = crops()
    assert all(a != b for a, b in zip(first, second))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    ActionChains(browser).move_to_element_with_offset(stage, -50, 40).perform()
    assert all(a != b for a, b in zip(second, crops()))
    # Other versions.
    left.select_by_visible_text("sharp")
    assert (shown("left"), shown("right")) == ("sharp", "Ours")
    names = browser.execute_script("return [...document.querySelectorAll('input, .crops')].map(each => each.ariaLabel)")
    assert all(names) and len(names) == 4
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    # Nothing is wider than the window, not on a telephone either.
    browser.set_window_size(420, 800)
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    browser.set_window_size(1280, 800)
    assert wide <= 0


def test_sections_are_sorted_by_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for name in ("demo", "fig4", "table8_small", "table8", "table11"):
        (tmp_path / f"results/{name}.md").write_text(f"# {name}")
    assert section_names() == ["table8", "table8_small", "table11", "fig4", "demo"]
