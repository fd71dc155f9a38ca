"""DuckDB macros with the semantics of Databricks SQL, for what the binder alone can decide.

DuckDB picks a macro by the types of its arguments and folds `typeof` to a constant, so none of these costs
anything per row that the expression itself would not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_INTEGERS = {"tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT"}

_INTEGER_CAST = """
CREATE MACRO spark_{name}
    (x BIGINT) AS CAST(x AS {kind}),
    (x HUGEINT) AS CAST(x AS {kind}),
    (x DOUBLE) AS CAST(trunc(x) AS {kind}),
    (x BOOLEAN) AS CAST(x AS {kind}),
    (x TIMESTAMPTZ) AS CAST(floor(epoch_us(x) / 1000000) AS {kind}),
    (x VARCHAR) AS CASE
        WHEN x IS NULL OR regexp_full_match(trim(x), '[+-]?[0-9]+') THEN CAST(trim(x) AS {kind})
        ELSE error('[CAST_INVALID_INPUT] The value ''' || x || ''' of the type "STRING" cannot be cast to '
            || '"{shown}" because it is malformed. Use `try_cast` to get NULL instead. SQLSTATE: 22018') END;
CREATE MACRO spark_try_{name}
    (x BIGINT) AS TRY_CAST(x AS {kind}),
    (x HUGEINT) AS TRY_CAST(x AS {kind}),
    (x DOUBLE) AS TRY_CAST(trunc(x) AS {kind}),
    (x BOOLEAN) AS TRY_CAST(x AS {kind}),
    (x TIMESTAMPTZ) AS TRY_CAST(floor(epoch_us(x) / 1000000) AS {kind}),
    (x VARCHAR) AS CASE
        WHEN regexp_full_match(trim(x), '[+-]?[0-9]+') THEN TRY_CAST(trim(x) AS {kind}) END;
"""

_MACROS = r"""
CREATE MACRO spark_bad_cast(x, kind) AS error(
    '[CAST_INVALID_INPUT] The value ''' || x || ''' of the type "STRING" cannot be cast to "' || kind
    || '" because it is malformed. Use `try_cast` to get NULL instead. SQLSTATE: 22018');

CREATE MACRO spark_try_double
    (x VARCHAR) AS CASE WHEN contains(x, '_') THEN NULL ELSE TRY_CAST(x AS DOUBLE) END,
    (x DOUBLE) AS x,
    (x BOOLEAN) AS CAST(x AS DOUBLE),
    (x TIMESTAMPTZ) AS epoch_us(x) / 1000000;
CREATE MACRO spark_double
    (x VARCHAR) AS CASE
        WHEN x IS NOT NULL AND spark_try_double(x) IS NULL THEN spark_bad_cast(x, 'DOUBLE')
        ELSE spark_try_double(x) END,
    (x DOUBLE) AS x,
    (x BOOLEAN) AS CAST(x AS DOUBLE),
    (x TIMESTAMPTZ) AS epoch_us(x) / 1000000;

CREATE MACRO spark_try_boolean
    (x VARCHAR) AS CASE
        WHEN lower(trim(x)) IN ('t', 'true', 'y', 'yes', '1') THEN true
        WHEN lower(trim(x)) IN ('f', 'false', 'n', 'no', '0') THEN false END,
    (x BOOLEAN) AS x,
    (x BIGINT) AS x <> 0,
    (x DOUBLE) AS x <> 0;
CREATE MACRO spark_boolean
    (x VARCHAR) AS CASE
        WHEN x IS NOT NULL AND spark_try_boolean(x) IS NULL THEN spark_bad_cast(x, 'BOOLEAN')
        ELSE spark_try_boolean(x) END,
    (x BOOLEAN) AS x,
    (x BIGINT) AS x <> 0,
    (x DOUBLE) AS x <> 0;

CREATE MACRO spark_timestamp
    (x VARCHAR) AS CAST(trim(x) AS TIMESTAMPTZ),
    (x TIMESTAMPTZ) AS x,
    (x DATE) AS CAST(x AS TIMESTAMPTZ),
    (x BIGINT) AS make_timestamptz(x * 1000000),
    (x DOUBLE) AS make_timestamptz(CAST(x * 1000000 AS BIGINT));
CREATE MACRO spark_try_timestamp
    (x VARCHAR) AS TRY_CAST(trim(x) AS TIMESTAMPTZ),
    (x TIMESTAMPTZ) AS x,
    (x DATE) AS CAST(x AS TIMESTAMPTZ),
    (x BIGINT) AS make_timestamptz(x * 1000000),
    (x DOUBLE) AS make_timestamptz(CAST(x * 1000000 AS BIGINT));
CREATE MACRO spark_timestamp_ntz
    (x VARCHAR) AS CAST(trim(x) AS TIMESTAMP),
    (x TIMESTAMP) AS x,
    (x TIMESTAMPTZ) AS CAST(x AS TIMESTAMP),
    (x DATE) AS CAST(x AS TIMESTAMP);
CREATE MACRO spark_try_timestamp_ntz
    (x VARCHAR) AS TRY_CAST(trim(x) AS TIMESTAMP),
    (x TIMESTAMP) AS x,
    (x TIMESTAMPTZ) AS CAST(x AS TIMESTAMP),
    (x DATE) AS CAST(x AS TIMESTAMP);
CREATE MACRO spark_try_date
    (x VARCHAR) AS CAST(TRY_CAST(
        CASE WHEN regexp_full_match(trim(x), '[0-9]{4}') THEN trim(x) || '-01-01'
             WHEN regexp_full_match(trim(x), '[0-9]{4}-[0-9]{1,2}') THEN trim(x) || '-01'
             ELSE trim(x) END AS TIMESTAMP) AS DATE),
    (x DATE) AS x,
    (x TIMESTAMPTZ) AS CAST(x AS DATE),
    (x TIMESTAMP) AS CAST(x AS DATE);
CREATE MACRO spark_date
    (x VARCHAR) AS CASE
        WHEN x IS NOT NULL AND spark_try_date(x) IS NULL THEN spark_bad_cast(x, 'DATE')
        ELSE spark_try_date(x) END,
    (x DATE) AS x,
    (x TIMESTAMPTZ) AS CAST(x AS DATE),
    (x TIMESTAMP) AS CAST(x AS DATE);
CREATE MACRO spark_binary(x) AS CASE
    WHEN typeof(x) = 'BLOB' THEN CAST(x AS BLOB)
    ELSE encode(CAST(x AS VARCHAR)) END;

-- Java writes 1.0E7 and 1.0E-4 where DuckDB writes 10000000.0 and 0.0001.
CREATE MACRO spark_scientific(sign, digits, exponent) AS
    sign || left(digits, 1) || '.' || CASE WHEN length(digits) > 1 THEN substring(digits, 2) ELSE '0' END
    || 'E' || CAST(exponent AS VARCHAR);
CREATE MACRO spark_mantissa_text(sign, whole, fraction, exponent) AS CASE
    WHEN ltrim(whole, '0') <> '' THEN spark_scientific(
        sign, CASE WHEN rtrim(whole || fraction, '0') = '' THEN '0' ELSE rtrim(whole || fraction, '0') END,
        length(whole) - 1 + exponent)
    ELSE spark_scientific(
        sign, ltrim(rtrim(fraction, '0'), '0'),
        exponent - 1 - (length(fraction) - length(ltrim(fraction, '0')))) END;
CREATE MACRO spark_number_text(s, v) AS CASE
    WHEN v IS NULL THEN NULL
    WHEN isnan(v) THEN 'NaN'
    WHEN isinf(v) THEN CASE WHEN v > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN v = 0 OR (abs(v) >= 0.001 AND abs(v) < 10000000) THEN s
    ELSE spark_mantissa_text(
        CASE WHEN v < 0 THEN '-' ELSE '' END,
        split_part(ltrim(split_part(s, 'e', 1), '-'), '.', 1),
        split_part(split_part(s, 'e', 1), '.', 2),
        coalesce(TRY_CAST(split_part(s, 'e', 2) AS INTEGER), 0)) END;
CREATE MACRO spark_string(x) AS CASE
    WHEN typeof(x) IN ('DOUBLE', 'FLOAT')
        THEN spark_number_text(CAST(x AS VARCHAR), TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE))
    WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE' THEN regexp_replace(CAST(x AS VARCHAR), '[+-][0-9:]+$', '')
    WHEN typeof(x) = 'BLOB' THEN decode(CAST(x AS BLOB))
    WHEN typeof(x) LIKE '%[]' OR typeof(x) LIKE 'STRUCT(%' OR typeof(x) LIKE 'MAP(%'
        OR typeof(x) LIKE 'INTERVAL%'
        THEN error('[DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION] The local workspace cannot cast '
            || typeof(x) || ' to "STRING"; use to_json. SQLSTATE: 42K09')
    ELSE CAST(x AS VARCHAR) END;

CREATE MACRO spark_item(x, k VARCHAR) AS x[k],
    (x, k BIGINT) AS CASE
        WHEN typeof(x) LIKE 'MAP(%' THEN x[k]
        WHEN k < 0 OR k >= cardinality(x) THEN error(
            '[INVALID_ARRAY_INDEX] The index ' || k || ' is out of bounds. The array has ' || cardinality(x)
            || ' elements. Use `get` to get NULL instead. SQLSTATE: 22003')
        ELSE x[k + 1] END;
CREATE MACRO spark_get(x, k) AS CASE WHEN k >= 0 THEN x[k + 1] END;
-- DuckDB rounds '2.5' where it meets an integer; Databricks fails.
CREATE MACRO spark_beside
    (x VARCHAR, s) AS s,
    (x DOUBLE, s) AS CAST(s AS DOUBLE),
    (x HUGEINT, s) AS CAST(spark_bad_cast(s, 'BIGINT') AS BIGINT),
    (x BIGINT, s) AS CAST(spark_bad_cast(s, 'BIGINT') AS BIGINT);
CREATE MACRO spark_divide(a, b) AS CASE
    WHEN b = 0 THEN error('[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to get NULL instead. '
        || 'SQLSTATE: 22012')
    ELSE a / CAST(b AS DOUBLE) END;
CREATE MACRO spark_try_divide(a, b) AS CASE WHEN b <> 0 THEN a / CAST(b AS DOUBLE) END;
CREATE MACRO spark_pmod(a, b) AS CASE WHEN a % b < 0 THEN (a % b + b) % b ELSE a % b END;
CREATE MACRO spark_isnan(x) AS CASE WHEN x IS NULL THEN false ELSE isnan(x) END;
CREATE MACRO spark_nanvl(a, b) AS CASE WHEN isnan(a) THEN b ELSE a END;
CREATE MACRO spark_ln(x) AS CASE WHEN x > 0 THEN ln(x) END;
CREATE MACRO spark_log(b, x) AS CASE WHEN x > 0 AND b > 0 THEN ln(x) / ln(b) END;
CREATE MACRO spark_sqrt(x) AS CASE WHEN x < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(x) END;
CREATE MACRO spark_ceil(x) AS CAST(ceil(x) AS BIGINT);
CREATE MACRO spark_floor(x) AS CAST(floor(x) AS BIGINT);
CREATE MACRO spark_substring
    (s, p) AS substring(s, CASE WHEN p = 0 THEN 1 ELSE p END),
    (s, p, n) AS CASE
        WHEN n <= 0 THEN CASE WHEN s IS NOT NULL THEN '' END
        WHEN p < 0 AND -p > length(s) THEN substring(s, 1, greatest(n - (-p - length(s)), 0))
        ELSE substring(s, CASE WHEN p = 0 THEN 1 ELSE p END, n) END;
CREATE MACRO spark_valid_json(s) AS CASE WHEN json_valid(s) THEN s END;
CREATE MACRO spark_json_text(s, p) AS json_extract_string(spark_valid_json(s), p);
CREATE MACRO spark_json_length(s) AS CASE WHEN json_type(spark_valid_json(s)) = 'ARRAY'
    THEN CAST(json_array_length(s) AS INTEGER) END;
CREATE MACRO spark_to_json(x) AS CASE
    WHEN typeof(x) LIKE '%TIMESTAMP%' OR typeof(x) LIKE '%STRUCT(%MAP(%' OR typeof(x) LIKE '%STRUCT(%)[]%'
         OR typeof(x) LIKE 'MAP(%STRUCT(%'
         OR NOT (typeof(x) LIKE 'STRUCT(%' OR typeof(x) LIKE '%[]' OR typeof(x) LIKE 'MAP(%')
        THEN error('[UNSUPPORTED_FEATURE.LOCAL_WORKSPACE] The local workspace does not support to_json of '
            || typeof(x) || '. SQLSTATE: 0A000')
    WHEN typeof(x) LIKE 'STRUCT(%' THEN CAST(json_merge_patch('{}', to_json(x)) AS VARCHAR)
    ELSE CAST(to_json(x) AS VARCHAR) END;
CREATE MACRO spark_json_number(j) AS CASE
    WHEN json_type(j) IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN CAST(j AS DOUBLE)
    WHEN json_type(j) = 'VARCHAR'
        AND (j ->> '$') IN ('NaN', 'Infinity', '+Infinity', '-Infinity', 'INF', '+INF', '-INF')
        THEN CAST(j ->> '$' AS DOUBLE) END;
CREATE MACRO spark_json_integer(j) AS CASE
    WHEN json_type(j) IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(j AS BIGINT) END;
CREATE MACRO spark_json_decimal(j) AS CASE
    WHEN json_type(j) IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN CAST(j AS VARCHAR)
    WHEN json_type(j) = 'VARCHAR' THEN j ->> '$' END;
CREATE MACRO spark_json_boolean(j) AS CASE WHEN json_type(j) = 'BOOLEAN' THEN CAST(j AS BOOLEAN) END;
CREATE MACRO spark_json_string(j) AS CASE WHEN json_type(j) = 'VARCHAR' THEN j ->> '$' END;
CREATE MACRO spark_shift_date
    (x DATE, i) AS CAST(x + i AS DATE),
    (x TIMESTAMP, i) AS x + i,
    (x TIMESTAMPTZ, i) AS x + i,
    (x VARCHAR, i) AS CAST(x AS TIMESTAMPTZ) + i,
    (x INTERVAL, i) AS x + i;
CREATE MACRO spark_shift_time
    (x DATE, i) AS CAST(x AS TIMESTAMPTZ) + i,
    (x TIMESTAMP, i) AS x + i,
    (x TIMESTAMPTZ, i) AS x + i,
    (x VARCHAR, i) AS CAST(x AS TIMESTAMPTZ) + i,
    (x INTERVAL, i) AS x + i;
CREATE MACRO spark_array_position(l, v) AS CASE
    WHEN l IS NOT NULL AND v IS NOT NULL THEN CAST(coalesce(list_position(l, v), 0) AS BIGINT) END;
CREATE MACRO spark_array_contains(l, v) AS CASE
    WHEN l IS NULL OR v IS NULL THEN NULL
    WHEN list_contains(l, v) THEN true
    WHEN list_count(l) < array_length(l) THEN NULL
    ELSE false END;
CREATE MACRO spark_array_distinct(l) AS list_filter(l, lambda e, i: list_position(l, e) = i);
CREATE MACRO spark_slice(l, s, n) AS CASE
    WHEN s > 0 THEN l[s : s + n - 1]
    WHEN s < 0 AND -s <= array_length(l) THEN l[array_length(l) + s + 1 : array_length(l) + s + n]
    ELSE l[1 : 0] END;
CREATE MACRO spark_any(l) AS CASE
    WHEN list_contains(l, true) THEN true
    WHEN list_count(l) < array_length(l) THEN NULL
    WHEN l IS NOT NULL THEN false END;
CREATE MACRO spark_all(l) AS CASE
    WHEN list_contains(l, false) THEN false
    WHEN list_count(l) < array_length(l) THEN NULL
    WHEN l IS NOT NULL THEN true END;
CREATE MACRO spark_sequence
    (a BIGINT, b BIGINT) AS generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END),
    (a DATE, b DATE) AS list_transform(
        generate_series(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP), INTERVAL 1 DAY),
        lambda t: CAST(t AS DATE)),
    (a TIMESTAMPTZ, b TIMESTAMPTZ) AS generate_series(a, b, INTERVAL 1 DAY);
CREATE MACRO spark_sequence_step
    (a DATE, b DATE, i) AS list_transform(
        generate_series(CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP), i), lambda t: CAST(t AS DATE)),
    (a TIMESTAMPTZ, b TIMESTAMPTZ, i) AS generate_series(a, b, i);
-- Whole months: the last one counts only if its day and time have been reached.
CREATE MACRO spark_since_month(t) AS epoch_us(t) - epoch_us(date_trunc('month', t));
CREATE MACRO spark_months_between(a, b) AS date_diff('month', a, b) + CASE
    WHEN a < b AND spark_since_month(b) < spark_since_month(a) THEN -1
    WHEN a > b AND spark_since_month(b) > spark_since_month(a) THEN 1
    ELSE 0 END;
CREATE MACRO spark_try_mod(a, b) AS CASE WHEN b <> 0 THEN a % b END;
CREATE MACRO spark_concat_ws
    (sep, x VARCHAR) AS coalesce(x, ''),
    (sep, x VARCHAR[]) AS CASE WHEN sep IS NOT NULL THEN coalesce(array_to_string(x, sep), '') END;
"""


_OVERLOADED = re.compile(r"CREATE MACRO (\w+)\s*\([^()]*\b[a-z] [A-Z]")

OVERLOADED = frozenset(_OVERLOADED.findall(_MACROS)) | {
    prefix + name for prefix in ("spark_", "spark_try_") for name in _INTEGERS
}
"""Macros chosen by the types of their arguments."""


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macros in a database."""
    for name, kind in _INTEGERS.items():
        shown = {"INTEGER": "INT"}.get(kind, kind)
        connection.execute(_INTEGER_CAST.format(name=name, kind=kind, shown=shown))
    connection.execute(_MACROS)
