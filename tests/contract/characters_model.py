"""A model that says 1 for the tall, and does as its input says for tests of failure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc.model import PythonModelContext


class Tall(PythonModel):
    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[int]:
        universes = set(model_input["Universe"])
        if "slow" in universes:
            time.sleep(1)
        if "refuse" in universes:
            raise MlflowException("This universe is refused.")
        predictions = [int(height > 1.8) for height in model_input["Height"]]
        return predictions[:-1] if "lose one" in universes else predictions


mlflow.models.set_model(Tall())
