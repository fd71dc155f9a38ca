from __future__ import annotations

import pytest

from databricks_monitoring.cron import to_quartz


@pytest.mark.parametrize(
    ("unix", "quartz"),
    [
        ("0 0 * * *", "0 0 0 * * ?"),
        ("0 2 * * *", "0 0 2 * * ?"),
        ("*/15 8-17 * * 1-5", "0 */15 8-17 ? * MON,TUE,WED,THU,FRI"),
        ("0 0 1 * *", "0 0 0 1 * ?"),
        ("0 0 * * 0", "0 0 0 ? * SUN"),
        ("0 0 * * 7", "0 0 0 ? * SUN"),
        ("0 0 * * 5-7", "0 0 0 ? * SUN,FRI,SAT"),
        ("0 0 * * */2", "0 0 0 ? * SUN,TUE,THU,SAT"),
        ("0 0 * jan-mar mon", "0 0 0 ? JAN-MAR MON"),
        ("30 4 1,15 * *", "0 30 4 1,15 * ?"),
        ("@daily", "0 0 0 * * ?"),
        ("@weekly", "0 0 0 ? * SUN"),
    ],
)
def test_unix_becomes_quartz(unix: str, quartz: str) -> None:
    assert to_quartz(unix) == quartz


@pytest.mark.parametrize("quartz", ["0 0 12 * * ?", "0 0 8 ? * MON", "0 0 0 L * ?", "0 0 8 ? * 2#1 2030"])
def test_quartz_is_kept(quartz: str) -> None:
    assert to_quartz(quartz) == quartz


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("0 0 * *", "has 4"),
        ("0 24 * * *", "hour from 0 to 23; found '24'"),
        ("60 0 * * *", "minute from 0 to 59"),
        ("0 0 0 * *", "day of month from 1 to 31"),
        ("0 0 5-1 * *", "goes forward"),
        ("*/0 0 * * *", "goes forward"),
        ("0 0 1 * 1", "sets both"),
        ("0 0 * * xyz", "day of week from 0 to 7; found 'XYZ'"),
        ("0 0 0 * * *", "exactly one '?'"),
        ("a b c d e", "minute from 0 to 59; found 'A'"),
        ("", "has 0"),
    ],
)
def test_what_is_wrong_is_named(wrong: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")):
        to_quartz(wrong)
