"""Dashboards as the workspace keeps them: a draft, and what was last published of it."""

from __future__ import annotations

import json
import posixpath
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import InvalidParameterValue, NotFound, ResourceAlreadyExists, ResourceConflict
from databricks.sdk.service.dashboards import Dashboard, LifecycleState, PublishedDashboard

from databricks_monitoring.local_workspace.files.workspace_objects import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks_monitoring.local_workspace.clock import WorkspaceClock
    from databricks_monitoring.local_workspace.storage import Store

_DRAFT, _PUBLISHED = "dashboard", "published_dashboard"
_EXTENSION = ".lvdash.json"
_EMPTY: dict[str, Any] = {"datasets": [], "pages": []}


class Dashboards:
    """Every dashboard of the workspace; holds no state besides the store.

    Parameters
    ----------
    folder
        The workspace's file tree, which says whether a parent folder exists.
    """

    def __init__(self, store: Store, clock: WorkspaceClock, folder: Path) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder

    def create(
        self, wanted: Dashboard, *, dataset_catalog: str | None = None, dataset_schema: str | None = None
    ) -> Dashboard:
        """Store a draft and return it.

        Raises
        ------
        NotFound
            If the parent folder does not exist.
        ResourceAlreadyExists
            If the folder holds a dashboard of this name.
        """
        if not wanted.display_name:
            raise InvalidParameterValue("display_name is required.")
        now = self._now()
        parent = self._parent(wanted.parent_path)
        draft = Dashboard(
            create_time=now,
            dashboard_id=uuid.uuid4().hex,
            display_name=wanted.display_name,
            etag=self._etag(),
            lifecycle_state=LifecycleState.ACTIVE,
            parent_path=parent,
            path=posixpath.join(parent, wanted.display_name + _EXTENSION),
            serialized_dashboard=_normalised(wanted.serialized_dashboard, dataset_catalog, dataset_schema),
            update_time=now,
            warehouse_id=wanted.warehouse_id,
        )
        with self._store.transaction():
            self._refuse_taken(draft)
            self._put(draft)
        return draft

    def get(self, dashboard_id: str) -> Dashboard:
        """Return a draft, also one in the trash."""
        document = self._store.get(_DRAFT, dashboard_id)
        if document is None:
            raise NotFound(f"Unable to find dashboard [dashboardId={dashboard_id}].")
        return Dashboard.from_dict(document)

    def list(self, *, trashed: bool = False) -> Sequence[Dashboard]:
        """Return drafts by name; those in the trash only if asked for."""
        drafts = [Dashboard.from_dict(document) for _, document in self._store.list(_DRAFT)]
        shown = [draft for draft in drafts if trashed or draft.lifecycle_state is LifecycleState.ACTIVE]
        return sorted(shown, key=lambda draft: (draft.display_name or "", draft.dashboard_id or ""))

    def update(
        self,
        dashboard_id: str,
        wanted: Dashboard,
        *,
        dataset_catalog: str | None = None,
        dataset_schema: str | None = None,
    ) -> Dashboard:
        """Change the fields that `wanted` has; the etag changes with every write.

        Raises
        ------
        ResourceConflict
            If `wanted` carries the etag of an older state.
        """
        with self._store.transaction():
            draft = self._active(dashboard_id)
            if wanted.etag and wanted.etag != draft.etag:
                raise ResourceConflict(
                    f"Dashboard {dashboard_id} was changed since: its etag is {draft.etag}, "
                    f"found {wanted.etag}. Read it again."
                )
            name = wanted.display_name or str(draft.display_name)
            parent = self._parent(wanted.parent_path or draft.parent_path)
            changed = replace(
                draft,
                display_name=name,
                etag=self._etag(),
                parent_path=parent,
                path=posixpath.join(parent, name + _EXTENSION),
                serialized_dashboard=_normalised(
                    wanted.serialized_dashboard or draft.serialized_dashboard, dataset_catalog, dataset_schema
                ),
                update_time=self._now(),
                warehouse_id=wanted.warehouse_id or draft.warehouse_id,
            )
            self._refuse_taken(changed)
            self._put(changed)
        return changed

    def trash(self, dashboard_id: str) -> None:
        """Move a draft to the trash."""
        with self._store.transaction():
            draft = self._active(dashboard_id)
            self._put(
                replace(
                    draft, lifecycle_state=LifecycleState.TRASHED, etag=self._etag(), update_time=self._now()
                )
            )

    def publish(
        self, dashboard_id: str, *, embed_credentials: bool = True, warehouse_id: str | None = None
    ) -> PublishedDashboard:
        """Publish the draft as it is now."""
        with self._store.transaction():
            draft = self._active(dashboard_id)
            published = PublishedDashboard(
                display_name=draft.display_name,
                embed_credentials=embed_credentials,
                revision_create_time=self._now(),
                warehouse_id=warehouse_id or draft.warehouse_id,
            )
            content = {"serialized_dashboard": draft.serialized_dashboard}
            self._store.put(_PUBLISHED, dashboard_id, published.as_dict() | content)
        return published

    def get_published(self, dashboard_id: str) -> PublishedDashboard:
        """Return what was published of a dashboard."""
        return PublishedDashboard.from_dict(self._published(dashboard_id))

    def published_content(self, dashboard_id: str) -> str:
        """Return the JSON that was published."""
        return str(self._published(dashboard_id)["serialized_dashboard"])

    def is_published(self, dashboard_id: str) -> bool:
        """Whether `dashboard_id` has a published state."""
        return self._store.get(_PUBLISHED, dashboard_id) is not None

    def unpublish(self, dashboard_id: str) -> None:
        """Withdraw what was published."""
        self._published(dashboard_id)
        self._store.delete(_PUBLISHED, dashboard_id)

    def find(self, parent_path: str, display_name: str) -> Dashboard | None:
        """Return the draft of this name in a folder, or None."""
        path = posixpath.join(parent_path, display_name + _EXTENSION)
        return next((draft for draft in self.list() if draft.path == path), None)

    def make_folder(self, path: str) -> str:
        """Create a workspace folder with its parents and return its path as dashboards spell it."""
        path = _workspace_path(path)
        self._folder.joinpath(*path.strip("/").split("/")).mkdir(parents=True, exist_ok=True)
        return path

    def _active(self, dashboard_id: str) -> Dashboard:
        draft = self.get(dashboard_id)
        if draft.lifecycle_state is not LifecycleState.ACTIVE:
            raise NotFound(f"Dashboard {dashboard_id} is in the trash.")
        return draft

    def _published(self, dashboard_id: str) -> dict[str, Any]:
        self.get(dashboard_id)
        document = self._store.get(_PUBLISHED, dashboard_id)
        if document is None:
            raise NotFound(f"Unable to find published dashboard [dashboardId={dashboard_id}].")
        return document

    def _parent(self, given: str | None) -> str:
        path = _workspace_path(given or "/")
        folder = self._folder.joinpath(*path.strip("/").split("/")) if path != "/" else self._folder
        if path != "/" and not folder.is_dir():
            raise NotFound(f"Path ({path}) doesn't exist. Create it first with `w.workspace.mkdirs`.")
        return path

    def _refuse_taken(self, wanted: Dashboard) -> None:
        for other in self.list():
            if other.path == wanted.path and other.dashboard_id != wanted.dashboard_id:
                raise ResourceAlreadyExists(
                    f"A dashboard {wanted.path} already exists [dashboardId={other.dashboard_id}]."
                )

    def _put(self, draft: Dashboard) -> None:
        self._store.put(_DRAFT, str(draft.dashboard_id), draft.as_dict())

    def _etag(self) -> str:
        return str(self._store.next_number("dashboard_etag"))

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _workspace_path(given: str) -> str:
    return canonical(posixpath.normpath("/" + given.strip("/")))


def _normalised(serialized: str | None, catalog: str | None, schema: str | None) -> str:
    """Return the dashboard's JSON as the service gives it back: page types filled in, a final newline."""
    try:
        content = json.loads(serialized) if serialized else dict(_EMPTY)
    except json.JSONDecodeError as error:
        raise InvalidParameterValue(f"serialized_dashboard is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidParameterValue("serialized_dashboard: expected a JSON object with datasets and pages.")
    for page in content.get("pages", []):
        page.setdefault("pageType", "PAGE_TYPE_CANVAS")
    defaults = {"catalog": catalog, "schema": schema}
    for dataset in content.get("datasets", []):
        dataset.update({level: name for level, name in defaults.items() if name})
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
