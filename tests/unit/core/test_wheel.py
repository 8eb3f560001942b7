"""The wheel: the product and its data, never the stand-ins."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[3]


def test_the_wheel_ships_the_product_with_its_data_and_nothing_else(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert "sync/data/plaid_pfc_v2.json" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"api", "workers", "sync"}
