"""Tables may name their columns as the engine's own queries name what they compute."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_monitoring.metrics.definition import CustomMetric
from tests.unit.metrics.delta import LOG, SCHEMA, Monitored, rows

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("s", "v", "f", "h", "x", "value", "window", "0", "filename", 'a"b.c', "d`e f", "Ünï")


def test_any_name_will_do(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    schema = pa.schema([*SCHEMA, *((name, pa.int64()) for name in NAMES)])
    definition = dataclasses.replace(
        LOG,
        slicing_exprs=("s > 4", '`a"b.c` > 4'),
        custom_metrics=(CustomMetric("aggregate", "greatest", NAMES, "max(`{{input_column}}`)", "bigint"),),
    )
    for day in (18, 19):
        some = [row | dict.fromkeys(NAMES, at) for at, row in enumerate(rows(10, day))]
        monitored.append(some, schema=schema)
        report = monitored.refresh(definition)
        assert [window.start.day for window in report.windows["1 day"]] == [day]
    found = monitored.query(
        "SELECT column_name, max, greatest FROM profile "
        "WHERE model_id = '*' AND slice_key IS NULL AND greatest IS NOT NULL"
    )
    assert sorted(cell["column_name"] for cell in found) == sorted([*NAMES, *NAMES])
    assert {(cell["max"], cell["greatest"]) for cell in found} == {(9.0, 9)}
    of_slices = "SELECT slice_key, slice_value, count FROM profile WHERE column_name = ':table'"
    sizes = {
        (cell["slice_key"], cell["slice_value"], cell["count"])
        for cell in monitored.query(of_slices)
        if cell["slice_key"]
    }
    assert sizes == {(key, value, 5) for key in definition.slicing_exprs for value in ("true", "false")}
