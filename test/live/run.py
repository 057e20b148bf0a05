"""run.py [PATTERN] - the live tests in order; run.sh builds what they need first."""
import sys

import harness
import truth     # noqa: F401 - each module adds its cases when it is read
import filters   # noqa: F401
import names     # noqa: F401
import ledger    # noqa: F401
import safety    # noqa: F401
import coverage  # noqa: F401
import jit       # noqa: F401
import loading   # noqa: F401
import debuginfod  # noqa: F401
import doctor    # noqa: F401
import oracle    # noqa: F401
import off       # noqa: F401

sys.exit(harness.run_cases(sys.argv[1] if len(sys.argv) > 1 else None))
