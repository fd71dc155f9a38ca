"""Make an environment for each peer in `.bench/`, from the exact versions in `*.requirements.txt`.

    python benchmarks/peers/install.py [PEER ...]

Uses uv, else venv and pip of Python 3.11, which these versions were tested with.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCH = HERE.parent.parent / ".bench"
PYTHON = "3.11"


def peers() -> list[str]:
    """Return the peers that can be installed."""
    return sorted(path.name.partition(".")[0] for path in HERE.glob("*.requirements.txt"))


def interpreter(peer: str) -> Path:
    """Return the Python of a peer's environment, installed or not."""
    return BENCH / peer / "bin" / "python"


def install(peer: str) -> None:
    """Make one environment anew."""
    folder, wanted = BENCH / peer, HERE / f"{peer}.requirements.txt"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv:
        _run(uv, "venv", "--quiet", "--clear", "--python", PYTHON, folder)
        _run(uv, "pip", "install", "--quiet", "--python", interpreter(peer), "--requirement", wanted)
    else:
        _run(sys.executable, "-m", "venv", "--clear", folder)
        _run(interpreter(peer), "-m", "pip", "install", "--quiet", "--requirement", wanted)


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)  # noqa: S603 - our own arguments


def main() -> int:
    """Install what was asked for, all peers by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("peer", nargs="*", help=f"of {', '.join(peers())}")
    given = parser.parse_args()
    unknown = sorted(set(given.peer) - set(peers()))
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such peer; there are {', '.join(peers())}")
    for peer in given.peer or peers():
        print(f"Installing {peer}", flush=True)
        install(peer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
