"""A model, logged from this file, that does what its input says."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc.model import PythonModelContext


class Obedient(PythonModel):
    """Doubles `x`; the column `action` makes it print, fail, hang or die."""

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[float]:
        actions = set(model_input["action"]) if "action" in model_input else set()
        if "print" in actions:
            sys.stdout.write("the model says hello\n")
        if "raise" in actions:
            raise ValueError("a secret of /home/model")
        if "sleep" in actions:
            time.sleep(0.3)
        if "hang" in actions:
            time.sleep(600)
        if "die" in actions:
            os._exit(3)
        if "nan" in actions:
            return [float("nan")] * len(model_input)
        factor = (params or {}).get("factor", 2.0)
        return [factor * x for x in model_input["x"]]


set_model(Obedient())
