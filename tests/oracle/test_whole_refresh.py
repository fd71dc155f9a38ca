"""Every cell of both metric tables against NumPy, SciPy and scikit-learn on the same rows."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from tests.unit.metrics.delta import LOG, TIMESTAMP, Monitored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Row = dict[str, Any]
Cells = dict[str, Any]
Floats = np.typing.NDArray[np.float64]

CLASSES = ("no", "yes", "maybe")
NUMBERS = ("plain", "ties", "constant", "odd", "huge", "tiny", "whole", "empty", "small")
TEXTS = ("city", "many", "flag", "empty_text")
SCHEMA = pa.schema(
    [
        ("timestamp", TIMESTAMP),
        ("model_id", pa.string()),
        ("vip", pa.bool_()),
        ("plain", pa.float64()),
        ("ties", pa.float32()),
        ("constant", pa.float64()),
        ("odd", pa.float64()),
        ("huge", pa.float64()),
        ("tiny", pa.float64()),
        ("whole", pa.int64()),
        ("small", pa.int8()),
        ("empty", pa.float64()),
        ("city", pa.string()),
        ("many", pa.string()),
        ("flag", pa.bool_()),
        ("empty_text", pa.string()),
        ("born", pa.date32()),
        ("tags", pa.list_(pa.string())),
        ("raw", pa.binary()),
        ("prediction", pa.string()),
        ("label", pa.string()),
        ("proba", pa.map_(pa.string(), pa.float64())),
    ]
)
BASELINE_SCHEMA = SCHEMA.remove(0)
WATCHED = dataclasses.replace(LOG, slicing_exprs=("vip", "whole > 0"), prediction_proba_column="proba")
START = datetime(2026, 11, 10, tzinfo=UTC)
# Rows of each day: 10,000 categories, a few, one, and features that are all NULL. Two days later one more.
SIZES = {0: 11_000, 1: 300, 2: 1, 3: 40, 5: 150}
ALL_NULL_DAY = 3


def made_row(number: int, day: int, rng: np.random.Generator) -> Row:
    label = CLASSES[int(rng.integers(0, 3))]
    prediction = label if rng.random() < 0.6 else CLASSES[int(rng.integers(0, 3))]
    sure = rng.random() < 0.2
    weights = np.array([1.0 if sure and name == prediction else 0.0 for name in CLASSES])
    if not sure:
        weights = rng.random(3).round(1) + 0.05
    shares = weights / weights.sum()
    cells: Row = {
        "plain": float(rng.normal(3 + day / 10, 2)),
        "ties": float(rng.integers(0, 5)),
        "constant": 2.5,
        "odd": [1.0, -0.5, 0.0, math.nan, math.inf, -math.inf, 7.0, None][int(rng.integers(0, 8))],
        "huge": float(rng.choice([1e308, 1.7e308, -1e308])),
        "tiny": float(rng.choice([5e-324, 1e-310, 3e-308, 0.0])),
        "whole": int(rng.integers(-(2**40), 2**40)),
        "small": int(rng.integers(-3, 4)),
        "empty": None,
        "city": ["Zürich", "Genève", "東京", "🙂", "", None][int(rng.integers(0, 6))],
        "many": f"id-{number % 10_000}",
        "flag": [True, False, None][int(rng.integers(0, 3))],
        "empty_text": None,
        "born": date(1970, 1, 1) + timedelta(days=int(rng.integers(-4000, 20_000))),
        "tags": [["a"], [], None][number % 3],
        "raw": [b"", b"abc", None][number % 3],
    }
    if day == ALL_NULL_DAY:
        cells = dict.fromkeys(cells) | {"whole": None}
    return cells | {
        "timestamp": START + timedelta(days=day, seconds=number % 80_000),
        "model_id": f"m_{number % 2}",
        "vip": [True, False, False, None][int(rng.integers(0, 4))],
        "prediction": prediction,
        "label": label if rng.random() < 0.9 else None,
        "proba": None if rng.random() < 0.1 else list(zip(CLASSES, shares.tolist(), strict=True)),
    }


@pytest.fixture(scope="module")
def rows() -> dict[int | None, list[Row]]:
    """Return the rows of every day, and those of the baseline under None."""
    rng = np.random.default_rng(17)
    found: dict[int | None, list[Row]] = {
        day: [made_row(number, day, rng) for number in range(size)] for day, size in SIZES.items()
    }
    return found | {None: [made_row(number, 0, rng) for number in range(700)]}


@pytest.fixture(scope="module")
def monitored(rows: dict[int | None, list[Row]], tmp_path_factory: pytest.TempPathFactory) -> Monitored:
    found = Monitored(tmp_path_factory.mktemp("oracle"), has_baseline=True)
    for day, some in rows.items():
        if day is None:
            found.append(some, to="baseline", schema=BASELINE_SCHEMA)
        else:
            found.append(some, schema=SCHEMA)
    found.refresh(WATCHED)
    return found


@pytest.fixture(scope="module")
def profile(monitored: Monitored) -> list[Cells]:
    return [
        cell | {"day": day_of(cell)} for cell in monitored.delta("profile").to_pyarrow_table().to_pylist()
    ]


@pytest.fixture(scope="module")
def drift(monitored: Monitored) -> list[Cells]:
    return [cell | {"day": day_of(cell)} for cell in monitored.delta("drift").to_pyarrow_table().to_pylist()]


def day_of(cell: Cells) -> int | None:
    return None if cell["window"] is None else int((cell["window"]["start"] - START).days)


def in_slice(row: Row, key: str | None, value: str | None) -> bool:
    if key is None:
        return True
    found = row["vip"] if key == "vip" else None if row["whole"] is None else row["whole"] > 0
    return found is not None and str(found).lower() == value


def group(rows: Sequence[Row], cell: Cells) -> list[Row]:
    return [
        row
        for row in rows
        if cell["model_id"] in ("*", row["model_id"])
        and in_slice(row, cell["slice_key"], cell["slice_value"])
    ]


def close(found: object, expected: float | None, relative: float = 1e-9) -> bool:
    if expected is None or found is None:
        return found is expected
    if isinstance(found, float) and math.isnan(expected):
        return math.isnan(found)
    return bool(found == pytest.approx(expected, rel=relative, abs=1e-323 if abs(expected) < 1e-300 else 0))


def percent(part: int, whole: int) -> float | None:
    return None if whole == 0 else 100 * part / whole


def present(values: Sequence[object]) -> Cells:
    nulls = sum(value is None for value in values)
    return {
        "count": len(values) - nulls,
        "num_nulls": nulls,
        "percent_null": percent(nulls, len(values)),
    }


def numeric(values: Sequence[float | None]) -> Cells:
    there = [float(value) for value in values if value is not None]
    numbers = np.array([value for value in there if not math.isnan(value)])
    distinct = len(np.unique(numbers)) + any(map(math.isnan, there))
    zeros = int(np.count_nonzero(numbers == 0))
    found: Cells = present(values) | {
        "num_nan": len(there) - len(numbers),
        "num_zeros": zeros,
        "distinct_count": distinct,
        "percent_nan": percent(len(there) - len(numbers), len(there)),
        "percent_zeros": percent(zeros, len(there)),
        "percent_distinct": percent(distinct, len(there)),
        "frequent_items": None,
        "min_length": None,
    }
    if len(numbers) == 0:
        return found | dict.fromkeys(("avg", "stddev", "min", "max", "median", "quantiles"))
    ordered = np.sort(numbers)
    positions = -(-np.arange(1, 1001) * len(numbers) // 1000) - 1
    found |= {"min": ordered[0], "max": ordered[-1], "quantiles": ordered[positions].tolist()}
    if np.isinf(numbers).any():
        return found
    scale = float(np.abs(numbers).max()) or 1.0
    found["avg"] = float(np.mean(numbers / scale)) * scale
    found["median"] = float(np.median(numbers / scale)) * scale
    found["stddev"] = float(np.std(numbers / scale, ddof=1)) * scale if len(numbers) > 1 else None
    return found


def categorical(values: Sequence[object], text_of: Callable[[Any], str], *, lengths: bool) -> Cells:
    there = [text_of(value) for value in values if value is not None]
    counted = sorted(Counter(there).items(), key=lambda pair: (-pair[1], pair[0]))
    sizes = np.array([len(text) for text in there])
    measured = lengths and len(there) > 0
    return present(values) | {
        "distinct_count": len(counted),
        "percent_distinct": percent(len(counted), len(there)),
        "frequent_items": [{"item": item, "count": count} for item, count in counted[:100]],
        "min_length": float(sizes.min()) if measured else None,
        "max_length": float(sizes.max()) if measured else None,
        "avg_length": float(sizes.mean()) if measured else None,
        "avg": None,
        "quantiles": None,
        "num_nan": None,
    }


def expected_profile(name: str, values: Sequence[Any]) -> Cells:
    if name in NUMBERS:
        return numeric(values)
    if name in ("flag", "vip"):
        return categorical(values, lambda value: str(value).lower(), lengths=False)
    if name in (*TEXTS, "model_id", "prediction", "label"):
        return categorical(values, str, lengths=True)
    if name in ("tags", "proba"):
        return present(values) | {"distinct_count": None, "frequent_items": None, "min": None}
    if name == "raw":
        sizes = [len(value) for value in values if value is not None]
        return present(values) | {
            "max_length": float(max(sizes)) if sizes else None,
            "avg_length": float(np.mean(sizes)) if sizes else None,
            "distinct_count": None,
        }
    moments = [
        value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        for value in values
        if value is not None
    ]
    seconds = [moment.timestamp() for moment in moments]
    return present(values) | {
        "min": min(seconds, default=None),
        "max": max(seconds, default=None),
        "median": float(np.median(seconds)) if seconds else None,
        "distinct_count": len(set(seconds)),
        "avg": None,
        "quantiles": None,
        "num_zeros": None,
        "num_nan": None,
    }


def assert_cells(found: Cells, expected: Cells, where: object) -> None:
    for name, value in expected.items():
        if isinstance(value, float) or value is None:
            # Deviations of nearly equal huge numbers lose digits on either side.
            assert close(found[name], value, 1e-6 if name == "stddev" else 1e-9), (
                where,
                name,
                found[name],
                value,
            )
        else:
            assert found[name] == value, (where, name, found[name], value)


def test_every_column_of_every_window_and_group(
    rows: dict[int | None, list[Row]], profile: list[Cells]
) -> None:
    checked = Counter[str]()
    for cell in profile:
        if cell["column_name"] == ":table":
            continue
        some = group(rows[cell["day"]], cell)
        name = cell["column_name"]
        where = (cell["day"], cell["model_id"], cell["slice_key"], cell["slice_value"], name)
        assert_cells(cell, expected_profile(name, [row[name] for row in some]), where)
        checked[name] += 1
    assert set(checked) == set(SCHEMA.names)
    assert min(checked.values()) > len(SIZES) * 3


def table_rows(profile: list[Cells]) -> Iterator[Cells]:
    return (cell for cell in profile if cell["column_name"] == ":table")


def assert_scores(found: Cells, truth: list[str], guess: list[str], where: object) -> None:
    classes = sorted({*truth, *guess})
    assert close(found["accuracy_score"], float(metrics.accuracy_score(truth, guess))), where
    # scikit-learn wants a second class even where there is none.
    matrix = metrics.confusion_matrix(truth, guess, labels=[*classes, "none"])
    assert {(pair["prediction"], pair["label"]): pair["count"] for pair in found["confusion_matrix"]} == {
        (classes[p], classes[t]): int(matrix[t, p])
        for t in range(len(classes))
        for p in range(len(classes))
        if matrix[t, p]
    }, where
    for average in (None, "macro", "weighted"):
        scores = metrics.precision_recall_fscore_support(
            truth, guess, average=average, labels=classes, zero_division=0
        )
        for name, score in zip(("precision", "recall", "f1_score"), scores, strict=False):
            if average is None:
                assert dict(found[name]["one_vs_all"]) == pytest.approx(
                    dict(zip(classes, score, strict=True))
                ), where
            else:
                assert close(found[name][average], float(score)), (where, name, average)


def assert_probabilities(found: Cells, some: list[Row], where: object) -> None:
    known = [row for row in some if row["label"] is not None and row["proba"] is not None]
    if not known:
        assert found["log_loss"] is None, where
        return
    given = np.array([[dict(row["proba"])[name] for name in sorted(CLASSES)] for row in known])
    truth = np.array([row["label"] for row in known])
    # scikit-learn clips at another value.
    clipped = np.clip(given, 1e-15, 1 - 1e-15)
    clipped /= clipped.sum(axis=1, keepdims=True)
    assert close(found["log_loss"], float(metrics.log_loss(truth, clipped, labels=sorted(CLASSES))), 1e-7), (
        where
    )
    areas = {
        name: float(metrics.roc_auc_score(truth == name, given[:, at]))
        for at, name in enumerate(sorted(CLASSES))
        if 0 < (truth == name).sum() < len(truth)
    }
    if not areas:
        assert found["roc_auc_score"] is None, where
        return
    assert dict(found["roc_auc_score"]["one_vs_all"]) == pytest.approx(areas), where
    assert found["roc_auc_score"]["macro"] == pytest.approx(np.mean(list(areas.values()))), where
    support = [(truth == name).sum() for name in areas]
    assert found["roc_auc_score"]["weighted"] == pytest.approx(
        np.average(list(areas.values()), weights=support)
    )


def rates(some: list[Row], name: str) -> dict[str, float | None]:
    labelled = [row for row in some if row["label"] is not None and row["prediction"] is not None]
    guess = np.array([row["prediction"] == name for row in labelled], dtype=bool)
    truth = np.array([row["label"] == name for row in labelled], dtype=bool)
    accepted = [row["prediction"] == name for row in some if row["prediction"] is not None]

    def share(of: np.typing.NDArray[np.bool_], among: np.typing.NDArray[np.bool_]) -> float | None:
        return float(of[among].mean()) if among.any() else None

    return {
        "predictive_parity": share(truth, guess),
        "predictive_equality": share(guess, ~truth),
        "equal_opportunity": share(guess, truth),
        "statistical_parity": float(np.mean(accepted)) if accepted else None,
    }


def assert_fairness(found: Cells, some: list[Row], others: list[Row], where: object) -> None:
    for name in sorted({row["prediction"] for row in [*some, *others]}):
        mine, theirs = rates(some, name), rates(others, name)
        for column, rate in mine.items():
            if found[column] is None:
                assert column != "statistical_parity", where
                continue
            other = theirs[column]
            expected = None if rate is None or other is None else rate - other
            difference = dict(found[column])[name]
            assert (difference is None) == (expected is None), (where, column, name)
            assert expected is None or difference == pytest.approx(expected, abs=1e-12), (where, column, name)


def test_quality_and_fairness_of_every_window_and_group(
    rows: dict[int | None, list[Row]], profile: list[Cells]
) -> None:
    fair = 0
    for cell in table_rows(profile):
        some = group(rows[cell["day"]], cell)
        where = (cell["day"], cell["model_id"], cell["slice_key"], cell["slice_value"])
        assert cell["count"] == len(some), where
        names = [name for name in SCHEMA.names if any(row[name] is not None for row in some)]
        expected = [name for name in names if cell["day"] is not None or name != "timestamp"]
        assert cell["non_null_columns"] == expected, where
        labelled = [row for row in some if row["label"] is not None]
        if labelled:
            truth, guess = ([row[name] for row in labelled] for name in ("label", "prediction"))
            assert_scores(cell, truth, guess, where)
        else:
            assert cell["accuracy_score"] is None, where
        assert_probabilities(cell, some, where)
        others = group(rows[cell["day"]], cell | {"slice_value": "false"})
        if cell["slice_value"] == "true" and others:
            assert_fairness(cell, some, others, where)
            fair += 1
        else:
            assert cell["statistical_parity"] is None, where
    assert fair > len(SIZES)


def stored(numbers: Floats) -> Floats:
    return np.array(numeric(numbers.tolist())["quantiles"])


def expected_numeric_drift(current: Floats, comparison: Floats) -> Cells:
    mine, theirs = stored(current), stored(comparison)
    tested = stats.ks_2samp(mine, theirs, method="asymp")
    n, m = len(current), len(comparison)
    found: Cells = {
        "statistic": float(tested.statistic),
        "pvalue": float(stats.kstwo.sf(tested.statistic, max(1, round(n * m / (n + m))))),
    }
    scale = max(float(np.abs([mine, theirs]).max()), 5e-324)
    if np.isfinite(scale):
        found["wasserstein_distance"] = (
            float(stats.wasserstein_distance(mine / scale, theirs / scale)) * scale
        )
    edges = theirs[[100 * decile - 1 for decile in range(1, 10)]]
    if len(np.unique(edges)) == len(edges):
        cuts = [-np.inf, *edges, np.inf]
        shares = [
            (
                max(((mine > low) & (mine <= high)).mean(), 1e-4),
                max(((theirs > low) & (theirs <= high)).mean(), 1e-4),
            )
            for low, high in pairwise(cuts)
        ]
        found["population_stability_index"] = float(sum((a - e) * np.log(a / e) for a, e in shares))
    return found


def expected_categorical_drift(current: Sequence[str], comparison: Sequence[str]) -> Cells:
    names = sorted({*current, *comparison})
    counts = np.array(
        [[Counter(side)[name] for name in names] for side in (current, comparison)], dtype=float
    )
    p, q = counts / counts.sum(axis=1, keepdims=True)
    found: Cells = {
        "js_distance": float(jensenshannon(p, q, base=2)),
        "tv_distance": float(np.abs(p - q).sum() / 2),
        "l_infinity_distance": float(np.abs(p - q).max()),
        "chi_squared_test": None,
    }
    if len(names) > 1:
        tested = stats.chi2_contingency(counts, correction=False)
        found["chi_squared_test"] = {"statistic": float(tested.statistic), "pvalue": float(tested.pvalue)}
    return found


def compared(rows: dict[int | None, list[Row]], cell: Cells) -> tuple[list[Row], list[Row]]:
    other = None if cell["drift_type"] == "BASELINE" else cell["day"] - 1
    return group(rows[cell["day"]], cell), group(rows[other], cell)


def test_drift_of_every_window_and_group(rows: dict[int | None, list[Row]], drift: list[Cells]) -> None:
    checked = Counter[str]()
    for cell in drift:
        name = cell["column_name"]
        mine, theirs = compared(rows, cell)
        where = (
            cell["drift_type"],
            cell["day"],
            cell["model_id"],
            cell["slice_key"],
            cell["slice_value"],
            name,
        )
        if name == ":table":
            assert cell["count_delta"] == len(mine) - len(theirs), where
            continue
        current, comparison = ([row[name] for row in side] for side in (mine, theirs))
        one, two = expected_profile(name, current), expected_profile(name, comparison)
        assert cell["count_delta"] == one["count"] - two["count"], where
        if one["percent_null"] is not None and two["percent_null"] is not None:
            assert cell["percent_null_delta"] == pytest.approx(one["percent_null"] - two["percent_null"]), (
                where
            )
        if name in NUMBERS:
            numbers = [
                np.array([float(v) for v in side if v is not None and not math.isnan(v)])
                for side in (current, comparison)
            ]
            if not (len(numbers[0]) and len(numbers[1])):
                assert cell["ks_test"] is None, where
                continue
            expected = expected_numeric_drift(*numbers)
            assert cell["ks_test"] == pytest.approx({k: expected[k] for k in ("statistic", "pvalue")}), where
            for column in ("wasserstein_distance", "population_stability_index"):
                assert column not in expected or close(cell[column], expected[column], 1e-6), (where, column)
            assert cell["js_distance"] is None, where
        elif name in ("city", "flag", "vip", "prediction", "label", "model_id"):
            texts = [[str(value) for value in side if value is not None] for side in (current, comparison)]
            if not (texts[0] and texts[1]):
                assert cell["js_distance"] is None, where
                continue
            for column, value in expected_categorical_drift(*texts).items():
                assert cell[column] == (value if value is None else pytest.approx(value, abs=1e-7)), (
                    where,
                    column,
                )
            assert cell["ks_test"] is None, where
        checked[name] += 1
    assert {"plain", "huge", "tiny", "odd", "ties", "city", "flag", "label"} <= set(checked)
    types = Counter((cell["drift_type"], cell["day"]) for cell in drift)
    # The day after the gap has no day before.
    assert set(types) == {("BASELINE", day) for day in SIZES} | {("CONSECUTIVE", day) for day in (1, 2, 3)}


def test_regression_of_every_window_and_group(tmp_path: Any) -> None:  # noqa: ANN401 - a Path
    rng = np.random.default_rng(3)
    schema = pa.schema(
        [
            ("timestamp", TIMESTAMP),
            ("model_id", pa.string()),
            ("prediction", pa.float64()),
            ("label", pa.float64()),
        ]
    )
    days: dict[int, list[tuple[float | None, float | None]]] = {
        0: [(float(y + rng.normal()), float(y)) for y in rng.normal(10, 5, 400)],
        1: [(1.0, 0.0), (2.0, 2.0), (math.nan, 1.0), (1.0, None)],
        2: [(3.0, 3.5)],
        3: [(1.0, 4.0), (2.0, 4.0)],
        4: [(1e300, -1e300), (5.0, 1e-300)],
        5: [(1.0, None)],
    }
    monitored = Monitored(tmp_path)
    monitored.append(
        [
            {"timestamp": START + timedelta(days=day), "model_id": "m", "prediction": p, "label": y}
            for day, pairs in days.items()
            for p, y in pairs
        ],
        schema=schema,
    )
    monitored.refresh(dataclasses.replace(LOG, problem_type="regression"))
    for cell in table_rows(monitored.delta("profile").to_pyarrow_table().to_pylist()):
        pairs = [
            (p, y)
            for p, y in days[day_of(cell) or 0]
            if p is not None and y is not None and not math.isnan(p) and not math.isnan(y)
        ]
        if not pairs:
            assert cell["mean_squared_error"] is None
            continue
        guess, truth = np.array(pairs).T
        with np.errstate(over="ignore", invalid="ignore"):
            expected = {
                "mean_squared_error": metrics.mean_squared_error(truth, guess),
                "root_mean_squared_error": metrics.root_mean_squared_error(truth, guess),
                "mean_average_error": metrics.mean_absolute_error(truth, guess),
                "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(truth, guess),
            }
            if len(truth) > 1 and len(np.unique(truth)) > 1 and np.isfinite(expected["mean_squared_error"]):
                expected["r2_score"] = metrics.r2_score(truth, guess)
        for name, value in expected.items():
            assert close(cell[name], float(value)), (day_of(cell), name, cell[name], value)
        if len(np.unique(truth)) < 2:
            assert cell["r2_score"] is None
