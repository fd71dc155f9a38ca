from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, weakref
from databricks_monitoring.local_workspace.model_server.garbage import set_aside

class Thing:
    pass

def cycle():
    thing = Thing()
    thing.itself = thing
    return weakref.ref(thing)

before = cycle()
lasting = [Thing() for _ in range(1000)]
set_aside()
after = cycle()
print(before() is None, gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)
gc.collect()
print(after() is None)
"""


def test_what_lives_is_set_aside_and_garbage_is_collected() -> None:
    # In a process of its own: nothing brings back what is set aside here.
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True"] * 4
