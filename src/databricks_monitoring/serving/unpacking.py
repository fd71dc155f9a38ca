"""How the payloads of one inference table become its rows, kept as a property of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from databricks_monitoring.errors import ConfigError

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import TableInfo

UNPACKING_PROPERTY = "databricks_monitoring.unpacking"
PREDICTION_FIELD_PROPERTY = "databricks_monitoring.prediction_field"

WHOLE_ANSWER = "$"
"""Instead of a field's name: the answer itself, which is a list of probabilities."""

PROBABILITIES = "prediction_proba"
"""The column with the probability of each class, by name of the class."""


class Unpacking(BaseModel):
    """How requests and answers are read.

    Attributes
    ----------
    inputs
        Columns of the model's input in order, for requests that bring values without names.
    outputs
        Field of the answer by column, for answers that are objects.
    prediction_field
        The field, or the position in a list, that is the prediction.
    probability_field
        The field with the class probabilities, or `WHOLE_ANSWER`.
    classes
        Names of the classes in order, for probabilities that come as a list; else they are numbered from 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: tuple[str, ...] = ()
    outputs: dict[str, str] = Field(default_factory=dict)
    prediction_field: str | None = None
    probability_field: str | None = None
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, info: TableInfo) -> Unpacking:
        """Return what an inference table says; tables of earlier versions name a prediction at most.

        Raises
        ------
        ConfigError
            If the property was changed to something unreadable.
        """
        properties = info.properties or {}
        text = properties.get(UNPACKING_PROPERTY)
        if text is None:
            return cls(prediction_field=properties.get(PREDICTION_FIELD_PROPERTY))
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(
                f"Property {UNPACKING_PROPERTY} of {info.full_name} cannot be read: "
                f"{error.errors()[0]['msg']}. deploy_serving writes it anew."
            ) from None

    def property_text(self) -> str:
        """Return the value of the property."""
        return self.model_dump_json(exclude_defaults=True)
