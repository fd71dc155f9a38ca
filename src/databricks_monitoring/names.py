"""Names of Unity Catalog objects and of the tables derived from them.

A full name is a value with three levels inside this package and a string only at its edges, so that
quoting happens in one place and a two-level name is refused where it enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from databricks_monitoring.errors import InvalidNameError

PAYLOAD_SUFFIX = "_payload"
PROFILE_METRICS_SUFFIX = "_profile_metrics"
DRIFT_METRICS_SUFFIX = "_drift_metrics"

ALL_MODELS = "*"
"""Value of the model id column in rows that aggregate over every model."""

TABLE_ROW = ":table"
"""Value of `column_name` in metric rows that describe the table as a whole."""

Granularity = Literal[
    "5 minutes",
    "30 minutes",
    "1 hour",
    "1 day",
    "1 week",
    "2 weeks",
    "3 weeks",
    "4 weeks",
    "1 month",
    "1 year",
]
"""Length of a window, spelt as the column `granularity` of the metric tables holds it."""

RETAINED_SINCE_PROPERTY = "databricks_monitoring.retained_since"
"""Property of a monitored table: rows with an earlier time were deleted by retention (ISO 8601, UTC).

Windows that begin before that moment can no longer be computed from the table, so their metrics stay.
"""


def quote(identifier: str) -> str:
    """Return `identifier` in backticks, as Databricks SQL wants it.

    Examples
    --------
    >>> quote("a`b")
    '`a``b`'
    """
    return "`" + identifier.replace("`", "``") + "`"


def _split(full_name: str) -> list[str]:
    parts: list[str] = []
    rest = full_name.strip()
    while rest:
        if rest.startswith("`"):
            end = 1
            while True:
                end = rest.find("`", end)
                if end < 0:
                    raise InvalidNameError(full_name, "it has an opening backtick without a closing one")
                if rest[end : end + 2] == "``":
                    end += 2
                    continue
                break
            parts.append(rest[1:end].replace("``", "`"))
            rest = rest[end + 1 :]
            if rest and not rest.startswith("."):
                raise InvalidNameError(full_name, "text follows a closing backtick")
        else:
            head, dot, tail = rest.partition(".")
            parts.append(head)
            rest = dot + tail
        if rest == ".":
            parts.append("")
        rest = rest[1:]
    return parts


@dataclass(frozen=True, order=True)
class SchemaName:
    """A two-level name, `catalog.schema`."""

    catalog: str
    schema: str

    @classmethod
    def parse(cls, full_name: str, *, default_catalog: str | None = None) -> SchemaName:
        """Read `catalog.schema`, or `schema` alone where a default catalog is given.

        Raises
        ------
        InvalidNameError
            If the levels are not two, or one is empty.
        """
        parts = _split(full_name)
        if len(parts) == 1 and default_catalog is not None:
            parts = [default_catalog, *parts]
        if len(parts) != 2 or not all(parts):  # noqa: PLR2004 - the two levels of the name
            raise InvalidNameError(full_name, "expected `catalog.schema`")
        return cls(*parts)

    @classmethod
    def of(cls, catalog: str, schema: str) -> SchemaName:
        """Return the name of two levels that are given apart.

        Raises
        ------
        InvalidNameError
            If one is empty, or is more than one level.
        """
        for level, name in (("catalog", catalog), ("schema", schema)):
            if not isinstance(name, str) or not name.strip() or "." in name:
                raise InvalidNameError(str(name), f"expected the name of a {level}, one level")
        return cls(catalog, schema)

    def table(self, name: str) -> TableName:
        """Return the name of a table in this schema."""
        return TableName(self.catalog, self.schema, name)

    @property
    def quoted(self) -> str:
        """The name with every level in backticks."""
        return ".".join(quote(part) for part in (self.catalog, self.schema))

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}"


@dataclass(frozen=True, order=True)
class TableName:
    """A three-level name, `catalog.schema.name`, of a table, view, volume or registered model."""

    catalog: str
    schema: str
    name: str

    @classmethod
    def parse(cls, full_name: str, *, within: SchemaName | None = None) -> TableName:
        """Read `catalog.schema.name`, or fewer levels where `within` supplies the rest.

        Raises
        ------
        InvalidNameError
            If the levels are not three, or one is empty.

        Examples
        --------
        >>> TableName.parse("main.sales.`odd.name`").name
        'odd.name'
        """
        parts = _split(full_name)
        if within is not None and len(parts) < 3:  # noqa: PLR2004 - the three levels of the name
            parts = [within.catalog, within.schema][: 3 - len(parts)] + parts
        if len(parts) != 3 or not all(parts):  # noqa: PLR2004
            raise InvalidNameError(full_name, "expected `catalog.schema.name`")
        return cls(*parts)

    @property
    def parent(self) -> SchemaName:
        """The schema that holds this name."""
        return SchemaName(self.catalog, self.schema)

    @property
    def quoted(self) -> str:
        """The name with every level in backticks."""
        return ".".join(quote(part) for part in (self.catalog, self.schema, self.name))

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.name}"


def payload_table(schema: SchemaName, prefix: str) -> TableName:
    """Return the table that an endpoint's AI Gateway writes for `prefix`."""
    return schema.table(prefix + PAYLOAD_SUFFIX)


def profile_metrics_table(output_schema: SchemaName, monitored: TableName) -> TableName:
    """Return the profile metric table of a monitored table."""
    return output_schema.table(monitored.name + PROFILE_METRICS_SUFFIX)


def drift_metrics_table(output_schema: SchemaName, monitored: TableName) -> TableName:
    """Return the drift metric table of a monitored table."""
    return output_schema.table(monitored.name + DRIFT_METRICS_SUFFIX)


def model_id(entity_name: str, entity_version: str | int) -> str:
    """Return the text that stands for a served model version in monitored rows.

    Examples
    --------
    >>> model_id("main.sales.churn", 3)
    'churn_3'
    """
    return f"{TableName.parse(entity_name).name}_{entity_version}"
