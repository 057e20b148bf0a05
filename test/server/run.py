# run.py BUILD_DIR - runs every test of the server; see harness.py.
import sys

import harness
import attacks  # noqa: F401 - registers its tests
import live  # noqa: F401
import opening  # noqa: F401

sys.exit(harness.run())
