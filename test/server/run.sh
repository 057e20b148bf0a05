#!/bin/sh
# run.sh - the server of the live page against those who should not get anything, and those who should.
# Ends with "N passed, N failed[, N skipped]".
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." && exec python3 "$here/run.py" "$(cd "${1:-${B:-build}}" && pwd)"
