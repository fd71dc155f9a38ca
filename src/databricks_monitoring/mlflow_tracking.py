"""Runs with everything that explains a model: data, parameters, metrics, the model itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from databricks.sdk.errors import ResourceAlreadyExists

from databricks_monitoring.clients import SqlClient, connect
from databricks_monitoring.errors import InvalidNameError, InvalidValueError
from databricks_monitoring.logged_model import flavour_of, requirements_of, sample_of, signature_of
from databricks_monitoring.logged_values import metric_numbers, param_texts
from databricks_monitoring.mlflow_client import point_mlflow_at
from databricks_monitoring.names import TableName
from databricks_monitoring.unity_catalog import require_schema, require_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import mlflow
    from databricks.sdk import WorkspaceClient
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.entities import Experiment
    from mlflow.models.model import ModelInfo

_GIT_VARIABLES = ("GIT_SHA", "BUILD_SOURCEVERSION", "GITHUB_SHA")
_GIT_SECONDS = 5
_DIGEST_LENGTH = 8


@dataclass(frozen=True)
class LoggedDataset:
    """One table as a run used it.

    Attributes
    ----------
    version
        The Delta version that was current when the dataset was logged.
    rows, columns
        Size of the frame that was logged.
    """

    context: str
    name: str
    table: str
    table_id: str
    version: int
    rows: int
    columns: int


class MLFlowTracker:
    """Runs of one experiment.

    Parameters
    ----------
    experiment_name : str
        An absolute path in the workspace, such as `/Shared/my-model`. It is created if it does not exist.
    client : WorkspaceClient, optional
        The workspace; else the one the environment names.

    Raises
    ------
    InvalidValueError
        If the name is not an absolute path.

    Attributes
    ----------
    experiment_id : str
        The experiment's id.
    """

    def __init__(self, experiment_name: str, *, client: WorkspaceClient | None = None) -> None:
        if not experiment_name.startswith("/") or experiment_name.endswith("/"):
            raise InvalidValueError(
                "experiment_name",
                experiment_name,
                "an absolute path in the workspace, such as '/Shared/my-model'",
            )
        self.client = client or connect()
        point_mlflow_at(self.client)
        self.experiment_name = experiment_name
        self.experiment_id = str(self._experiment().experiment_id)

    def start_run(
        self, run_name: str | None = None, tags: Mapping[str, str] | None = None
    ) -> mlflow.ActiveRun:
        """Start a run; used in `with`, it ends FINISHED, or FAILED if the block raises.

        Parameters
        ----------
        run_name : str, optional
            Else MLflow invents one.
        tags : mapping, optional
            Beside `git_sha` (from the variable GIT_SHA or BUILD_SOURCEVERSION, else from git, if known) and
            `databricks_monitoring_version`; yours win.

        Returns
        -------
        mlflow.ActiveRun
            The run.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        known = {"databricks_monitoring_version": importlib.metadata.version("databricks_monitoring")}
        if sha := git_sha():
            known["git_sha"] = sha
        return mlflow.start_run(
            experiment_id=self.experiment_id, run_name=run_name, tags=known | dict(tags or {})
        )

    def log_training_data(
        self,
        train_df: Any,  # noqa: ANN401 - pandas, polars or Spark; none need be installed
        test_df: Any,  # noqa: ANN401
        train_table_name: str,
        test_table_name: str,
    ) -> tuple[LoggedDataset, LoggedDataset]:
        """Log which tables a model was trained and tested on, at their current Delta versions.

        Parameters
        ----------
        train_df, test_df : DataFrame
            The rows that were used (pandas, polars or Spark): their schema and size are logged, not the rows.
        train_table_name, test_table_name : str
            Full names of the Delta tables the rows come from.

        Returns
        -------
        tuple of LoggedDataset
            What was logged, for training and testing.

        Raises
        ------
        TableNotFoundError
            If a table does not exist; nothing is logged then.
        """
        self._require_run("log_training_data")
        wanted = (("training", train_df, train_table_name), ("testing", test_df, test_table_name))
        names = _dataset_names(train_table_name, test_table_name)
        found = [
            (context, frame, name, self._source(table))
            for (context, frame, table), name in zip(wanted, names, strict=True)
        ]
        train, test = (_log_dataset(*dataset) for dataset in found)
        return train, test

    def log_model_params(self, params: Mapping[str, object]) -> None:
        """Log hyperparameters; nested dictionaries become names joined by periods.

        Raises
        ------
        InvalidValueError
            If a name or value is one that MLflow cannot keep whole.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        self._require_run("log_model_params")
        mlflow.log_params(param_texts(params))

    def log_model_metrics(self, metrics: Mapping[str, object], step: int | None = None) -> None:
        """Log metrics, optionally at a step of the training; nested dictionaries are flattened.

        Raises
        ------
        InvalidValueError
            If a value is not a number.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        self._require_run("log_model_metrics")
        mlflow.log_metrics(metric_numbers(metrics), step=step)

    def log_model_artifacts(
        self,
        model: object,
        X_sample: Any,  # noqa: ANN401, N803 - the customary name of a feature matrix
        registered_model_name: str | None = None,
        *,
        name: str | None = None,
        aliases: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        pip_requirements: Sequence[str] | None = None,
    ) -> ModelInfo:
        """Log the model with signature, example and pinned requirements; register it if a name is given.

        Parameters
        ----------
        model : object
            LightGBM, XGBoost, scikit-learn, an `mlflow.pyfunc.PythonModel` or a function.
        X_sample : DataFrame or array
            Some rows of the features. The signature follows from them and the model's predictions on them;
            integer and boolean columns with missing values are declared double, because requests cannot leave
            an integer empty.
        registered_model_name : str, optional
            Full name, three levels, in a schema that exists.
        name : str, optional
            Name of the logged model; else the last level of `registered_model_name`, else `model`.
        aliases : sequence of str
            Aliases set on the new version.
        tags : mapping, optional
            Tags of the logged model.
        pip_requirements : sequence of str, optional
            Else the installed versions of what loading the model imports.

        Returns
        -------
        mlflow.models.model.ModelInfo
            With `model_uri`, `signature` and `registered_model_version`.

        Raises
        ------
        InvalidValueError
            If no flavour fits, no signature follows, or aliases are given without a name to register under.
        InvalidNameError
            If the registered name does not have three levels.
        SchemaNotFoundError
            If its schema does not exist; nothing is logged then.
        """
        import mlflow  # noqa: PLC0415 - takes seconds

        self._require_run("log_model_artifacts")
        registered = self._registered_name(registered_model_name, aliases)
        flavour = flavour_of(model)
        sample = sample_of(X_sample)
        signature = signature_of(model, sample)
        info = flavour.log(
            model,
            name=name or (registered.name if registered else "model"),
            signature=signature,
            input_example=sample.head(5) if hasattr(sample, "head") else sample[:5],
            pip_requirements=list(pip_requirements or requirements_of(model, flavour, sample)),
            registered_model_name=str(registered) if registered else None,
            tags=dict(tags or {}) or None,
        )
        if registered:
            for alias in aliases:
                version = str(info.registered_model_version)
                mlflow.MlflowClient().set_registered_model_alias(str(registered), alias, version)
        return info  # type: ignore[no-any-return]  # MLflow's functions are untyped

    def _registered_name(self, full_name: str | None, aliases: Sequence[str]) -> TableName | None:
        if full_name is None:
            if aliases:
                raise InvalidValueError("aliases", list(aliases), "a registered_model_name beside them")
            return None
        try:
            name = TableName.parse(full_name)
        except InvalidNameError:
            raise InvalidNameError(full_name, "a registered model needs `catalog.schema.model`") from None
        require_schema(self.client, name.parent)
        return name

    def _experiment(self) -> Experiment:
        import mlflow  # noqa: PLC0415 - takes seconds
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes seconds

        mlflow_client = mlflow.MlflowClient()
        found = mlflow_client.get_experiment_by_name(self.experiment_name)
        if found is not None:
            return found
        # The real workspace does not create folders on the way.
        self._make_folder(str(PurePosixPath(self.experiment_name).parent))
        try:
            return mlflow_client.get_experiment(mlflow_client.create_experiment(self.experiment_name))
        except MlflowException as error:
            created = mlflow_client.get_experiment_by_name(self.experiment_name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or created is None:
                raise
            return created  # someone else created it in between

    def _make_folder(self, folder: str) -> None:
        if folder in ("/", "/Shared"):
            return
        try:
            self.client.workspace.mkdirs(folder)
        except ResourceAlreadyExists:
            return

    def _source(self, table_name: str) -> DeltaDatasetSource:
        from databricks_monitoring.delta_source import DeltaSource  # noqa: PLC0415 - takes seconds

        name = TableName.parse(table_name)
        table = require_table(self.client, name)
        history = SqlClient(self.client).execute(f"DESCRIBE HISTORY {name.quoted} LIMIT 1")
        return DeltaSource(
            delta_table_name=str(name),
            delta_table_version=int(str(history[0]["version"])),
            delta_table_id=table.table_id,
        )

    def _require_run(self, method: str) -> None:
        import mlflow  # noqa: PLC0415 - takes seconds

        if mlflow.active_run() is None:
            raise InvalidValueError(
                method, "no active run", "a call inside `with tracker.start_run(run_name=...):`"
            )


def git_sha() -> str | None:
    """Return the commit the code is at: what the build says, else what git says, else None."""
    for variable in _GIT_VARIABLES:
        if value := os.environ.get(variable):
            return value
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever the user's git is
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no git, or no checkout: then nothing is known
        return None
    return found.stdout.strip() or None


def _dataset_names(train_table: str, test_table: str) -> tuple[str, str]:
    train, test = TableName.parse(train_table), TableName.parse(test_table)
    if train.name != test.name:
        return train.name, test.name
    # MLflow keeps only the first of two datasets that share a name and a digest.
    return f"{train.name}_training", f"{test.name}_testing"


def _log_dataset(context: str, frame: Any, name: str, source: DeltaDatasetSource) -> LoggedDataset:  # noqa: ANN401
    import mlflow  # noqa: PLC0415 - takes seconds

    with warnings.catch_warnings():
        # The schema here describes what was used; requests are checked against the model's signature.
        warnings.filterwarnings(
            "ignore", message="Hint: Inferred schema contains integer", category=UserWarning
        )
        dataset = _dataset(frame, name, source)
    mlflow.log_input(dataset, context=context)
    return LoggedDataset(
        context=context,
        name=name,
        table=str(source.delta_table_name),
        table_id=str(source.delta_table_id),
        version=int(source.delta_table_version or 0),
        rows=int((dataset.profile or {}).get("num_rows", 0)),
        columns=len(frame.columns),
    )


def _dataset(frame: Any, name: str, source: DeltaDatasetSource) -> Any:  # noqa: ANN401 - MLflow's, by kind of frame
    kind = type(frame).__module__.partition(".")[0]
    if kind == "pandas":
        from mlflow.data.pandas_dataset import from_pandas  # noqa: PLC0415 - needs pandas

        return from_pandas(frame, source=source, name=name, digest=_digest(source, frame))
    if kind == "polars":
        from mlflow.data.polars_dataset import from_polars  # noqa: PLC0415 - needs polars

        return from_polars(frame, source=source, name=name, digest=_digest(source, frame))
    if kind == "pyspark":
        from mlflow.data.spark_dataset import SparkDataset  # noqa: PLC0415 - needs Spark

        return SparkDataset(frame, source=source, name=name)
    raise InvalidValueError("frame", type(frame).__qualname__, "a DataFrame of pandas, polars or Spark")


def _digest(source: DeltaDatasetSource, frame: Any) -> str:  # noqa: ANN401 - pandas or polars
    """Return what tells this data from other data: table, version, number of rows, columns.

    MLflow's own digest looks at the type of every cell, which takes long and says no more: a Delta version
    does not change.
    """
    columns = ",".join(map(str, frame.columns))
    identity = f"{source.delta_table_id}@{source.delta_table_version}:{len(frame)}:{columns}"
    return hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST_LENGTH]
