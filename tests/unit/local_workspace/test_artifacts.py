from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied

from databricks_monitoring.local_workspace.tracking.artifacts import SIGNED_PREFIX, Artifacts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    (tmp_path / "tree").mkdir()
    return Artifacts(tmp_path / "tree", url="http://127.0.0.1:1", secret="token")  # noqa: S106 - made up


def _parts(url: str) -> tuple[str, str, str]:
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path.removeprefix(SIGNED_PREFIX), query["expires"][0], query["signature"][0]


def test_a_signed_url_opens_its_file_for_its_method_only(artifacts: Artifacts) -> None:
    path, expires, signature = _parts(artifacts.signed_url("PUT", "1/run/artifacts/a.txt"))
    assert artifacts.verified("PUT", path, expires, signature) == artifacts.root / "1/run/artifacts/a.txt"
    for method, other, until in (
        ("GET", path, expires),
        ("PUT", path + "x", expires),
        ("PUT", path, str(int(expires) + 1)),
    ):
        with pytest.raises(PermissionDenied, match="does not fit"):
            artifacts.verified(method, other, until, signature)


def test_an_old_url_is_refused(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("databricks_monitoring.local_workspace.tracking.artifacts.VALID_SECONDS", -1)
    with pytest.raises(PermissionDenied, match="expired"):
        artifacts.verified("GET", *_parts(artifacts.signed_url("GET", "1/run/artifacts/a.txt")))


def test_another_workspace_signs_differently(artifacts: Artifacts) -> None:
    other = Artifacts(artifacts.root, url="http://127.0.0.1:1", secret="other")  # noqa: S106 - made up
    with pytest.raises(PermissionDenied):
        artifacts.verified("GET", *_parts(other.signed_url("GET", "1/run/artifacts/a.txt")))


@pytest.mark.parametrize("path", ["../secret", "1/../../secret", "/etc/passwd", "a\\b", "a\x00b"])
def test_paths_that_lead_out_are_refused(artifacts: Artifacts, path: str) -> None:
    with pytest.raises(InvalidParameterValue):
        artifacts.path(path)


def test_links_that_lead_out_are_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    (artifacts.root / "1").symlink_to(tmp_path)
    with pytest.raises(InvalidParameterValue, match="leads out"):
        artifacts.path("1/secret")


def test_the_files_api_names_the_same_tree(artifacts: Artifacts) -> None:
    root = "/WorkspaceInternal/Mlflow/Artifacts/7"
    assert artifacts.files_api_path(f"{root}/Runs/r/artifacts/a") == artifacts.root / "7/r/artifacts/a"
    assert (
        artifacts.files_api_path(f"{root}/LoggedModels/m-1/artifacts")
        == artifacts.root / "7/logged_models/m-1/artifacts"
    )
    for path in (root, f"{root}/Other/x/y", f"{root}/Runs"):
        with pytest.raises(NotFound):
            artifacts.files_api_path(path)


def test_uris_of_other_stores_are_refused(artifacts: Artifacts) -> None:
    uri = "dbfs:/databricks/mlflow-tracking/1/r/artifacts"
    assert artifacts.relative(uri, "a/b") == "1/r/artifacts/a/b"
    with pytest.raises(InvalidParameterValue, match="Files API"):
        artifacts.relative("dbfs:/Volumes/main/default/v")
