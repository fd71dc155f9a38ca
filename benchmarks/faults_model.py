"""The model of `faults.py`, logged from this file: as quick as a model can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc.model import PythonModelContext


class Twice(PythonModel):
    """Doubles `x`."""

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow passes them
    ) -> list[float]:
        """Return twice the column `x`."""
        return [2.0 * x for x in model_input["x"]]


set_model(Twice())
