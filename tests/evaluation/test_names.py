"""One name for a pair, however its pictures are called."""

import pytest

from icdpm.evaluation.names import pair_name


@pytest.mark.parametrize(
    "name, paths",
    [
        (
            "GOPR0384_11_00/000001",
            [
                "GOPR0384_11_00/000001",
                "GOPR0384_11_00/sharp/000001",
                "GOPR0384_11_00/blur/000001",
                "GOPR0384_11_00/blur_gamma/000001",
                "GOPR0384_11_00-000001",
                "GOPR0384_11_00_000001",
                "GOPR0384_11_00_blur_000001",
            ],
        ),
        ("1fromGOPR0950", ["1fromGOPR0950", "test/test-close-ups/1fromGOPR0950", "test-long-shot/1fromGOPR0950"]),
        (
            "scene050/blur_12",
            ["scene050/blur_12", "scene050/gt/gt_12", "scene050/blur/blur_12", "scene050_blur_12", "scene050-12"],
        ),
        ("scene244/blur_1", ["scene244_reflect/gt/gt_1", "scene244_reflect/blur_1", "scene244_1", "scene244_reflect_blur_1"]),
        ("000/00000009", ["000/00000009", "000_00000009", "000-00000009"]),
        ("mine/GOPR0384_11_00/000001", ["mine/GOPR0384_11_00-000001"]),
        ("mine/photo", ["mine/photo"]),
        ("2000_00000009", ["2000_00000009"]),
        ("xGOPR0384_11_00-000001", ["xGOPR0384_11_00-000001"]),
    ],
)
def test_all_forms_of_a_name(name, paths):
    assert {pair_name(path) for path in paths} == {name}
    assert pair_name(name) == name
