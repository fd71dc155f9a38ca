"""Decimals that no double can tell apart are different values all the same."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from tests.unit.metrics.delta import LOG, SCHEMA, Monitored, rows

if TYPE_CHECKING:
    from pathlib import Path

CELLS: dict[str, tuple[pa.DataType, list[Decimal | None]]] = {
    "key": (pa.decimal128(38, 0), [Decimal(10**37 + at // 2) for at in range(40)]),
    "fine": (pa.decimal128(38, 18), [Decimal(1) + Decimal(at // 4).scaleb(-18) for at in range(40)]),
    "money": (pa.decimal128(18, 2), [None if at % 5 == 0 else Decimal(at % 3) for at in range(40)]),
    "small": (pa.decimal128(10, 2), [Decimal(at % 7) / 4 for at in range(40)]),
}


def test_each_is_counted_in_every_group(tmp_path: Path) -> None:
    monitored = Monitored(tmp_path)
    schema = pa.schema([*SCHEMA, *((name, kind) for name, (kind, _) in CELLS.items())])
    some = rows(40, 18)
    filled = [row | {name: values[at] for name, (_, values) in CELLS.items()} for at, row in enumerate(some)]
    monitored.append(filled, schema=schema)
    monitored.refresh(dataclasses.replace(LOG, slicing_exprs=("city",)))
    for city in (None, "Bern", "Genf", "Zürich"):
        for name, (_, values) in CELLS.items():
            here = [
                value
                for value, row in zip(values, some, strict=True)
                if city in (None, row["city"]) and value is not None
            ]
            [cell] = monitored.query(
                "SELECT distinct_count AS n, percent_distinct AS share, count, min, max FROM profile "  # noqa: S608
                f"WHERE column_name = '{name}' AND model_id = '*' "
                f"AND slice_value IS NOT DISTINCT FROM {'NULL' if city is None else repr(city)}"
            )
            assert cell == {
                "n": len(set(here)),
                "share": len(set(here)) / len(here) * 100,
                "count": len(here),
                "min": float(min(here)),
                "max": float(max(here)),
            }
