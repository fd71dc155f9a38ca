from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from databricks_monitoring.local_workspace.model_server.segment import Segment, content_of, framed

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS = st.lists(st.binary(max_size=40).filter(lambda text: b"\n" not in text), max_size=6)


@given(_TEXTS, st.integers(min_value=0))
def test_what_was_cut_off_is_left_out_and_what_was_whole_is_there(texts: list[bytes], cut: int) -> None:
    lines = [framed(text) for text in texts]
    data = b"".join(lines)
    kept = data[: cut % (len(data) + 1)]
    content = content_of(kept)
    assert content.damaged == []
    assert content.whole == texts[: len(content.whole)]
    assert sum(map(len, lines[: len(content.whole)])) <= len(kept)
    assert content_of(data).whole == texts


@given(_TEXTS.filter(bool), st.data())
def test_a_changed_byte_harms_one_record_at_most(texts: list[bytes], data: st.DataObject) -> None:
    lines = bytearray(b"".join(map(framed, texts)))
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda value: value != lines[at]))
    # A line end that comes or goes makes two lines of one, or one of two.
    joins = lines[at] == 10
    lines[at] = changed
    whole = content_of(bytes(lines)).whole
    assert len(texts) - len(whole) <= (2 if joins else 1)
    assert all(text in texts for text in whole)


def test_a_segment_is_made_once(tmp_path: Path) -> None:
    first = Segment(tmp_path / "1.jsonl")
    with pytest.raises(FileExistsError):
        Segment(tmp_path / "1.jsonl")
    first.write(framed(b"a"), sync=True)
    first.close()
    assert content_of((tmp_path / "1.jsonl").read_bytes()).whole == [b"a"]
