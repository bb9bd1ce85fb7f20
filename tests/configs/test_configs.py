"""The packaged configs, and config files of users."""

import re
from pathlib import Path

import pytest

import icdpm
from icdpm.configs import change_config, config_names, load_config
from icdpm.errors import IcdpmError
from icdpm.models.config import default_config
from icdpm.models.registry import MODELS


def test_every_config_loads_under_its_own_name():
    names = config_names()
    assert {f"table2_{row}" for row in "abcdef"} | {f"table8_{row}" for row in "abcde"} <= set(names)
    assert {"table9_without_concatenation", "tiny"} <= set(names)
    for name in names:
        assert load_config(name).name == name


def test_variants_are_what_the_tables_say():
    def variant(name):
        config = load_config(name)
        guidance = config.guidance
        return config.unet.channels, guidance.channels, guidance.scales, guidance.color, guidance.route

    assert variant("table2_f") == (64, 64, (1, 2, 3), "gray", "latent")
    assert variant("table2_d") == (32, 64, (1, 2, 3), "gray", "latent")
    assert variant("table2_b")[:3] == (64, 32, ())
    assert variant("table8_b") == (32, 32, (3,), "rgb", "input")
    assert variant("table8_c") == (32, 32, (3,), "rgb", "latent")
    assert variant("table8_d") == (32, 32, (1, 2, 3), "rgb", "latent")
    assert not load_config("table9_without_concatenation").unet.concat_blurry


def test_the_papers_recipe():
    config = load_config("table2_c")
    optimizer = config.optimizer
    assert (config.data.batch, config.data.crop) == (256, 128)
    assert (optimizer.learning_rate, optimizer.learning_rate_ramp, optimizer.noise_loss_ramp) == (1e-4, 20_000, 60_000)
    assert (optimizer.beta_1, optimizer.beta_2, config.diffusion.parametrisation) == (0.5, 0.999, "noise")


def fields_of(section, prefix=""):
    """Names such as 'guidance.noise_std' of all fields of a config."""
    for name, value in section.items():
        if hasattr(value, "items"):
            yield from fields_of(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def assumed_in(source):
    """Returns the fields of the lines `config.section.field = value  # … assumed …`; in `unets.default_section`, of unet."""
    lines = re.findall(r"^ +(config|fields)\.([\w.]+) = [^#\n]*#[^\n]*\bassumed\b", source, re.MULTILINE)
    return {name if start == "config" else f"unet.{name}" for start, name in lines}


def test_lines_that_are_marked_are_found():
    source = "    config.a.b = 1  # why (assumed)\n    fields.c = (2, 3)  # assumed: why\n    config.d = 0  # stated\n"
    assert assumed_in(source) == {"a.b", "unet.c"}


def test_the_list_of_assumed_values_is_that_of_the_marked_fields():
    package = Path(icdpm.__file__).parent
    sources = [path.read_text() for folder in ("models", "configs") for path in (package / folder).glob("*.py")]
    marked = set().union(*map(assumed_in, sources))
    known = {field for model in MODELS for field in fields_of(default_config(model))}
    assert marked <= known
    section = (package / "configs/README.md").read_text().partition("## Assumed values")[2].partition("\n\n")[2]
    table = re.search(r"^\| field \|.*?\n\n", section, re.MULTILINE | re.DOTALL)[0]
    first_column = "\n".join(row.split(" | ")[0] for row in table.splitlines())
    assert known & set(re.findall(r"`([\w.]+)`", first_column)) == marked


def test_a_single_change_may_be_a_text():
    assert load_config("tiny", "unet.channels=8") == load_config("tiny", ["unet.channels=8"])


def test_changes_from_the_command_line():
    config = load_config(
        "tiny",
        [
            "data.batch=8",
            "guidance.scales=(2,)",
            "precision=float32",
            "data.augment=false",
            "optimizer.gradient_clip=2",
        ],
    )
    assert (config.data.batch, config.guidance.scales, config.precision) == (8, (2,), "float32")
    assert config.data.augment is False and config.optimizer.gradient_clip == 2.0
    for change, message in [
        ("data.batch", "section.field=value"),
        ("data.bath=8", "no field `data.bath`"),
        ("data=8", "no field `data`"),
        ("data.batch={[]: 1}", "`data.batch` must be a whole number"),
        ("data.batch=x", "`data.batch` must be a whole number .* Received: 'x'"),
        ("bath.tub=8", "no field `bath.tub`"),
    ]:
        with pytest.raises(IcdpmError, match=message):
            load_config("tiny", [change])


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "must be the name of a packaged config or an existing .py file"),
        ("x = 1", "get_config"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("def get_config(): return 3", "must return a config. Received: 3"),
        ("from icdpm.models.config import default_config as get_config\nx = get_config()\nx.tub = 3", "tub"),
        ("def get_config(): return {'tub': 3}", "`tub`"),
    ],
)
def test_config_files_that_fail(tmp_path, content, message):
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(IcdpmError, match=message):
        load_config(path)


def test_a_file_may_change_a_packaged_config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from icdpm.configs.small import tiny\n"
        "def get_config():\n"
        "    config = tiny()\n"
        "    config.name = 'mine'\n"
        "    config.unet.channels = 24\n"
        "    return config\n"
    )
    config = load_config(path, ["data.batch=4"])
    assert (config.name, config.unet.channels, config.data.batch) == ("mine", 24, 4)
    tiny = load_config("tiny", ["name=mine", "unet.channels=24", "data.batch=4"])
    assert config == tiny == change_config(tiny.to_dict())
