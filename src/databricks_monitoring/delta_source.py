"""A Delta table as the source of a logged dataset.

In a module of its own because its base class needs MLflow, which takes seconds to import.
"""

from __future__ import annotations

from typing import Any

from mlflow.data.delta_dataset_source import DeltaDatasetSource


class DeltaSource(DeltaDatasetSource):
    """MLflow's source, with version 0 as well: that of every table made by one `CREATE TABLE ... AS`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the source as MLflow stores it."""
        return super().to_dict() | {"delta_table_version": self.delta_table_version}
