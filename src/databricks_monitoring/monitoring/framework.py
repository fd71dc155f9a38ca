"""One call that puts a model behind an endpoint and under watch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from databricks_monitoring import clients
from databricks_monitoring.alerting.rules import save_rules
from databricks_monitoring.config import InferenceTableConfig, MonitorConfig, MonitoringConfig, ServingConfig
from databricks_monitoring.dashboard.definition import MonitorDashboard
from databricks_monitoring.errors import ColumnNotFoundError, InvalidValueError
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor, assets_dir, metric_tables
from databricks_monitoring.monitoring.monitor_dashboard import ensure_dashboard
from databricks_monitoring.monitoring.monitor_translation import columns_needed
from databricks_monitoring.names import SchemaName, TableName, payload_table
from databricks_monitoring.parsing import parse
from databricks_monitoring.serving.inference_table import (
    create_inference_table,
    expected_columns,
    kept_columns,
    require_fit,
)
from databricks_monitoring.serving.model_serving_setup import ServingSetup
from databricks_monitoring.serving.signature import choose_fields, read_signature
from databricks_monitoring.unity_catalog import (
    column_names,
    ensure_schema,
    find_table,
    require_catalog,
    require_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.serving.model_version import ModelVersion
    from databricks_monitoring.serving.signature import ProblemType

logger = logging.getLogger(__name__)

_SHARES_OF_CLASSES = ("prediction_drift", "label_drift", "model_quality")
_ROW_IDENTIFIERS = ("row_id", "client_request_id")


class EndpointDeployment(TypedDict):
    """An endpoint that answers, and the tables behind it."""

    endpoint_name: str
    endpoint_url: str
    model_name: str
    model_version: str
    payload_table: str
    inference_table: str
    tags: dict[str, str]


class MonitoringDeployment(TypedDict):
    """A monitor, its metric tables, its dashboard and its alert rules."""

    monitor_name: str
    profile_metrics_table: str
    drift_metrics_table: str
    dashboard_id: str
    dashboard_url: str
    alert_rules: list[str]


class Deployment(EndpointDeployment, MonitoringDeployment):
    """What `MonitoringFramework.deploy_with_monitoring` made."""


class MonitoringFramework:
    """A registered model of one schema, served and monitored.

    Parameters
    ----------
    catalog, schema : str
        Where the model is and where its tables go.
    model_name : str
        The registered model: its name in the schema, or its full name.
    client : WorkspaceClient, optional
        The workspace; else the one that the environment names.
    progress : callable, optional
        Told in words what is being done.
    """

    def __init__(
        self,
        catalog: str,
        schema: str,
        model_name: str,
        client: WorkspaceClient | None = None,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.schema = SchemaName.of(catalog, schema)
        self.model = TableName.parse(model_name, within=self.schema)
        self.client = client or clients.connect()
        self._progress = progress
        self._sql = clients.SqlClient(self.client, progress=progress)
        self._serving = ServingSetup(self.client, progress=progress)
        self._monitor = LakehouseMonitor(catalog, schema, self.client, progress=progress)

    def deploy_with_monitoring(
        self,
        model_version: str | int | None,
        serving_config: Mapping[str, object],
        inference_table_config: Mapping[str, object],
        monitoring_config: Mapping[str, object],
        tags: Mapping[str, str] | None = None,
    ) -> Deployment:
        """Serve a model version, log its requests, monitor them, draw the dashboard, keep the alert rules.

        May be called again at any time: what is as wanted stays, what differs is changed. Everything that can
        be checked is checked before anything is created.

        Parameters
        ----------
        model_version : str or int
            A version or an alias; None where `served_entities` say it.
        serving_config, inference_table_config, monitoring_config : mapping
            Keys of `ServingConfig`, `InferenceTableConfig` and `MonitoringConfig`.
        tags : mapping, optional
            Tags of the endpoint.

        Raises
        ------
        ConfigError
            If a dictionary is wrong; the nearest key is named.
        MissingError
            If the model, the version, the baseline or a catalog does not exist; what exists is named.
        EndpointError, MonitorError
            If the endpoint or the monitor cannot be brought up; in the service's words.
        """
        serving = parse(ServingConfig, serving_config, "serving_config")
        table_config = parse(InferenceTableConfig, inference_table_config, "inference_table_config")
        monitoring = parse(MonitoringConfig, monitoring_config, "monitoring_config")
        if not table_config.enabled:
            raise InvalidValueError(
                "inference_table_config.enabled",
                table_config.enabled,
                "True: without requests there is nothing to monitor",
            )
        self._check(monitoring)
        endpoint = self._deploy(
            _version(model_version),
            serving,
            table_config,
            tags=_tags(tags),
            problem_type=monitoring.problem_type,
            monitoring=monitoring,
        )
        monitor = self.set_up_monitoring(TableName.parse(endpoint["inference_table"]), monitoring)
        return {**endpoint, **monitor}

    def deploy_endpoint(
        self,
        model_version: str | None,
        serving: ServingConfig,
        table_config: InferenceTableConfig,
        *,
        tags: Mapping[str, str],
        problem_type: ProblemType | None = None,
    ) -> EndpointDeployment:
        """Bring up the endpoint and, where requests are logged, the inference table; waits until it answers.

        Parameters
        ----------
        problem_type : str, optional
            Decides the type of predictions; else the model's signature does.
        """
        return self._deploy(
            model_version, serving, table_config, tags=tags, problem_type=problem_type, monitoring=None
        )

    def _deploy(
        self,
        model_version: str | None,
        serving: ServingConfig,
        table_config: InferenceTableConfig,
        *,
        tags: Mapping[str, str],
        problem_type: ProblemType | None,
        monitoring: MonitoringConfig | None,
    ) -> EndpointDeployment:
        versions = self._serving.resolve(serving, self.model, model_version)
        schema = SchemaName(
            table_config.catalog or self.schema.catalog, table_config.schema_name or self.schema.schema
        )
        table = schema.table(table_config.name)
        payload = payload_table(schema, table_config.name)
        signatures = [
            choose_fields(
                read_signature(self.client, version),
                str(version.model),
                prediction_field=table_config.prediction_field,
                probability_field=table_config.probability_field,
            )
            for version in versions
        ]
        extra = kept_columns(table_config)
        problem = problem_type or signatures[0].problem_type
        present = find_table(self.client, table)
        for signature in signatures:
            wanted = expected_columns(signature, problem, extra)
            if present is not None and table_config.enabled:
                require_fit(present, wanted)
        if monitoring is not None:
            _check_thresholds(monitoring, problem)
            self._check_columns(
                table, [list(expected_columns(item, problem, extra)) for item in signatures], monitoring
            )
        if table_config.enabled:
            self._ensure_schema(schema)
        self._say(f"deploying {_listed(versions)} to endpoint {serving.endpoint_name}")
        log = table_config.model_copy(update={"catalog": schema.catalog, "schema_name": schema.schema})
        self._serving.deploy(serving, self.model, model_version, inference_table=log, tags=tags)
        for version in versions:
            self._serving.wait_for_endpoint_ready(
                serving.endpoint_name, timeout=serving.timeout_seconds, model_version=version.version
            )
        if table_config.enabled:
            for signature in signatures:
                if create_inference_table(
                    self._sql, table, payload, signature, problem, extra=extra, classes=table_config.classes
                ):
                    self._say(f"created inference table {table}")
        host = (self.client.config.host or "").rstrip("/")
        return {
            "endpoint_name": serving.endpoint_name,
            "endpoint_url": f"{host}/serving-endpoints/{serving.endpoint_name}/invocations",
            "model_name": str(self.model),
            "model_version": ",".join(version.version for version in versions),
            "payload_table": str(payload),
            "inference_table": str(table),
            "tags": dict(tags),
        }

    def set_up_monitoring(self, table: TableName, monitoring: MonitoringConfig) -> MonitoringDeployment:
        """Monitor an inference table: monitor, metric tables, dashboard, alert rules.

        Raises
        ------
        TableNotFoundError
            If the inference table does not exist yet.
        """
        self._check(monitoring)
        output_schema = self._output_schema(monitoring)
        problem = monitoring.problem_type or self._problem_of(table, monitoring)
        _check_thresholds(monitoring, problem)
        shared = MonitorConfig.model_fields.keys() & MonitoringConfig.model_fields.keys()
        config = MonitorConfig(
            **{name: getattr(monitoring, name) for name in shared - {"output_schema", "problem_type"}},
            inference_table=str(table),
            output_schema=str(output_schema),
            problem_type=problem,
            schedule=monitoring.refresh_schedule,
        )
        self._say(f"monitoring {table}")
        monitor_name = self._monitor.ensure(config, skip_builtin_dashboard=True)
        profile, drift = metric_tables(self._monitor.get_config(monitor_name), table)
        self._say("writing the dashboard")
        spec = _dashboard(table, config, problem, profile, drift, within=self.schema)
        dashboard = ensure_dashboard(self._sql, spec, assets_dir(table))
        rules = save_rules(self._sql, output_schema, monitor_name, monitoring.alerts)
        self._say(f"keeping {len(rules)} alert rules")
        self._warn_of_baseline(monitoring)
        return {
            "monitor_name": monitor_name,
            "profile_metrics_table": str(profile),
            "drift_metrics_table": str(drift),
            "dashboard_id": dashboard.dashboard_id,
            "dashboard_url": dashboard.url,
            "alert_rules": rules,
        }

    def _check(self, monitoring: MonitoringConfig) -> None:
        if monitoring.baseline_table:
            require_table(self.client, TableName.parse(monitoring.baseline_table, within=self.schema))
        require_catalog(self.client, self._output_schema(monitoring).catalog)

    def _check_columns(self, table: TableName, made: list[list[str]], monitoring: MonitoringConfig) -> None:
        """Find a misspelt column before an endpoint is deployed for it."""
        existing = find_table(self.client, table)
        names = {name for names in made for name in names} | set(column_names(existing) if existing else [])
        folded = {name.casefold() for name in names}
        for name in columns_needed(monitoring):
            if name.casefold() not in folded:
                raise ColumnNotFoundError(name, names, where=f"inference table {table}")

    def _warn_of_baseline(self, monitoring: MonitoringConfig) -> None:
        """Say what a baseline without predictions, such as raw training data, cannot be compared with."""
        if not monitoring.baseline_table or monitoring.profile_type != "InferenceLog":
            return
        baseline = TableName.parse(monitoring.baseline_table, within=self.schema)
        columns = {name.casefold() for name in column_names(require_table(self.client, baseline))}
        if monitoring.prediction_col.casefold() in columns:
            return
        rules = sum(rule.metric == "prediction_drift" for rule in monitoring.alerts)
        silent = " prediction_drift alerts cannot fire." if rules else ""
        self._warn(
            f"The baseline {baseline} has no column {monitoring.prediction_col!r}: features are compared "
            f"with it, but predictions have no baseline to be compared with.{silent} Add the model's "
            "predictions to it (best: the test set, scored by the deployed version) and refresh."
        )

    def _warn(self, words: str) -> None:
        if self._progress:
            self._progress(f"warning: {words}")
        else:
            logger.warning(words)

    def _output_schema(self, monitoring: MonitoringConfig) -> SchemaName:
        return SchemaName.parse(monitoring.output_schema, default_catalog=self.schema.catalog)

    def _problem_of(self, table: TableName, monitoring: MonitoringConfig) -> ProblemType:
        columns = require_table(self.client, table).columns or []
        types = {column.name: (column.type_text or "").lower() for column in columns}
        kind = types.get(monitoring.prediction_col, "")
        return "regression" if kind.startswith(("double", "float", "decimal")) else "classification"

    def _ensure_schema(self, schema: SchemaName) -> None:
        if ensure_schema(self.client, schema):
            self._say(f"created schema {schema}")

    def _say(self, words: str) -> None:
        logger.info(words)
        if self._progress:
            self._progress(words)


def _version(given: object) -> str | None:
    if given is None or (isinstance(given, str | int) and not isinstance(given, bool) and str(given).strip()):
        return None if given is None else str(given)
    raise InvalidValueError("model_version", given, "a version or an alias")


def _tags(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValueError("tags", given, "a dictionary")
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float):
            raise InvalidValueError(f"tags[{key!r}]", value, "a text, under a key that is a text")
    return {key: str(value) for key, value in given.items()}


def _check_thresholds(monitoring: MonitoringConfig, problem: ProblemType) -> None:
    """Refuse a threshold that no distance between classes, and no fall of the accuracy, can reach."""
    if problem != "classification":
        return
    for position, rule in enumerate(monitoring.alerts):
        if rule.metric in _SHARES_OF_CLASSES and rule.threshold > 1:
            raise InvalidValueError(
                f"alerts[{position}].threshold",
                rule.threshold,
                f"0 to 1 for {rule.metric} of a classification",
            )


def _listed(versions: list[ModelVersion]) -> str:
    return " and ".join(f"{version.model} version {version.version}" for version in versions)


def _dashboard(
    table: TableName,
    config: MonitorConfig,
    problem: ProblemType,
    profile: TableName,
    drift: TableName,
    *,
    within: SchemaName,
) -> MonitorDashboard:
    logged = config.profile_type == "InferenceLog"
    timed = config.profile_type != "Snapshot"
    baseline = TableName.parse(config.baseline_table, within=within) if config.baseline_table else None
    return MonitorDashboard(
        title=f"{table.name} monitoring",
        monitored_table=table,
        profile_table=profile,
        drift_table=drift,
        granularity=config.granularities[0] if timed else None,
        problem_type=problem if logged else None,
        timestamp_column=config.timestamp_col if timed else None,
        prediction_column=config.prediction_col if logged else None,
        label_column=config.label_col if logged else None,
        model_id_column=config.model_id_col if logged else None,
        has_baseline=config.baseline_table is not None,
        ignored_columns=_ROW_IDENTIFIERS,
        baseline_table=baseline,
        has_slices=bool(config.slicing_exprs),
    )
