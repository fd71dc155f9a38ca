from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import (
    InvalidParameterValue,
    InvalidState,
    NotFound,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)

from databricks_monitoring.local_workspace.catalog.tables import Tables
from databricks_monitoring.local_workspace.clock import WorkspaceClock
from databricks_monitoring.local_workspace.storage import Store
from databricks_monitoring.local_workspace.tracking.models import FAILED, READY, Models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "main.default.churn"
SIGNED = "signature:\n  inputs: '[]'\n  outputs: '[]'\n"


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    store = Store(tmp_path / "workspace.db")
    clock = WorkspaceClock(store)
    yield Models(store, clock, Tables(tmp_path, store, clock))
    store.close()


def _write(root: Path, version: str, text: str) -> None:
    folder = root / "models/main/default/churn" / version
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(text)


def test_names_have_three_levels_and_no_case(models: Models) -> None:
    assert models.create("Main.Default.Churn").name == NAME
    assert models.get("MAIN.default.churn").name == NAME
    for bad in ("churn", "default.churn", "a.b.c.d", "main..churn", "main.default.my model"):
        with pytest.raises(InvalidParameterValue):
            models.create(bad)


def test_what_does_not_exist_is_named_with_what_does(models: Models) -> None:
    models.create(NAME)
    models.create_version(NAME)
    models.set_alias(NAME, "champion", "1")
    with pytest.raises(NotFound, match=r"main\.default"):
        models.create("main.nowhere.churn")
    with pytest.raises(ResourceDoesNotExist, match=r"Existing: main\.default\.churn"):
        models.get("main.default.chrun")
    with pytest.raises(ResourceDoesNotExist, match="Existing: 1"):
        models.version(NAME, "2")
    with pytest.raises(ResourceDoesNotExist, match="Existing: champion"):
        models.by_alias(NAME, "challenger")
    with pytest.raises(ResourceAlreadyExists):
        models.create(NAME)


def test_a_version_is_ready_only_with_files_and_signature(models: Models, tmp_path: Path) -> None:
    models.create(NAME)
    for number, (text, fault) in enumerate(
        [
            (None, "no MLmodel"),
            ("flavors: {}\n", "without a signature"),
            ("signature:\n  inputs: '[]'\n", "no outputs"),
            ("a: [", "cannot be read"),
        ],
        start=1,
    ):
        version = models.create_version(NAME).version
        assert version == str(number)
        if text is not None:
            _write(tmp_path, version, text)
        with pytest.raises(InvalidParameterValue, match=fault):
            models.finalize(NAME, version)
        assert models.version(NAME, version).status == FAILED
        with pytest.raises(InvalidState, match="failed to register"):
            models.finalize(NAME, version)
    good = models.create_version(NAME).version
    _write(tmp_path, good, SIGNED)
    assert models.finalize(NAME, good).status == READY
    assert models.finalize(NAME, good).status == READY


@pytest.mark.parametrize("alias", ["", "latest", "LATEST", "v1", "V22", "a.b", "a b", "a@b", "x" * 256])
def test_aliases_that_are_refused(models: Models, alias: str) -> None:
    models.create(NAME)
    models.create_version(NAME)
    with pytest.raises(InvalidParameterValue, match="not a valid alias"):
        models.set_alias(NAME, alias, "1")


def test_aliases_move_and_know_their_case(models: Models) -> None:
    models.create(NAME)
    for _ in range(2):
        models.create_version(NAME)
    for alias in ("latest-model", "champion", "Champion", "1", "vv1"):
        models.set_alias(NAME, alias, "1")
    models.set_alias(NAME, "champion", "2")
    assert models.by_alias(NAME, "champion").version == "2"
    assert models.aliases_of(models.version(NAME, "1")) == ["1", "Champion", "latest-model", "vv1"]
    models.delete_alias(NAME, "champion")
    models.delete_alias(NAME, "champion")


def test_numbers_of_deleted_versions_are_not_used_again(models: Models, tmp_path: Path) -> None:
    models.create(NAME)
    for _ in range(11):
        models.create_version(NAME)
    _write(tmp_path, "11", SIGNED)
    models.set_alias(NAME, "champion", "11")
    models.delete_version(NAME, "11")
    assert not (tmp_path / "models/main/default/churn/11").exists()
    assert models.get(NAME).aliases == {}
    assert models.create_version(NAME).version == "12"
    assert [version.version for version in models.versions(NAME)][:3] == ["12", "10", "9"]


def test_a_deleted_model_takes_its_versions_and_files_along(models: Models, tmp_path: Path) -> None:
    models.create(NAME)
    models.create_version(NAME)
    _write(tmp_path, "1", SIGNED)
    models.create("main.default.churn2")
    models.create_version("main.default.churn2")
    models.delete(NAME)
    assert not (tmp_path / "models/main/default/churn").exists()
    assert [model.name for model in models.listed()] == ["main.default.churn2"]
    assert [version.name for version in models.all_versions()] == ["main.default.churn2"]
    models.create(NAME)
    assert models.versions(NAME) == []
