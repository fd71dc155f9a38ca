"""Dates and times, in UTC."""

from __future__ import annotations

from sqlglot import exp

from databricks_monitoring.local_workspace.sql.errors import failure, unsupported
from databricks_monitoring.local_workspace.sql.functions.rules import (
    Moment,
    call,
    cast,
    number,
    paren,
    rule,
    string,
    text_of,
)
from databricks_monitoring.local_workspace.sql.functions.time_formats import strftime
from databricks_monitoring.local_workspace.sql.functions.workspace import timestamp

_UNITS = {
    "microsecond": "microsecond",
    "millisecond": "millisecond",
    "second": "second",
    "minute": "minute",
    "hour": "hour",
    "day": "day",
    "dayofyear": "day",
    "dd": "day",
    "week": "week",
    "month": "month",
    "mon": "month",
    "mm": "month",
    "quarter": "quarter",
    "year": "year",
    "yyyy": "year",
    "yy": "year",
}


def _unit(argument: exp.Expr) -> str:
    name = argument.name.lower()
    if isinstance(argument, exp.Column | exp.Var | exp.Literal) and name in _UNITS:
        return _UNITS[name]
    raise failure(
        "INVALID_PARAMETER_VALUE.DATETIME_UNIT", f"`{name or argument.sql()}` is no unit of time.", "22023"
    )


def _time(value: exp.Expr) -> exp.Expr:
    return call("spark_timestamp", value)


def _date(value: exp.Expr) -> exp.Expr:
    return call("spark_date", value)


def _part(names: str, duckdb: str, *, of_day: bool) -> None:
    @rule(*names.split())
    def build(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        value = _time(arguments[0]) if of_day else _date(arguments[0])
        return cast(call(duckdb, value), "INTEGER")


_part("year", "year", of_day=False)
_part("quarter", "quarter", of_day=False)
_part("month", "month", of_day=False)
_part("day dayofmonth", "day", of_day=False)
_part("dayofyear", "dayofyear", of_day=False)
_part("weekofyear", "week", of_day=False)
_part("hour", "hour", of_day=True)
_part("minute", "minute", of_day=True)
_part("second", "second", of_day=True)


@rule("dayofweek")
def dayofweek(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return 1 for Sunday to 7 for Saturday."""
    return cast(exp.Add(this=call("dayofweek", _date(arguments[0])), expression=number(1)), "INTEGER")


@rule("weekday")
def weekday(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return 0 for Monday to 6 for Sunday."""
    return cast(exp.Sub(this=call("isodow", _date(arguments[0])), expression=number(1)), "INTEGER")


@rule("date_part", "datepart", least=2)
def date_part(arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return one part of a date or time, by name."""
    return extract(text_of(arguments[0], "The part"), arguments[1], moment)


_PARTS = {"yr": "year", "doy": "dayofyear", "dow": "dayofweek", "week": "weekofyear", "mon": "month"}


def extract(part: str, value: exp.Expr, moment: Moment) -> exp.Expr:
    """Return the translation of EXTRACT(part FROM value)."""
    from databricks_monitoring.local_workspace.sql.functions.rules import RULES  # noqa: PLC0415 - grows while loading

    name = part.lower()
    name = _PARTS.get(name, name)
    if name not in {
        "year", "quarter", "month", "day", "dayofyear", "dayofweek", "weekofyear", "hour", "minute", "second"
    }:  # fmt: skip
        raise unsupported(f"EXTRACT of {part}")
    return RULES[name]([value], moment)


@rule("date_trunc", least=2)
def date_trunc(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a TIMESTAMP cut to a unit."""
    return call("date_trunc", string(_unit(arguments[0])), _time(arguments[1]))


@rule("trunc", least=2)
def trunc(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a DATE cut to a unit."""
    return cast(call("date_trunc", string(_unit(arguments[1])), _date(arguments[0])), "DATE")


_STEP = {
    "microsecond": "to_microseconds",
    "millisecond": "to_milliseconds",
    "second": "to_seconds",
    "minute": "to_minutes",
    "hour": "to_hours",
    "day": "to_days",
    "week": "to_weeks",
    "month": "to_months",
    "year": "to_years",
}


def _shifted(unit: str, count: exp.Expr, value: exp.Expr) -> exp.Expr:
    if unit == "quarter":
        unit, count = "month", exp.Mul(this=paren(count), expression=number(3))
    step = call(_STEP[unit], cast(count, "INTEGER"))
    return exp.Paren(this=exp.Add(this=_time(value), expression=step))


@rule("dateadd", "date_add", least=2, most=3)
def date_add(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a date some days later, or with three arguments a time some units later."""
    if len(arguments) == 3:  # noqa: PLR2004
        return _shifted(_unit(arguments[0]), arguments[1], arguments[2])
    return exp.Paren(this=exp.Add(this=_date(arguments[0]), expression=cast(arguments[1], "INTEGER")))


@rule("timestampadd", least=3)
def timestampadd(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a time some units later."""
    return _shifted(_unit(arguments[0]), arguments[1], arguments[2])


@rule("date_sub", least=2)
def date_sub(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a date some days earlier."""
    return exp.Paren(this=exp.Sub(this=_date(arguments[0]), expression=cast(arguments[1], "INTEGER")))


@rule("add_months", least=2)
def add_months(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a date some months later, the last day of a shorter month."""
    return cast(
        exp.Add(this=_date(arguments[0]), expression=call("to_months", cast(arguments[1], "INTEGER"))), "DATE"
    )


@rule("datediff", "date_diff", least=2, most=3)
def datediff(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the days from the second date to the first, or with three arguments whole units."""
    if len(arguments) == 3:  # noqa: PLR2004
        return _between(arguments)
    return cast(exp.Sub(this=_date(arguments[0]), expression=_date(arguments[1])), "INTEGER")


@rule("timestampdiff", least=3)
def timestampdiff(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the whole units from one time to another."""
    return _between(arguments)


_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def _between(arguments: list[exp.Expr]) -> exp.Expr:
    unit = _unit(arguments[0])
    if unit not in _MONTHS:
        return call("date_sub", string(unit), _time(arguments[1]), _time(arguments[2]))
    months = call("spark_months_between", _time(arguments[1]), _time(arguments[2]))
    return cast(call("trunc", exp.Div(this=months, expression=number(_MONTHS[unit]))), "BIGINT")


@rule("last_day")
def last_day(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the last day of a date's month."""
    return call("last_day", _date(arguments[0]))


@rule("make_date", least=3)
def make_date(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a date from year, month and day."""
    return call("make_date", *(cast(argument, "BIGINT") for argument in arguments))


def _per_second(name: str, factor: int) -> None:
    @rule(name)
    def build(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
        if factor == 1:
            return call("make_timestamptz", cast(arguments[0], "BIGINT"))
        micros = exp.Mul(this=paren(arguments[0]), expression=number(factor))
        return call("make_timestamptz", cast(micros, "BIGINT"))


_per_second("timestamp_micros", 1)
_per_second("timestamp_millis", 1000)
_per_second("timestamp_seconds", 1_000_000)


@rule("unix_micros")
def unix_micros(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the microseconds since the epoch."""
    return call("epoch_us", _time(arguments[0]))


@rule("unix_millis")
def unix_millis(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the milliseconds since the epoch."""
    return call("epoch_ms", _time(arguments[0]))


@rule("unix_seconds")
def unix_seconds(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the whole seconds since the epoch."""
    return _seconds(_time(arguments[0]))


def _seconds(value: exp.Expr) -> exp.Expr:
    return cast(call("floor", call("epoch", value)), "BIGINT")


@rule("unix_date")
def unix_date(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the days since the epoch."""
    return cast(exp.Sub(this=_date(arguments[0]), expression=cast(string("1970-01-01"), "DATE")), "INTEGER")


@rule("date_from_unix_date")
def date_from_unix_date(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return the date so many days after the epoch."""
    return exp.Paren(
        this=exp.Add(this=cast(string("1970-01-01"), "DATE"), expression=cast(arguments[0], "INTEGER"))
    )


@rule("unix_timestamp", "to_unix_timestamp", least=0, most=2)
def unix_timestamp(arguments: list[exp.Expr], moment: Moment) -> exp.Expr:
    """Return the whole seconds since the epoch of now, of a time, or of a text in a pattern."""
    if not arguments:
        return _seconds(timestamp(moment))
    return _seconds(_time(arguments[0]) if len(arguments) == 1 else _parsed(arguments))


@rule("from_unixtime", least=1, most=2)
def from_unixtime(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return seconds since the epoch as text."""
    pattern = text_of(arguments[1], "The pattern") if len(arguments) > 1 else "yyyy-MM-dd HH:mm:ss"
    micros = exp.Mul(this=paren(arguments[0]), expression=number(1_000_000))
    return call(
        "strftime", call("make_timestamp", cast(micros, "BIGINT")), string(strftime(pattern, parsing=False))
    )


def _parsed(arguments: list[exp.Expr], function: str = "strptime") -> exp.Expr:
    pattern = strftime(text_of(arguments[1], "The pattern"), parsing=True)
    return cast(call(function, arguments[0], string(pattern)), "TIMESTAMPTZ")


@rule("to_timestamp", least=1, most=2)
def to_timestamp(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a time from a text, by pattern or in ISO form."""
    return _time(arguments[0]) if len(arguments) == 1 else _parsed(arguments)


@rule("try_to_timestamp", least=1, most=2)
def try_to_timestamp(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a time from a text, NULL if it is none."""
    if len(arguments) == 1:
        return call("spark_try_timestamp", arguments[0])
    return _parsed(arguments, "try_strptime")


@rule("to_date", least=1, most=2)
def to_date(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a date from a text or a time."""
    return _date(arguments[0]) if len(arguments) == 1 else cast(_parsed(arguments), "DATE")


@rule("date_format", least=2)
def date_format(arguments: list[exp.Expr], _: Moment) -> exp.Expr:
    """Return a time as text in a pattern."""
    pattern = strftime(text_of(arguments[1], "The pattern"), parsing=False)
    return call("strftime", _time(arguments[0]), string(pattern))


_DAYS = {"day", "week", "month", "quarter", "year"}


def moved(node: exp.Add | exp.Sub) -> exp.Expr:
    """Return the translation of a time plus or minus an interval; a date moved by days stays one."""
    interval = node.expression
    unit = interval.args.get("unit")
    whole_days = isinstance(unit, exp.Var) and unit.name.lower().rstrip("s") in _DAYS
    step = exp.Neg(this=exp.Paren(this=interval)) if isinstance(node, exp.Sub) else interval
    return call("spark_shift_date" if whole_days else "spark_shift_time", node.this, step)
