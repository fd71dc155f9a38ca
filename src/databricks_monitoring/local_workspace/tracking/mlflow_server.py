"""MLflow's tracking store and request handlers, brought up beside the workspace.

Importing them takes seconds, so it happens in a thread after the workspace answers; a call that comes
earlier waits for it. Only handlers of the tracking service are taken: no page, no gateway, no jobs, and none
of the checks of `Host` headers, because the workspace checks tokens instead.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from databricks.sdk.errors import InternalError

from databricks_monitoring.local_workspace.tracking.artifacts import LOGGED_MODELS, URI_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from mlflow.entities import LoggedModel
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

PREFIXES = (
    "/api/2.0/mlflow/",
    "/api/3.0/mlflow/",
    "/ajax-api/2.0/mlflow/",
    "/ajax-api/3.0/mlflow/",
    "/graphql",
)
"""Where MLflow's handlers answer."""

_LEFT_OUT = ("/gateway/", "/artifacts/", "/prompt-optimization/", "/workspaces")
"""Parts of paths that would start processes, need cloud storage, or are answered by other services."""

_STORE = "TRACKING_STORE"


@dataclass(frozen=True)
class _Loaded:
    store: SqlAlchemyStore
    app: Flask


class MlflowServer:
    """MLflow's tracking server over one SQLite file.

    Parameters
    ----------
    root : Path
        Folder of the database; made if missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loaded: _Loaded | None = None
        self._failure: BaseException | None = None
        self._opening = False
        self._closed = False

    def start(self) -> None:
        """Begin to import MLflow; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="mlflow-import", daemon=True)
                self._thread.start()

    @property
    def store(self) -> SqlAlchemyStore:
        """MLflow's tracking store."""
        return self._ready().store

    @property
    def app(self) -> Flask:
        """MLflow's handlers as a WSGI application."""
        return self._ready().app

    def close(self) -> None:
        """Close the database; an import that has not come to it yet is given up."""
        with self._lock:
            self._closed = True
            if self._thread is None or not self._opening:
                return
        self._thread.join()
        if self._loaded is not None:
            self._loaded.store.engine.dispose()

    def _ready(self) -> _Loaded:
        self.start()
        if self._thread is not None:
            self._thread.join()
        if self._loaded is None:
            raise InternalError(f"MLflow's tracking store did not start: {self._failure!r}")
        return self._loaded

    def _load(self) -> None:
        # MLflow reads this while it is imported; a workspace on a laptop reports to nobody.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            _import_mlflow()
            with self._lock:
                if self._closed:
                    return
                self._opening = True
            self._root.mkdir(parents=True, exist_ok=True)
            store = _open_store(self._root / "mlflow.db")
            self._loaded = _Loaded(store, _build_app(store))
        except BaseException as failure:  # noqa: BLE001 - kept, and raised in every call that waits for the load
            self._failure = failure


def _import_mlflow() -> None:
    import mlflow.server.handlers  # noqa: PLC0415
    import mlflow.store.tracking.sqlalchemy_store  # noqa: PLC0415, F401


def _open_store(database: Path) -> SqlAlchemyStore:
    # MLflow is imported where it is used because the import takes seconds.
    from mlflow.store.tracking.dbmodels.models import SqlLoggedModel  # noqa: PLC0415
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415

    class Store(SqlAlchemyStore):
        """MLflow's store, with logged models where Databricks puts them."""

        def create_logged_model(self, *args: Any, **kwargs: Any) -> LoggedModel:  # noqa: ANN401 - passed on as they are
            created = super().create_logged_model(*args, **kwargs)
            # The Databricks client tells a model from a run by the folder's name in the URI.
            location = f"{URI_ROOT}/{created.experiment_id}/{LOGGED_MODELS}/{created.model_id}/artifacts"
            with self.ManagedSessionMaker(read_only=False) as session:
                session.query(SqlLoggedModel).filter_by(model_id=created.model_id).update(
                    {SqlLoggedModel.artifact_location: location}
                )
            return self.get_logged_model(created.model_id)

    return Store(f"sqlite:///{database}", URI_ROOT)  # type: ignore[no-untyped-call]  # MLflow's


def _build_app(store: SqlAlchemyStore) -> Flask:
    from flask import Flask, current_app  # noqa: PLC0415
    from mlflow.protos.service_pb2 import MlflowService  # noqa: PLC0415
    from mlflow.server import handlers  # noqa: PLC0415

    app = Flask("mlflow", static_folder=None)
    app.config[_STORE] = store
    # Handlers ask a module global for the store; the application says instead, so that one process can serve
    # several workspaces.
    handlers._get_tracking_store = lambda *_: current_app.config[_STORE]  # noqa: SLF001
    handlers._get_model_registry_store = _refuse_registry  # noqa: SLF001
    endpoints = handlers.get_service_endpoints(MlflowService, handlers.get_handler)
    endpoints += [("/graphql", handlers._graphql, ["GET", "POST"])]  # noqa: SLF001
    for version in ("2.0", "3.0"):
        bulk = f"/ajax-api/{version}/mlflow/metrics"
        endpoints += [(f"{bulk}/get-history-bulk", handlers.get_metric_history_bulk_handler, ["GET"])]
    for path, handler, methods in endpoints:
        if path.startswith(PREFIXES) and not any(part in path for part in _LEFT_OUT):
            app.add_url_rule(path, f"{methods} {path}", handler, methods=methods)
    return app


def _refuse_registry(registry_store_uri: str | None = None) -> NoReturn:  # noqa: ARG001 - called as MLflow does
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from mlflow.protos import databricks_pb2  # noqa: PLC0415

    raise MlflowException(
        "The workspace model registry is not available; models are registered in Unity Catalog. "
        "Call mlflow.set_registry_uri('databricks-uc').",
        error_code=databricks_pb2.FEATURE_DISABLED,
    )
