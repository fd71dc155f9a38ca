from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from databricks_monitoring.errors import MetricError
from databricks_monitoring.metrics.engines.base import ItemColumn
from databricks_monitoring.metrics.groups import Group, Partition, partitions


def column(*texts: str | None) -> ItemColumn:
    items = sorted({text for text in texts if text is not None})
    codes = [-1 if text is None else items.index(text) for text in texts]
    return ItemColumn(np.array(codes, dtype=np.int32), pa.array(items, type=pa.string()))


def rows(found: list[Partition], count: int) -> dict[Group, list[int]]:
    return {
        name: np.arange(count)[partition.members(group)].tolist()
        for partition in found
        for group, names in enumerate(partition.groups)
        for name in names
    }


def test_without_models_and_slices_all_rows_are_one_group() -> None:
    assert rows(partitions(2, models=None, slices={}, has_models=False), 2) == {Group(): [0, 1]}


def test_models_and_all_of_them() -> None:
    found = partitions(3, models=column("b", "a", "b"), slices={}, has_models=True)
    assert rows(found, 3) == {
        Group(model_id="*"): [0, 1, 2],
        Group(model_id="a"): [1],
        Group(model_id="b"): [0, 2],
    }


def test_one_model_shares_the_rows_of_all() -> None:
    found = partitions(2, models=column("a", "a"), slices={}, has_models=True)
    assert [partition.groups for partition in found] == [((Group(model_id="*"), Group(model_id="a")),)]


def test_a_row_without_a_model_counts_for_all_only() -> None:
    found = partitions(2, models=column("a", None), slices={}, has_models=True)
    assert rows(found, 2) == {Group(model_id="*"): [0, 1], Group(model_id="a"): [0]}


def test_slices_of_every_model() -> None:
    found = partitions(
        4,
        models=column("a", "b", "a", None),
        slices={"x > 1": column("true", "true", "false", None)},
        has_models=True,
    )
    assert rows(found, 4) == {
        Group(model_id="*"): [0, 1, 2, 3],
        Group(model_id="a"): [0, 2],
        Group(model_id="b"): [1],
        Group("x > 1", "true", "*"): [0, 1],
        Group("x > 1", "false", "*"): [2],
        Group("x > 1", "true", "a"): [0],
        Group("x > 1", "true", "b"): [1],
        Group("x > 1", "false", "a"): [2],
        Group("x > 1", "false", "b"): [],
    }


def test_only_the_hundred_most_frequent_values_are_slices() -> None:
    texts = [f"{number:03}" for number in range(150)] + ["149", "148"]
    found = partitions(len(texts), models=None, slices={"c": column(*texts)}, has_models=False)
    values = [names[0].slice_value for names in found[1].groups]
    assert values == ["148", "149", *(f"{number:03}" for number in range(98))]


def test_a_model_named_like_all_models_is_refused() -> None:
    with pytest.raises(MetricError, match=r"'\*'"):
        partitions(1, models=column("*"), slices={}, has_models=True)
