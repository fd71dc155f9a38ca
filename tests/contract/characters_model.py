"""A model that says 1 for the tall, and does as its input says for tests of failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    import pandas as pd


class Tall(PythonModel):
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[int]:  # noqa: ANN401, ARG002
        universes = set(model_input["Universe"])
        if "refuse" in universes:
            raise MlflowException("This universe is refused.")
        predictions = [int(height > 1.8) for height in model_input["Height"]]
        return predictions[:-1] if "lose one" in universes else predictions


mlflow.models.set_model(Tall())
