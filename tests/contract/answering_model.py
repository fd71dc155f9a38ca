"""A model that answers in the form that its configuration names; signatures are made of `answer` as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc.model import PythonModelContext

    Form = Callable[[list[bool]], object]


def _likely(tall: bool) -> list[float]:  # noqa: FBT001 - what is answered
    return [0.25, 0.75] if tall else [0.875, 0.125]


FORMS: dict[str, Form] = {
    "series": lambda tall: pd.Series([1.5 * one for one in tall]),
    "frame": lambda tall: pd.DataFrame(
        {
            'the "class"': ["tall" if one else "small" for one in tall],
            "it's.sure": [max(_likely(one)) for one in tall],
            "probabilities": [_likely(one) for one in tall],
        }
    ),
    "frame_without_names": lambda tall: pd.DataFrame([_likely(one) for one in tall]),
    "objects": lambda tall: [
        {
            "prediction": "tall" if one else "small",
            "probabilities": dict(zip(("small", "tall"), _likely(one), strict=True)),
            "because": {"of": ["height"], "weight": 2},
        }
        for one in tall
    ],
    "object_of_lists": lambda tall: {
        "prediction": [1.5 * one for one in tall],
        "band": ["b" if one else "a" for one in tall],
        "score": [int(one) for one in tall],
    },
    "lists_of_probabilities": lambda tall: [_likely(one) for one in tall],
}


def answer(form: str, rows: pd.DataFrame) -> object:
    """Return what the model of a form answers to rows."""
    return FORMS[form]([bool(height > 1.8) for height in rows["Height"]])


class Answering(PythonModel):
    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow passes it
    ) -> object:
        return answer(context.model_config["form"], model_input)


mlflow.models.set_model(Answering())
