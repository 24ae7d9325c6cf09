"""How functions are compiled that work on thousands of orders: once, and kept for the next start.

Importing what is compiled takes a second, and half a minute of a core the first time:
:mod:`stream_rfm.intake.kernels` does it, and :mod:`stream_rfm.stream.columns` for what writes records.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numba as nb
import platformdirs

#: Types of what they are given: bytes that are only read, and columns.
BYTES = nb.types.Array(nb.uint8, 1, "C", readonly=True)
BOOLS = nb.types.Array(nb.boolean, 1, "A")
INTS = nb.types.Array(nb.int64, 1, "A")
TABLE = nb.types.Array(nb.int64, 2, "A")
OUT = nb.types.Array(nb.int64, 2, "C")
HASHES = nb.types.Array(nb.uint64, 1, "A")
#: Texts: bytes, where each begins in them, and its size (−1: there is none).
TEXTS = nb.types.Tuple((BYTES, INTS, INTS))  # type: ignore[no-untyped-call]


def _options() -> dict[str, Any]:
    # numba looks at the file of a function only, not at those that it calls: what is kept belongs to all.
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parents[1].glob("*/*.py")):
        if source.parent.name in {"table", "intake", "stream"}:
            digest.update(source.read_bytes())
    folder = Path(platformdirs.user_cache_dir("stream-rfm")) / "compiled" / digest.hexdigest()[:16]
    # Nothing is allocated in there; else every call would count references to arrays, half of the time.
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        # The user's cache cannot be written: compiled anew at each start.
        options["cache"] = False
    nb.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return options


#: For :func:`numba.njit`: of what is called from Python, and of what that calls.
OPTIONS = _options()
INLINE = {**OPTIONS, "forceinline": True}
