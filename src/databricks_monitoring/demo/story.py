"""Fourteen days of a model's life, told through the public API.

The caller decides who answers: `DATABRICKS_HOST` and `DATABRICKS_TOKEN` name the workspace. One thing is
asked of it that only a local workspace can do: to set its clock, so that two weeks pass in a minute.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from databricks_monitoring import names
from databricks_monitoring.alerting.dispatch import dispatch
from databricks_monitoring.alerting.rules import load_rules
from databricks_monitoring.clients import SqlClient
from databricks_monitoring.demo import traffic
from databricks_monitoring.demo.characters import FEATURES, TARGET, make_characters
from databricks_monitoring.demo.data_set import Landing
from databricks_monitoring.demo.report import DemoReport
from databricks_monitoring.demo.training import ALIAS, MODEL, train_and_register
from databricks_monitoring.monitoring.drift_analysis import analyze_drift
from databricks_monitoring.monitoring.framework import MonitoringFramework
from databricks_monitoring.monitoring.lakehouse_monitor import LakehouseMonitor
from databricks_monitoring.monitoring.monitored_tables import find_layouts
from databricks_monitoring.names import SchemaName, TableName
from databricks_monitoring.serving.inference_table import unpack
from databricks_monitoring.serving.labels import merge_labels
from databricks_monitoring.serving.model_serving_setup import ServingSetup

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from databricks_monitoring.alerting.dispatch import Sent
    from databricks_monitoring.demo.progress import StoryProgress
    from databricks_monitoring.monitoring.drift_analysis import DriftAnalysis
    from databricks_monitoring.monitoring.framework import Deployment

SCHEMA = SchemaName("mlops_dev", "databricks_monitoring")
OUTPUT_SCHEMA = SchemaName("mlops_dev", "monitoring")
LABELS = SCHEMA.table("labels")
ENDPOINT = "ml-model-model-serving-dev"
ROWS = 20_000
TRAINED_SHARE = 0.8
SEED = 7
LABEL_DELAY_DAYS = 2
RECIPIENTS = ["ml-ops@example.com"]
STEPS = 5 + traffic.DAYS
CLOCK = "/api/local/clock"


@dataclass
class _Told:
    """What the story has counted so far."""

    requests_sent: int = 0
    rows_predicted: int = 0
    sent: list[Sent] = field(default_factory=list)


class Story:
    """The demo's steps, in order.

    Parameters
    ----------
    client
        Speaks to a local workspace whose clock may be set.
    """

    def __init__(self, client: WorkspaceClient, progress: StoryProgress) -> None:
        self._client = client
        self._sql = SqlClient(client)
        self._progress = progress
        self._serving = ServingSetup(client=client)
        self._monitor = LakehouseMonitor(catalog=SCHEMA.catalog, schema=SCHEMA.schema, client=client)
        self._told = _Told()
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._first_day = today - timedelta(days=traffic.DAYS)

    def tell(self) -> tuple[DemoReport, DriftAnalysis, list[Sent]]:
        """Run every step; return the report, the last analysis and the messages that were sent."""
        started = time.monotonic()
        self._set_clock(self._first_day)
        version = self._train()
        deployment = self._deploy(version)
        for day in range(1, traffic.DAYS + 1):
            self._live(day)
            self._work_of_the_night(day, deployment)
        self._progress.say("Reading what drifted")
        analysis = self._analyse(deployment)
        self._client.api_client.do("POST", CLOCK, body={"reset": True})
        report = self._report(deployment, analysis, seconds=time.monotonic() - started)
        return report, analysis, self._told.sent

    def _train(self) -> str:
        """Write the tables, train, register, write the scored test set as the baseline."""
        self._progress.say(f"Making {ROWS:,} characters")
        self._sql.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA.quoted}")
        landing = Landing(self._client, self._sql, SCHEMA)
        characters = make_characters(ROWS, seed=SEED)
        at = int(ROWS * TRAINED_SHARE)
        train, test = characters[:at], characters[at:].reset_index(drop=True)
        landing.write_table(train, SCHEMA.table("train_set"))
        landing.write_table(test, SCHEMA.table("test_set"))
        self._progress.say("Training, logging and registering a LightGBM pipeline")
        model, version = train_and_register(train, test, SCHEMA, self._client)
        self._progress.say("Scoring the test set as the baseline")
        baseline = test[list(FEATURES)].assign(
            prediction=[str(value) for value in model.predict(test[list(FEATURES)])],
            label=test[TARGET].astype(str),
            model_id=names.model_id(f"{SCHEMA}.{MODEL}", version),
        )
        landing.write_table(baseline, SCHEMA.table("baseline"))
        self._sql.execute(
            f"CREATE TABLE IF NOT EXISTS {LABELS.quoted} "
            "(client_request_id STRING, position INT, label STRING)"
        )
        self._landing = landing
        return version

    def _deploy(self, version: str) -> Deployment:
        self._progress.say("Deploying the endpoint, its inference table, monitor, dashboard and alert rules")
        framework = MonitoringFramework(
            catalog=SCHEMA.catalog, schema=SCHEMA.schema, model_name=MODEL, client=self._client
        )
        return framework.deploy_with_monitoring(
            model_version=version,
            serving_config={"endpoint_name": ENDPOINT, "workload_size": "Medium", "scale_to_zero": False},
            inference_table_config={"name": "inference_logs", "enabled": True},
            monitoring_config={
                "output_schema": OUTPUT_SCHEMA.schema,
                "granularities": ["1 day"],
                "baseline_table": f"{SCHEMA}.baseline",
                "problem_type": "classification",
                "alerts": [
                    {
                        "metric": "prediction_drift",
                        "threshold": 0.05,
                        "severity": "critical",
                        "notification_type": "email",
                        "recipients": RECIPIENTS,
                    },
                    {"metric": "feature_drift", "threshold": 0.1, "recipients": RECIPIENTS},
                    {"metric": "model_quality", "threshold": 0.05, "recipients": RECIPIENTS},
                ],
            },
            tags={"environment": "dev", "model_type": "classification", "model_alias": ALIAS},
        )

    def _live(self, day: int) -> None:
        """Send a day's requests, a few hours at a time on the workspace's clock."""
        self._progress.say(f"Day {day} of {traffic.DAYS}: {traffic.REQUESTS_A_DAY} requests")
        midnight = self._first_day + timedelta(days=day - 1)
        requests = traffic.make_day(day, seed=SEED)
        with ThreadPoolExecutor(traffic.CLIENTS) as pool:
            for hour, together in traffic.by_time(requests):
                self._set_clock(midnight + timedelta(hours=hour))
                self._told.rows_predicted += sum(pool.map(self._ask, together))
        self._told.requests_sent += len(requests)

    def _ask(self, request: traffic.Request) -> int:
        answer = self._serving.invoke_endpoint(
            endpoint_name=ENDPOINT, payload=request.payload, client_request_id=request.client_request_id
        )
        return len(answer["predictions"])

    def _work_of_the_night(self, day: int, deployment: Deployment) -> None:
        """Do what the daily workflow does, half an hour after midnight."""
        self._set_clock(self._first_day + timedelta(days=day, minutes=30))
        table = TableName.parse(deployment["inference_table"])
        unpack(self._sql, table)
        if day > LABEL_DELAY_DAYS:
            self._learn_the_truth(day - LABEL_DELAY_DAYS)
            merge_labels(self._sql, table, LABELS, on="client_request_id", position_col="position")
        self._monitor.refresh_monitor(deployment["monitor_name"], unpack_payloads=False)
        [layout] = find_layouts(self._client, SCHEMA, monitor=deployment["monitor_name"])
        rules = load_rules(self._sql, OUTPUT_SCHEMA)[deployment["monitor_name"]]
        self._told.sent += dispatch(self._sql, layout, rules).sent

    def _learn_the_truth(self, day: int) -> None:
        """Add what became of the characters of `day` to the table of labels."""
        frame = pd.DataFrame(
            [
                {"client_request_id": request.client_request_id, "position": position, "label": str(alive)}
                for request in traffic.make_day(day, seed=SEED)
                for position, alive in enumerate(request.alive)
            ]
        )
        self._landing.append(frame, LABELS, file_name=f"labels-day-{day:02d}")

    def _analyse(self, deployment: Deployment) -> DriftAnalysis:
        [layout] = find_layouts(self._client, SCHEMA, monitor=deployment["monitor_name"])
        return analyze_drift(self._sql, layout, days=traffic.DAYS)

    def _set_clock(self, moment: datetime) -> None:
        self._client.api_client.do("POST", CLOCK, body={"now": moment.isoformat()})

    def _report(self, deployment: Deployment, analysis: DriftAnalysis, *, seconds: float) -> DemoReport:
        features = [found for found in analysis.drifted if found.role == "feature"]
        since = min((found.since.start for found in features), default=None)
        first_drift_day = (since - self._first_day).days + 1 if since else None
        before, after = self._accuracy(deployment, first_drift_day)
        counted = self._told
        return DemoReport(
            endpoint_name=deployment["endpoint_name"],
            monitor_name=deployment["monitor_name"],
            dashboard_url=deployment["dashboard_url"],
            inference_table=deployment["inference_table"],
            profile_metrics_table=deployment["profile_metrics_table"],
            drift_metrics_table=deployment["drift_metrics_table"],
            requests_sent=counted.requests_sent,
            rows_predicted=counted.rows_predicted,
            rows_in_inference_table=self._count(deployment, "*"),
            rows_labelled=self._count(deployment, "label"),
            drifted_columns=sorted({found.column for found in features}),
            first_drift_day=first_drift_day,
            accuracy_before=before,
            accuracy_after=after,
            notifications_sent=len(counted.sent),
            seconds=round(seconds, 1),
        )

    def _count(self, deployment: Deployment, column: str) -> int:
        table = TableName.parse(deployment["inference_table"])
        return int(str(self._sql.execute(f"SELECT count({column}) FROM {table.quoted}").scalar()))  # noqa: S608

    def _accuracy(
        self, deployment: Deployment, first_drift_day: int | None
    ) -> tuple[float | None, float | None]:
        """Return the accuracy over labelled rows before the drift and since."""
        table = TableName.parse(deployment["inference_table"])
        border = self._first_day + timedelta(days=(first_drift_day or traffic.DAYS + 1) - 1)
        [row] = self._sql.execute(
            "SELECT avg(CASE WHEN `timestamp` < :border THEN hit END) AS earlier, "  # noqa: S608
            "avg(CASE WHEN `timestamp` >= :border THEN hit END) AS later "
            "FROM (SELECT `timestamp`, CASE WHEN prediction = label THEN 1.0D ELSE 0.0D END AS hit "
            f"FROM {table.quoted} WHERE label IS NOT NULL)",
            {"border": border},
        )
        return _rounded(row["earlier"]), _rounded(row["later"])


def _rounded(value: object) -> float | None:
    return None if value is None else round(float(str(value)), 4)
