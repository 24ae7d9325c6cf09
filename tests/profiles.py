"""How hypothesis runs: without deadlines, and in CI the same examples every time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("stream-rfm", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "stream-rfm")
