"""MERGE: what to do with every row is computed in DuckDB, then done in one Delta commit.

Three ways, the cheapest that fits:

1. Nothing but inserts: the new rows are appended as they are computed; no file is rewritten.
2. Changes to rows that a unique key identifies: delta-rs merges them by that key and rewrites the files
   concerned.
3. Anything else: the table's new rows are written as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake.exceptions import DeltaError
from sqlglot import exp

from databricks_monitoring.local_workspace.sql import commits, types
from databricks_monitoring.local_workspace.sql.assignment import Target
from databricks_monitoring.local_workspace.sql.errors import SqlError, failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import string, when
from databricks_monitoring.local_workspace.sql.result import counts
from databricks_monitoring.local_workspace.sql.translate import render, to_duckdb
from databricks_monitoring.local_workspace.sql.writes import append
from databricks_monitoring.metrics.engines.delta_scan import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from databricks_monitoring.local_workspace.sql.assignment import Column
    from databricks_monitoring.local_workspace.sql.execution import Execution
    from databricks_monitoring.local_workspace.sql.result import Outcome

_KEY_TYPES = frozenset({"string", "long", "integer", "short", "byte", "date", "timestamp", "boolean"})
_OPERATION = "__operation"
_CHANGES = "@changes"
_SOURCE = "@source"
_NUMBERED = "@numbered"
_ROW = "__row"


def merge(tree: exp.Merge, execution: Execution) -> Outcome:
    """Run a MERGE and answer how many rows it changed."""
    name = execution.scope.name(tree.this)
    execution.scope.open(name)
    with execution.tables.writing(name):
        statement = _Merge(tree, Target.of(name, execution.scope.open(name)), execution)
        return counts(statement.run())


@dataclass(frozen=True)
class _Clause:
    """One WHEN: to which rows it applies, and the values it gives (None deletes)."""

    condition: exp.Expr | None
    values: dict[str, exp.Expr] | None


class _Merge:
    def __init__(self, tree: exp.Merge, target: Target, execution: Execution) -> None:
        self._target = target
        self._execution = execution
        self._alias = tree.this.alias_or_name
        using = tree.args["using"]
        self._source_alias = using.alias_or_name or "source"
        if self._alias.lower() == self._source_alias.lower():
            raise failure(
                "AMBIGUOUS_REFERENCE", f"Target and source of MERGE are both called `{self._alias}`.", "42704"
            )
        self._view = execution.scope.view(target.name)
        query = exp.Select(expressions=[exp.Star()], from_=exp.From(this=using))
        if tree.args.get("with_") is not None:
            query.set("with_", tree.args["with_"])
        self._source_sql = execution.translated(query)
        self._source_columns = [str(column) for column in execution.relation(self._source_sql).columns]
        self._keys_on = tree.args["on"].copy()
        self._on = self._expression(tree.args["on"])
        whens = tree.args["whens"].expressions
        self._matched = [self._clause(each) for each in whens if each.args.get("matched")]
        self._inserts = [
            self._clause(each)
            for each in whens
            if not each.args.get("matched") and not each.args.get("source")
        ]
        self._by_source = [
            self._clause(each) for each in whens if not each.args.get("matched") and each.args.get("source")
        ]

    def run(self) -> dict[str, int]:
        """Carry the statement out and return the counts of its answer."""
        if not self._matched and not self._by_source:
            self._define_source(kind="VIEW")
            inserted = append(self._relation(self._inserted()), self._target, self._execution)
            return _answer(0, 0, inserted)
        # Both what matches and what does not need the source; it is computed once.
        self._define_source(kind="TABLE")
        keys = self._unique_keys()
        if keys is None:
            return self._rewritten()
        return self._by_key(keys)

    def _define_source(self, *, kind: str) -> None:
        self._execution.connection.execute(f"CREATE TEMP {kind} {quoted(_SOURCE)} AS {self._source_sql}")

    # What the clauses say

    def _expression(self, expression: exp.Expr) -> exp.Expr:
        self._execution.scope.resolve(expression)
        return to_duckdb(exp.Paren(this=expression), self._execution.moment)

    def _clause(self, clause: exp.When) -> _Clause:
        condition = clause.args.get("condition")
        translated = self._expression(condition) if condition is not None else None
        then = clause.args["then"]
        if isinstance(then, exp.Update):
            return _Clause(translated, self._updates(then))
        if isinstance(then, exp.Insert):
            return _Clause(translated, self._values(then))
        return _Clause(translated, None)

    def _updates(self, then: exp.Update) -> dict[str, exp.Expr]:
        if (
            not then.expressions
            or isinstance(then.expressions, exp.Star)
            or isinstance(then.expressions[0], exp.Star)
        ):
            return self._star()
        return {
            self._target.written(each.this, self._alias).name: self._expression(each.expression)
            for each in then.expressions
        }

    def _values(self, then: exp.Insert) -> dict[str, exp.Expr]:
        if then.expression is None:
            return self._star()
        names = [each.name for each in then.this.expressions] if then.this is not None else []
        values = list(then.expression.expressions)
        columns = [self._target.column(name).name for name in names] or [
            each.name for each in self._target.columns
        ]
        if len(columns) != len(values):
            raise failure(
                "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
                f"INSERT names {len(columns)} columns and gives {len(values)} values.",
                "21S01",
            )
        return {column: self._expression(value) for column, value in zip(columns, values, strict=True)}

    def _star(self) -> dict[str, exp.Expr]:
        given = {column.lower(): column for column in self._source_columns}
        missing = [column.name for column in self._target.columns if column.name.lower() not in given]
        if missing:
            raise failure(
                "DELTA_MERGE_UNRESOLVED_EXPRESSION",
                f"Cannot resolve {', '.join(missing)} in the columns of the source: "
                f"{', '.join(self._source_columns)}.",
                "42601",
            )
        return {
            column.name: exp.column(given[column.name.lower()], table=self._source_alias, quoted=True)
            for column in self._target.columns
        }

    # Queries

    def _relation(self, select: exp.Expr) -> duckdb.DuckDBPyRelation:
        return self._execution.relation(render(select))

    def _table(self, view: str, alias: str) -> exp.Table:
        return exp.Table(
            this=exp.to_identifier(view, quoted=True),
            alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)),
        )

    def _inserted(self) -> exp.Select:
        """Return the rows that the INSERT clauses make of source rows without a match."""
        items = self._items(self._inserts, of_target=False)
        select = exp.Select(expressions=items, from_=exp.From(this=self._table(_SOURCE, self._source_alias)))
        select.set(
            "joins", [exp.Join(this=self._table(self._view, self._alias), kind="ANTI", on=self._on.copy())]
        )
        applies = _any(self._inserts)
        if applies is not None:
            select.set("where", exp.Where(this=applies))
        return select

    def _items(self, clauses: list[_Clause], *, of_target: bool) -> list[exp.Expr]:
        """Return a select list of the target's columns as the first clause that applies makes them."""
        return [
            exp.alias_(
                _choose(clauses, [self._value(clause, column, of_target=of_target) for clause in clauses]),
                column.name,
                quoted=True,
            )
            for column in self._target.columns
        ]

    def _value(self, clause: _Clause, column: Column, *, of_target: bool) -> exp.Expr:
        if clause.values is not None and column.name in clause.values:
            return self._target.assigned(column, clause.values[column.name].copy())
        if of_target:
            return exp.column(column.name, table=self._alias, quoted=True)
        return self._target.missing(column)

    def _changed(self, target_view: str, extra: list[exp.Expr]) -> exp.Select:
        """Return the rows of the target that match, with the new values and what is done to them."""
        items = [exp.alias_(_operations(self._matched), _OPERATION, quoted=True), *extra]
        items += self._items(self._matched, of_target=True)
        select = exp.Select(expressions=items, from_=exp.From(this=self._table(target_view, self._alias)))
        select.set(
            "joins",
            [exp.Join(this=self._table(_SOURCE, self._source_alias), kind="INNER", on=self._on.copy())],
        )
        applies = _any(self._matched)
        if applies is not None:
            select.set("where", exp.Where(this=applies))
        return select

    def _one(self, sql: str) -> int:
        return int(self._execution.relation(sql).fetchall()[0][0])

    # Rows that a unique key identifies

    def _unique_keys(self) -> list[str] | None:
        """Return columns that ON fixes and that identify every row of the target it reaches, if any do."""
        if self._by_source:
            return None
        keys = []
        for part in self._keys_on.flatten() if isinstance(self._keys_on, exp.And) else [self._keys_on]:
            equality = part.unnest()
            if not isinstance(equality, exp.EQ):
                continue
            for side, other in ((equality.this, equality.expression), (equality.expression, equality.this)):
                column = self._target_column(side)
                if column is not None and not self._mentions_target(other):
                    keys.append(column.name)
                    break
        keys = list(dict.fromkeys(keys))
        if not keys:
            return None
        listed = ", ".join(quoted(key) for key in keys)
        reached = exp.Select(
            expressions=[exp.column(key, table=self._alias, quoted=True) for key in keys],
            from_=exp.From(this=self._table(self._view, self._alias)),
        )
        repeated = self._one(
            # Rows with the same key that ON does not reach would be changed as well.
            f"SELECT count(*) FROM (SELECT {listed} FROM {quoted(self._view)} "  # noqa: S608
            f"WHERE ({listed}) IN ({render(self._semi(reached))}) GROUP BY {listed} HAVING count(*) > 1)"
        )
        return None if repeated else keys

    def _semi(self, select: exp.Select) -> exp.Select:
        select.set(
            "joins",
            [exp.Join(this=self._table(_SOURCE, self._source_alias), kind="SEMI", on=self._on.copy())],
        )
        return select

    def _target_column(self, node: exp.Expr) -> Column | None:
        if not isinstance(node, exp.Column) or node.table.lower() != self._alias.lower():
            return None
        column = self._target.column(node.name)
        return column if column.kind in _KEY_TYPES else None

    def _mentions_target(self, node: exp.Expr) -> bool:
        return any(column.table.lower() != self._source_alias.lower() for column in node.find_all(exp.Column))

    def _by_key(self, keys: list[str]) -> dict[str, int]:
        extra = [
            exp.alias_(exp.column(key, table=self._alias, quoted=True), f"__key{place}", quoted=True)
            for place, key in enumerate(keys)
        ]
        self._execution.connection.execute(
            f"CREATE TEMP TABLE {quoted(_CHANGES)} AS {render(self._changed(self._view, extra))}"
        )
        listed = ", ".join(f'"__key{place}"' for place in range(len(keys)))
        self._refuse_several(f"SELECT {listed} FROM {quoted(_CHANGES)}", listed)  # noqa: S608 - quoted names
        updated, deleted = self._operations_count()
        if not updated and not deleted:
            inserted = (
                append(self._relation(self._inserted()), self._target, self._execution)
                if self._inserts
                else 0
            )
            return _answer(0, 0, inserted)
        inserted = self._commit(keys)
        return _answer(updated, deleted, inserted)

    def _refuse_several(self, rows: str, listed: str) -> None:
        """Fail if several source rows would change one target row; only deleting it is the same from all."""
        if len(self._matched) == 1 and self._matched[0].values is None and self._matched[0].condition is None:
            self._execution.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {quoted(_CHANGES)} AS SELECT DISTINCT ON ({listed}) * "  # noqa: S608
                f"FROM {quoted(_CHANGES)}"
            )
            return
        if self._one(f"SELECT count(*) FROM ({rows} GROUP BY ALL HAVING count(*) > 1)"):  # noqa: S608
            raise failure(
                "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
                "Cannot perform Merge as multiple source rows matched and attempted to modify the same "
                "target row in the Delta table in possibly conflicting ways. Remove the duplicates from the "
                "source.",
                "21506",
            )

    def _operations_count(self) -> tuple[int, int]:
        updated = f"SELECT count(*) FROM {quoted(_CHANGES)} WHERE {quoted(_OPERATION)} = 'update'"  # noqa: S608
        deleted = f"SELECT count(*) FROM {quoted(_CHANGES)} WHERE {quoted(_OPERATION)} = 'delete'"  # noqa: S608
        return self._one(updated), self._one(deleted)

    def _commit(self, keys: list[str]) -> int:
        """Let delta-rs apply changes and inserts in one commit; return how many rows were inserted."""
        columns = self._target.columns
        kinds = [
            "string",
            *(self._target.column(key).kind for key in keys),
            *(column.kind for column in columns),
        ]
        # Names of its own keep the source's columns apart from the target's, whatever those are called.
        names = [
            "operation",
            *(f"key{place}" for place in range(len(keys))),
            *(f"value{place}" for place in range(len(columns))),
        ]
        changes = f"SELECT * FROM {quoted(_CHANGES)}"  # noqa: S608
        if self._inserts:
            blank = ", ".join(["'insert'", *("NULL" for _ in keys)])
            changes += f" UNION ALL SELECT {blank}, * FROM ({render(self._inserted())})"  # noqa: S608
        relation = self._execution.relation(changes)
        relation = relation.project(
            ", ".join(
                f"{quoted(str(had))} AS {quoted(name)}"
                for had, name in zip(relation.columns, names, strict=True)
            )
        )
        schema = pa.schema(
            [pa.field(name, types.to_arrow(kind)) for name, kind in zip(names, kinds, strict=True)]
        )
        inserted = _Counter()
        stream = commits.Stream(schema, inserted.counted(self._execution.batches(relation, names, kinds)))
        on = " AND ".join(f"target.{quoted(key)} = source.key{place}" for place, key in enumerate(keys))
        values = {quoted(column.name): f"source.value{place}" for place, column in enumerate(columns)}
        merger = self._target.table.merge(
            stream.reader(),
            predicate=on,
            source_alias="source",
            target_alias="target",
            commit_properties=commits.properties(self._execution.moment),
        ).when_matched_update(values, predicate="source.operation = 'update'")
        if any(clause.values is None for clause in self._matched):
            merger = merger.when_matched_delete(predicate="source.operation = 'delete'")
        if self._inserts:
            merger = merger.when_not_matched_insert(values, predicate="source.operation = 'insert'")
        try:
            merger.execute()
        except (DeltaError, pa.ArrowException, OSError, ValueError, SqlError) as error:
            raise stream.failure(error) from error
        return inserted.rows

    # Anything else

    def _rewritten(self) -> dict[str, int]:
        """Write all rows of the table anew."""
        self._execution.connection.execute(
            f"CREATE TEMP TABLE {quoted(_NUMBERED)} AS SELECT *, row_number() OVER () AS {quoted(_ROW)} "  # noqa: S608
            f"FROM {quoted(self._view)}"
        )
        row = exp.alias_(exp.column(_ROW, table=self._alias, quoted=True), _ROW, quoted=True)
        changed = render(self._changed(_NUMBERED, [row])) if self._matched else None
        orphaned = render(self._orphaned(row)) if self._by_source else None
        union = " UNION ALL ".join(query for query in (changed, orphaned) if query)
        self._execution.connection.execute(f"CREATE TEMP TABLE {quoted(_CHANGES)} AS {union}")
        self._refuse_several(f"SELECT {quoted(_ROW)} FROM {quoted(_CHANGES)}", quoted(_ROW))  # noqa: S608 - quoted names
        updated, deleted = self._operations_count()
        columns = ", ".join(quoted(column.name) for column in self._target.columns)
        inserts = render(self._inserted()) if self._inserts else None
        inserted = self._one(f"SELECT count(*) FROM ({inserts})") if inserts else 0  # noqa: S608
        if not updated and not deleted:
            rows = append(self._execution.relation(inserts), self._target, self._execution) if inserts else 0
            return _answer(0, 0, rows)
        kept = (
            f"SELECT {columns} FROM {quoted(_NUMBERED)} ANTI JOIN {quoted(_CHANGES)} USING ({quoted(_ROW)}) "  # noqa: S608
            f"UNION ALL SELECT {columns} FROM {quoted(_CHANGES)} WHERE {quoted(_OPERATION)} = 'update'"
        )
        everything = f"{kept} UNION ALL {inserts}" if inserts else kept
        append(self._execution.relation(everything), self._target, self._execution, mode="overwrite")
        return _answer(updated, deleted, inserted)

    def _orphaned(self, row: exp.Expr) -> exp.Select:
        """Return the rows of the target without a match in the source that a BY SOURCE clause changes."""
        items = [exp.alias_(_operations(self._by_source), _OPERATION, quoted=True), row.copy()]
        items += self._items(self._by_source, of_target=True)
        select = exp.Select(expressions=items, from_=exp.From(this=self._table(_NUMBERED, self._alias)))
        select.set(
            "joins",
            [exp.Join(this=self._table(_SOURCE, self._source_alias), kind="ANTI", on=self._on.copy())],
        )
        applies = _any(self._by_source)
        if applies is not None:
            select.set("where", exp.Where(this=applies))
        return select


class _Counter:
    """Counts the inserted rows that pass."""

    def __init__(self) -> None:
        self.rows = 0

    def counted(self, batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        """Return the same batches."""
        for batch in batches:
            self.rows += batch.column(0).to_pylist().count("insert")
            yield batch


def _any(clauses: list[_Clause]) -> exp.Expr | None:
    """Return the condition that one of the clauses applies; None if one always does."""
    if any(clause.condition is None for clause in clauses):
        return None
    conditions = [clause.condition.copy() for clause in clauses if clause.condition is not None]
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = exp.Or(this=joined, expression=condition)
    return exp.Paren(this=joined)


def _choose(clauses: list[_Clause], values: list[exp.Expr]) -> exp.Expr:
    """Return the value of the first clause that applies."""
    chosen: exp.Expr | None = None
    for clause, value in reversed(list(zip(clauses, values, strict=True))):
        chosen = value if clause.condition is None else when(clause.condition.copy(), value, chosen)
    if chosen is None:
        raise unsupported("MERGE without a clause")
    return chosen


def _operations(clauses: list[_Clause]) -> exp.Expr:
    return _choose(clauses, [string("delete" if clause.values is None else "update") for clause in clauses])


def _answer(updated: int, deleted: int, inserted: int) -> dict[str, int]:
    return {
        "num_affected_rows": updated + deleted + inserted,
        "num_updated_rows": updated,
        "num_deleted_rows": deleted,
        "num_inserted_rows": inserted,
    }
