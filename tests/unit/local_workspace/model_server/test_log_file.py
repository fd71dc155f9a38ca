from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_monitoring.local_workspace.model_server.log_file import MIB, bound, tail

if TYPE_CHECKING:
    from pathlib import Path

LINE = b"forty characters, counting its line end\n"


def test_a_log_begins_anew_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "model.log"
    bound(path, 1)
    with path.open("ab", buffering=0) as writer:
        writer.write(LINE * (MIB // len(LINE)))
        bound(path, 1)
        assert not path.with_name("model.log.1").exists()
        writer.write(LINE * (MIB // len(LINE)))
        bound(path, 1)
        assert path.stat().st_size == 0
        assert path.with_name("model.log.1").stat().st_size == MIB
        writer.write(b"the newest line\n")
    assert path.read_bytes() == b"the newest line\n"


def test_the_end_of_a_log_goes_back_to_the_part_before(tmp_path: Path) -> None:
    path = tmp_path / "model.log"
    assert tail(path, 100) == b""
    path.write_bytes(b"new\n")
    assert tail(path, 100) == b"new\n"
    path.with_name("model.log.1").write_bytes(LINE * 10)
    assert tail(path, 100) == LINE * 2 + b"new\n"
    assert tail(path, 1000) == LINE * 10 + b"new\n"
