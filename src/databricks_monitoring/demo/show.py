"""Run the story against a workspace and say what it found, in a few lines a person wants to read."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_monitoring.demo import traffic
from databricks_monitoring.demo.mail_server import mail_server
from databricks_monitoring.demo.progress import StoryProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.console import Console

    from databricks_monitoring.alerting.dispatch import Sent
    from databricks_monitoring.demo.report import DemoReport
    from databricks_monitoring.monitoring.drift_analysis import DriftAnalysis

_AUTHENTICATION = ("DATABRICKS_", "ARM_", "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_")


@contextmanager
def _only_this_workspace(variables: Mapping[str, str]) -> Iterator[None]:
    """Let nothing but `variables` decide who answers: a profile or token lying around must not."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(_AUTHENTICATION):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(variables: Mapping[str, str], *, root: Path, console: Console) -> DemoReport:
    """Tell the story against the workspace that `variables` name, and print what it found.

    Parameters
    ----------
    variables
        `DATABRICKS_HOST`, `DATABRICKS_TOKEN` and what else a client of that workspace needs.
    root
        Mail is kept in `root/mail`.
    """
    nowhere = str(root / "no-profile-is-read")
    with (
        mail_server(root / "mail") as smtp_url,
        _only_this_workspace(
            {
                **variables,
                "DATABRICKS_CONFIG_FILE": nowhere,
                "DATABRICKS_MONITORING_SMTP_URL": f"{smtp_url}?from=monitoring@example.com",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_LOGGING_LEVEL": "ERROR",
                "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            }
        ),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # the libraries' advice to developers is not part of the story
        # Imported late: they cost seconds, and read the environment that was just set.
        with StoryProgress(console, steps=traffic.DAYS + 5) as progress:
            progress.say("Loading the libraries")
            from databricks_monitoring.clients import connect  # noqa: PLC0415
            from databricks_monitoring.demo.story import Story  # noqa: PLC0415

            report, analysis, sent = Story(connect(), progress).tell()
    for line in summary(report, analysis, sent, mail=root / "mail"):
        console.print(line, highlight=False, soft_wrap=True)
    return report


def summary(report: DemoReport, analysis: DriftAnalysis, sent: list[Sent], *, mail: Path) -> list[str]:
    """Return the story's outcome in words."""
    lines = [
        (
            f"{report.requests_sent:,} requests with {report.rows_predicted:,} characters were answered; "
            f"{report.rows_in_inference_table:,} rows are in {report.inference_table}, "
            f"{report.rows_labelled:,} of them labelled."
        ),
    ]
    if report.first_drift_day:
        lines.append(f"Drifted since day {report.first_drift_day}:")
        shown = {"feature": "{}", "prediction": "the predictions", "label": "the labels"}
        lines += [f"  {shown[one.role].format(one.column)}: {one.effect}" for one in analysis.drifted]
    else:
        lines.append("Nothing drifted.")
    if report.accuracy_before is not None and report.accuracy_after is not None:
        lines.append(
            f"Accuracy went from {report.accuracy_before:.1%} to {report.accuracy_after:.1%} "
            "on the characters whose fate is known."
        )
    lines.append(f"{report.notifications_sent} mails were sent (kept in {mail}):")
    lines += [f"  to {', '.join(one.recipients)}: {one.message.subject}" for one in sent]
    return lines
