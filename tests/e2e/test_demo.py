"""The whole story, as `make demo` runs it."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import urllib.request
from email import policy
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Return the demo's folder, its report and what it printed."""
    root = tmp_path_factory.mktemp("demo") / "root"
    report = root / "report.json"
    command = Path(sys.executable).with_name("databricks-monitoring")
    done = subprocess.run(
        [command, "demo", "--root", root, "--report", report],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root, json.loads(report.read_text()), done.stdout + done.stderr


def test_every_answer_becomes_a_row(told: tuple[Path, dict[str, Any], str]) -> None:
    _, report, _ = told
    assert report["requests_sent"] == 14 * 300
    assert report["rows_predicted"] == report["rows_in_inference_table"] > report["requests_sent"]
    assert (
        0.8 < report["rows_labelled"] / report["rows_predicted"] < 0.9
    )  # the last two days' labels are not due


def test_it_finds_what_drifted_and_nothing_else(told: tuple[Path, dict[str, Any], str]) -> None:
    _, report, printed = told
    assert report["drifted_columns"] == ["Universe", "Weight"]
    assert report["first_drift_day"] == 10
    assert report["accuracy_before"] - report["accuracy_after"] > 0.05
    assert "Drifted since day 10" in printed


def test_the_mail_arrived(told: tuple[Path, dict[str, Any], str]) -> None:
    root, report, _ = told
    paths = sorted((root / "mail").glob("*.eml"))
    mails = [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    assert len(mails) == report["notifications_sent"] >= 1
    assert mails[0]["To"] == "ml-ops@example.com"
    body = mails[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Weight" in text
    assert "Universe" in text
    assert report["dashboard_url"] in text


def test_the_page_is_there_after_a_restart(told: tuple[Path, dict[str, Any], str]) -> None:
    root, report, _ = told
    command = Path(sys.executable).with_name("databricks-monitoring")
    subprocess.run(
        [command, "local", "up", "--root", root, "--detach"], check=True, timeout=60, capture_output=True
    )
    try:
        token = json.loads((root / "workspace.json").read_text())["token"]
        asked = urllib.request.Request(report["dashboard_url"], headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            page = answer.read().decode()
        assert "inference_logs" in page
        assert "Weight" in page
    finally:
        subprocess.run(
            [command, "local", "down", "--root", root], check=True, timeout=60, capture_output=True
        )


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("mine")
    command = Path(sys.executable).with_name("databricks-monitoring")
    done = subprocess.run(
        [command, "demo", "--root", tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "the demo did not make" in done.stderr
    assert precious.read_text() == "mine"
