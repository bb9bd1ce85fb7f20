"""The recipes that come with the project, and files of one's own."""

import pytest

from icdpm.configs import config_names, load_config
from icdpm.errors import IcdpmError


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
    for change, said in [
        ("data.batch", "section.field=value"),
        ("data.bath=8", "'data.bath'"),
        ("data=8", "'data'"),
        ("data.batch=x", "data.batch is 'x'"),
        ("bath.tub=8", "'bath.tub'"),
    ]:
        with pytest.raises(IcdpmError, match=said):
            load_config("tiny", [change])


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "there is no config"),
        ("x = 1", "get_config"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("def get_config(): return 3", "it must give the config"),
        ("from icdpm.systems.config import default_config as get_config\nx = get_config()\nx.tub = 3", "tub"),
        ("def get_config(): return {'tub': 3}", "'tub'"),
    ],
)
def test_config_files_that_fail(tmp_path, content, said):
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(IcdpmError, match=said):
        load_config(path)
