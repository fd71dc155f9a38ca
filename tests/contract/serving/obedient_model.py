"""A model, logged from this file, that does what its input says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc.model import PythonModelContext


KEPT: list[bytearray] = []


def _act(actions: set[str]) -> None:
    if "print" in actions:
        sys.stdout.write("the model says hello\n")
    if "chatter" in actions:
        sys.stdout.write("the model says much\n" * 100_000)
    if "raise" in actions:
        raise ValueError("a secret of /home/model")
    if "sleep" in actions:
        time.sleep(0.3)
    if "hang" in actions:
        time.sleep(600)
    if "leak" in actions:
        for _ in range(100):
            KEPT.append(bytearray(b"x") * (20 << 20))
            time.sleep(0.01)
    if "die" in actions:
        os._exit(3)


def _started() -> float:
    # Started and left: it outlives a model that only dies.
    return float(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)


class Obedient(PythonModel):
    """Doubles `x`; the column `action` makes it print, fail, hang, leak, start a program or die."""

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[float]:
        actions = set(model_input["action"]) if "action" in model_input else set()
        _act(actions)
        if "start" in actions:
            return [_started()] * len(model_input)
        if "environment" in actions:
            return [float(os.environ["NUMBER"])] * len(model_input)
        if "nan" in actions:
            return [float("nan")] * len(model_input)
        factor = (params or {}).get("factor", 2.0)
        return [factor * x for x in model_input["x"]]


set_model(Obedient())
