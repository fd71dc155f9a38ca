from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from databricks_monitoring.errors import InvalidValueError, UnknownKeyError
from databricks_monitoring.serving.payload import request_body


def test_values_become_plain() -> None:
    row = {
        "a": np.float64(1.5),
        "b": float("nan"),
        "c": np.int64(2),
        "d": np.bool_(True),  # noqa: FBT003 - the value under test
        "e": pd.NaT,
        "f": pd.NA,
        "g": datetime(2026, 11, 23, 10),  # noqa: DTZ001 - stays as it is
        "h": date(2026, 11, 23),
        "i": np.array([1, 2]),
        "j": Decimal("1.5"),
        "k": None,
    }
    body = request_body({"dataframe_records": [row]}, client_request_id="x", params={"n": np.int64(1)})
    assert body == {
        "dataframe_records": [
            {
                "a": 1.5, "b": None, "c": 2, "d": True, "e": None, "f": None, "g": "2026-11-23T10:00:00",
                "h": "2026-11-23", "i": [1, 2], "j": 1.5, "k": None,
            }
        ],
        "client_request_id": "x",
        "params": {"n": 1},
    }  # fmt: skip


def test_exactly_one_format() -> None:
    for payload in ({}, {"inputs": [1], "instances": [1]}):
        with pytest.raises(InvalidValueError, match="exactly one"):
            request_body(payload, client_request_id=None, params=None)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UnknownKeyError, match="dataframe_records"):
        request_body({"dataframe_record": []}, client_request_id=None, params=None)


def test_what_json_has_not_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="JSON"):
        request_body({"inputs": [object()]}, client_request_id=None, params=None)


def test_times_of_numpy_are_times_whatever_their_unit() -> None:
    times = np.array(["2026-11-23T10:00", "NaT"], dtype="datetime64[ns]")
    body = request_body(
        {"inputs": {"t": times, "u": times[0], "v": pd.Series(times)}}, client_request_id=None, params=None
    )
    text = "2026-11-23T10:00:00.000000000"
    assert body == {"inputs": {"t": [text, None], "u": text, "v": ["2026-11-23T10:00:00", None]}}


def test_a_decimal_that_is_no_number_is_null() -> None:
    body = request_body({"inputs": [Decimal("NaN")]}, client_request_id=None, params=None)
    assert body == {"inputs": [None]}


def test_no_rows_are_said_to_be_none() -> None:
    with pytest.raises(InvalidValueError, match="no rows"):
        request_body([], client_request_id=None, params=None)
