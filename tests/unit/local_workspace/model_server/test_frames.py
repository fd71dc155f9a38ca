from __future__ import annotations

from databricks_monitoring.local_workspace.model_server.frames import Frame, FrameReader


def test_frames_are_cut_wherever_the_stream_is() -> None:
    frames = [
        Frame(1, {"content_type": "application/json"}, b"a" * 1000),
        Frame(2**40, {"status": 200, "duration_ms": 1, "client_request_id": None}, b""),
        Frame(0, {}, bytes(range(256))),
    ]
    stream = b"".join(frame.encode() for frame in frames)
    for step in (1, 7, 1000, len(stream)):
        reader = FrameReader()
        pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
        assert [frame for piece in pieces for frame in reader.feed(piece)] == frames


def test_a_large_frame_is_gathered_piece_by_piece() -> None:
    frames = [Frame(1, {}, b"x" * 3_000_000), Frame(2, {}, b"y")]
    stream = b"".join(frame.encode() for frame in frames)
    reader = FrameReader()
    found = [list(reader.feed(stream[start : start + 65536])) for start in range(0, len(stream), 65536)]
    assert [frame for piece in found for frame in piece] == frames
    assert [len(piece) for piece in found] == [0] * (len(found) - 1) + [2]
