"""Predictions, labels and probabilities that name one class in different ways."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from databricks_monitoring.errors import UnsupportedColumnError
from tests.unit.metrics.delta import LOG, SCHEMA, TIMESTAMP, Monitored, rows

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_monitoring.metrics.definition import MonitorDefinition

Columns = dict[str, tuple[pa.DataType, list[Any]]]

TEXT, WHOLE, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
PROBABILITIES = pa.map_(TEXT, REAL)


def quality(tmp_path: Path, cells: Columns, definition: MonitorDefinition = LOG) -> dict[str, Any]:
    """Return the quality of one day with these columns."""
    monitored = Monitored(tmp_path)
    others = [field for field in SCHEMA if field.name not in cells]
    schema = pa.schema([*others, *((name, kind) for name, (kind, _) in cells.items())])
    count = len(cells["prediction"][1])
    some = [
        row | {name: values[at] for name, (_, values) in cells.items()}
        for at, row in enumerate(rows(count, 18))
    ]
    monitored.append(some, schema=schema)
    monitored.refresh(definition)
    [cell] = monitored.query("SELECT * FROM profile WHERE column_name = ':table' AND model_id = '*'")
    return cell


@pytest.mark.parametrize(
    ("prediction", "label", "classes"),
    [
        ((TEXT, ["1", "0", "1"]), (WHOLE, [1, 0, 0]), ["0", "1"]),
        ((TEXT, ["1.0", "0.0", "1.0"]), (WHOLE, [1, 0, 0]), ["0", "1"]),
        ((WHOLE, [1, 0, 1]), (TEXT, ["1.0", "0", "0.0"]), ["0", "1"]),
        ((REAL, [1.0, 0.0, 1.0]), (TEXT, ["1", "0", "0.0"]), ["0.0", "1.0"]),
        ((REAL, [1.0, 0.0, 1.0]), (WHOLE, [1, 0, 0]), ["0.0", "1.0"]),
        ((REAL, [1.0, -0.0, 1.0]), (REAL, [1.0, 0.0, -0.0]), ["0.0", "1.0"]),
        (
            (pa.decimal128(5, 2), [Decimal(1), Decimal(0), Decimal(1)]),
            (TEXT, ["1", "0", "0.0"]),
            ["0.00", "1.00"],
        ),
        ((FLAG, [True, False, True]), (WHOLE, [1, 0, 0]), ["0", "1"]),
        ((REAL, [1.0, 0.0, 1.0]), (FLAG, [True, False, False]), ["0.0", "1.0"]),
        ((FLAG, [True, False, True]), (TEXT, ["True", "FALSE", "false"]), ["false", "true"]),
        ((WHOLE, [2**53 + 1, 2**53, 2**53 + 1]), (TEXT, [f"{2**53 + 1}", f"{2**53}", f"{2**53}"]), None),
        (
            (pa.date32(), [date(2026, 1, day) for day in (1, 2, 1)]),
            (TEXT, [f"2026-01-0{d}" for d in (1, 2, 2)]),
            None,
        ),
    ],
)
def test_one_class_in_two_types(
    tmp_path: Path,
    prediction: tuple[pa.DataType, list[Any]],
    label: tuple[pa.DataType, list[Any]],
    classes: list[str] | None,
) -> None:
    cell = quality(tmp_path, {"prediction": prediction, "label": label})
    assert cell["accuracy_score"] == pytest.approx(2 / 3)
    if classes:
        assert [name for name, _ in cell["precision"]["one_vs_all"]] == classes


def test_texts_that_spell_no_number_stay_as_they_are(tmp_path: Path) -> None:
    predictions = (TEXT, ["01", "1.5", "one", "nan", None])
    cell = quality(tmp_path, {"prediction": predictions, "label": (WHOLE, [1, 1, 1, 1, 1])})
    pairs = {(pair["prediction"], pair["label"]): pair["count"] for pair in cell["confusion_matrix"]}
    assert pairs == {("1", "1"): 1, ("1.5", "1"): 1, ("one", "1"): 1, ("nan", "1"): 1}


@pytest.mark.parametrize(
    ("kind", "labels", "names"),
    [
        (WHOLE, [0, 1, 0], ("0", "1")),
        (REAL, [0.0, 1.0, 0.0], ("0", "1")),
        (WHOLE, [0, 1, 0], ("0.0", "1.0")),
        (FLAG, [False, True, False], ("False", "True")),
        (TEXT, ["01", "1", "01"], ("01", "1")),
    ],
)
def test_probabilities_of_classes_by_any_name(
    tmp_path: Path, kind: pa.DataType, labels: list[Any], names: tuple[str, str]
) -> None:
    given = [list(zip(names, pair, strict=True)) for pair in ((0.9, 0.1), (0.2, 0.8), (0.4, 0.6))]
    definition = dataclasses.replace(LOG, prediction_proba_column="proba")
    cells = {"prediction": (kind, labels), "label": (kind, labels), "proba": (PROBABILITIES, given)}
    cell = quality(tmp_path, cells, definition)
    assert cell["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.4)) / 3)
    assert [area for _, area in cell["roc_auc_score"]["one_vs_all"]] == [1.0, 1.0]


def test_a_baseline_may_write_two_classes_in_another_type(tmp_path: Path) -> None:
    definition = dataclasses.replace(LOG, prediction_proba_column="proba")
    monitored = Monitored(tmp_path, has_baseline=True)
    for table, kind, classes in (("primary", WHOLE, (0, 1)), ("baseline", REAL, (0.0, 1.0))):
        others = [field for field in SCHEMA if field.name not in ("prediction", "label")]
        schema = pa.schema([*others, ("prediction", kind), ("label", kind), ("proba", REAL)])
        some = [
            row | {"prediction": classes[at % 2], "label": classes[at % 2], "proba": float(at % 2)}
            for at, row in enumerate(rows(4, 18))
        ]
        monitored.append(some, to=table, schema=schema)
    monitored.refresh(definition)
    found = monitored.query("SELECT log_type, log_loss FROM profile WHERE column_name = ':table'")
    assert {cell["log_type"] for cell in found} == {"INPUT", "BASELINE"}
    assert all(cell["log_loss"] == pytest.approx(0.0, abs=1e-12) for cell in found)


def test_probabilities_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    definition = dataclasses.replace(LOG, prediction_proba_column="proba")
    for number, kind in enumerate((pa.map_(TEXT, TEXT), pa.struct([("no", REAL), ("yes", TEXT)]))):
        cells: Columns = {"prediction": (TEXT, ["no"]), "label": (TEXT, ["no"]), "proba": (kind, [None])}
        with pytest.raises(UnsupportedColumnError, match=r"Column 'proba' of probabilities is"):
            quality(tmp_path / str(number), cells, definition)


REGRESSION = dataclasses.replace(LOG, problem_type="regression")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.list_(REAL), [[1.0]]),
        (FLAG, [True]),
        (pa.date32(), [date(2026, 1, 1)]),
        (TIMESTAMP, [None]),
        (pa.binary(), [b"1"]),
    ],
)
@pytest.mark.parametrize("role", ["prediction", "label"])
def test_a_regression_of_what_is_no_number_is_refused(
    tmp_path: Path, role: str, kind: pa.DataType, values: list[Any]
) -> None:
    cells: Columns = {"prediction": (REAL, [1.0]), "label": (REAL, [1.0])}
    with pytest.raises(UnsupportedColumnError, match=f"{role.title()} column '{role}' of a regression is"):
        quality(tmp_path, cells | {role: (kind, values)}, REGRESSION)


def test_texts_of_a_regression_count_where_they_spell_a_number(tmp_path: Path) -> None:
    parts, whole = Monitored(tmp_path / "parts"), Monitored(tmp_path / "whole")
    others = [field for field in SCHEMA if field.name not in ("prediction", "label")]
    schema = pa.schema([*others, ("prediction", TEXT), ("label", REAL)])
    for day, predictions in ((17, ["1.0", "2"]), (18, ["1.0", "none", "nan"])):
        some = [
            row | {"prediction": text, "label": 3.0}
            for row, text in zip(rows(len(predictions), day), predictions, strict=True)
        ]
        for monitored in (parts, whole):
            monitored.append(some, schema=schema)
        parts.refresh(REGRESSION)
    whole.refresh(REGRESSION)
    for monitored in (parts, whole):
        found = monitored.query(
            "SELECT mean_squared_error AS e FROM profile "
            "WHERE column_name = ':table' AND model_id = '*' ORDER BY \"window\".start"
        )
        assert [cell["e"] for cell in found] == [2.5, 4.0]
