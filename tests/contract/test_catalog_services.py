"""Catalogs, schemas, tables, volumes, grants and the metastore, through the SDK."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
)
from databricks.sdk.errors import NotImplemented as NotServed
from databricks.sdk.service.catalog import (
    CatalogType,
    PermissionsChange,
    Privilege,
    SecurableType,
    TableType,
    VolumeType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks.sdk import WorkspaceClient

_numbers = itertools.count()


@pytest.fixture
def schema(client: WorkspaceClient) -> Iterator[str]:
    name = f"catalog_services_{next(_numbers)}"
    client.schemas.create(name, "main")
    yield f"main.{name}"
    client.schemas.delete(f"main.{name}", force=True)


def test_fresh_workspace_has_its_catalogs(client: WorkspaceClient) -> None:
    names = {catalog.name for catalog in client.catalogs.list()}
    assert {"main", "mlops_dev", "mlops_aut", "mlops_prod", "system"} <= names
    for name in ("main", "mlops_dev", "mlops_aut", "mlops_prod"):
        assert client.schemas.get(f"{name}.default").full_name == f"{name}.default"
    assert client.catalogs.get("system").catalog_type is CatalogType.SYSTEM_CATALOG


def test_catalog_lives_and_dies(client: WorkspaceClient) -> None:
    created = client.catalogs.create("Short_Lived", comment="c", properties={"a": "b"})
    try:
        assert (created.name, created.comment, created.properties) == ("short_lived", "c", {"a": "b"})
        assert created.owner == client.current_user.me().user_name
        changed = client.catalogs.update("short_lived", comment="d")
        assert (changed.comment, changed.created_at) == ("d", created.created_at)
        with pytest.raises(AlreadyExists, match="short_lived"):
            client.catalogs.create("short_lived")
        client.schemas.create("kept", "short_lived")
        with pytest.raises(BadRequest, match=r"short_lived\.kept"):
            client.catalogs.delete("short_lived")
    finally:
        client.catalogs.delete("short_lived", force=True)
    with pytest.raises(NotFound, match=r"Existing: .*main"):
        client.catalogs.get("short_lived")


def test_schema_names_have_no_case(client: WorkspaceClient, schema: str) -> None:
    found = client.schemas.get(schema.upper())
    assert found.full_name == schema
    with pytest.raises(AlreadyExists):
        client.schemas.create(schema.partition(".")[2].upper(), "MAIN")


def test_schema_changes_and_keeps_its_id(client: WorkspaceClient, schema: str) -> None:
    before = client.schemas.get(schema)
    after = client.schemas.update(schema, comment="new", properties={"team": "x"})
    assert after.schema_id == before.schema_id
    assert (after.comment, after.properties) == ("new", {"team": "x"})
    with pytest.raises(NotServed, match="new_name"):
        client.schemas.update(schema, new_name="other")


@pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "", "..", "x" * 256, "tab\there"])
def test_impossible_names_are_refused(client: WorkspaceClient, name: str) -> None:
    with pytest.raises(InvalidParameterValue):
        client.schemas.create(name, "main")


def test_missing_parents_are_named(client: WorkspaceClient, schema: str) -> None:
    with pytest.raises(NotFound, match=r"Catalog 'mian' does not exist\. Did you mean 'main'\?") as caught:
        client.schemas.create("x", "mian")
    assert caught.value.error_code == "CATALOG_DOES_NOT_EXIST"
    with pytest.raises(NotFound, match=r"Schema 'main\.nowhere' does not exist") as caught:
        client.tables.get("main.nowhere.t")
    assert caught.value.error_code == "SCHEMA_DOES_NOT_EXIST"
    with pytest.raises(NotFound, match=rf"Table '{schema}\.t' does not exist") as caught:
        client.tables.get(f"{schema}.t")
    assert caught.value.error_code == "TABLE_DOES_NOT_EXIST"
    with pytest.raises(InvalidParameterValue, match=r"catalog\.schema\.name"):
        client.tables.get("only_one_level")


def test_existence_of_tables(client: WorkspaceClient, schema: str) -> None:
    assert client.tables.exists(f"{schema}.t").table_exists is False
    assert client.tables.exists("system.information_schema.tables").table_exists is True
    with pytest.raises(NotFound):
        client.tables.exists("main.nowhere.t")


def test_listings_come_in_pages(client: WorkspaceClient, schema: str) -> None:
    for number in range(5):
        client.volumes.create("main", schema.partition(".")[2], f"v{number}", VolumeType.MANAGED)
    listed = client.volumes.list("main", schema.partition(".")[2], max_results=2)
    assert [volume.name for volume in listed] == ["v0", "v1", "v2", "v3", "v4"]


def test_system_tables_are_described_and_cannot_be_changed(client: WorkspaceClient) -> None:
    described = client.tables.get("system.information_schema.columns")
    assert described.table_type is TableType.VIEW
    assert [column.name for column in described.columns or []][:4] == [
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
    ]
    summaries = client.tables.list_summaries("system", schema_name_pattern="information%")
    assert "system.information_schema.tables" in {summary.full_name for summary in summaries}
    with pytest.raises(NotFound, match="cannot be deleted"):
        client.tables.delete("system.information_schema.columns")
    with pytest.raises(PermissionDenied, match="read-only"):
        client.schemas.create("mine", "system")


def test_schema_with_content_is_deleted_only_by_force(client: WorkspaceClient) -> None:
    client.schemas.create("full", "main")
    client.volumes.create("main", "full", "v", VolumeType.MANAGED)
    with pytest.raises(BadRequest, match=r"main\.full\.v"):
        client.schemas.delete("main.full")
    client.schemas.delete("main.full", force=True)
    with pytest.raises(NotFound):
        client.volumes.read("main.full.v")


def test_volume_lives_and_dies(client: WorkspaceClient, schema: str) -> None:
    _, _, name = schema.partition(".")
    created = client.volumes.create("main", name, "V", VolumeType.MANAGED, comment="c")
    assert created.full_name == f"{schema}.v"
    with pytest.raises(AlreadyExists):
        client.volumes.create("main", name, "v", VolumeType.MANAGED)
    with pytest.raises(NotServed, match="MANAGED"):
        client.volumes.create("main", name, "e", VolumeType.EXTERNAL, storage_location="s3://x")
    assert client.volumes.update(f"{schema}.v", comment="d").comment == "d"
    client.volumes.delete(f"{schema}.v")
    with pytest.raises(NotFound, match="Volume"):
        client.volumes.read(f"{schema}.v")


def test_grants_are_kept_and_inherited(client: WorkspaceClient, schema: str) -> None:
    _, _, name = schema.partition(".")
    client.volumes.create("main", name, "v", VolumeType.MANAGED)
    add = PermissionsChange(principal="team", add=[Privilege.USE_SCHEMA, Privilege.CREATE_TABLE])
    assert client.grants.update("schema", schema, changes=[add]).privilege_assignments
    remove = PermissionsChange(principal="team", remove=[Privilege.CREATE_TABLE])
    client.grants.update("schema", schema, changes=[remove])
    [assignment] = client.grants.get("schema", schema).privilege_assignments or []
    assert (assignment.principal, assignment.privileges) == ("team", [Privilege.USE_SCHEMA])

    [effective] = client.grants.get_effective("volume", f"{schema}.v").privilege_assignments or []
    [privilege] = effective.privileges or []
    assert privilege.privilege is Privilege.USE_SCHEMA
    assert privilege.inherited_from_type is SecurableType.SCHEMA

    with pytest.raises(NotFound):
        client.grants.get("table", f"{schema}.none")
    with pytest.raises(InvalidParameterValue, match="securable type"):
        client.grants.get("spaceship", schema)


def test_grants_end_with_their_object(client: WorkspaceClient, schema: str) -> None:
    _, _, name = schema.partition(".")
    change = PermissionsChange(principal="team", add=[Privilege.READ_VOLUME])
    client.volumes.create("main", name, "v", VolumeType.MANAGED)
    client.grants.update("volume", f"{schema}.v", changes=[change])
    client.volumes.delete(f"{schema}.v")
    client.volumes.create("main", name, "v", VolumeType.MANAGED)
    assert not client.grants.get("volume", f"{schema}.v").privilege_assignments


def test_the_workspace_says_who_and_where(client: WorkspaceClient) -> None:
    assert client.current_user.me().user_name == "local.user@example.com"
    assignment = client.metastores.current()
    assert assignment.workspace_id == client.get_workspace_id()
    assert client.metastores.summary().metastore_id == assignment.metastore_id
    assert client.schemas.get("main.default").metastore_id == assignment.metastore_id
