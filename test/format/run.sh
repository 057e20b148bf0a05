#!/bin/sh
# run.sh - other people's readers on what waggle writes: equal totals, equal stacks. The readers are
# installed by npm into the build directory (B, default build); go and Chromium come with the system.
# Ends with "N passed, N failed, N skipped". FLAMEGRAPH_PL=path adds Brendan Gregg's flamegraph.pl,
# which is not packaged: without it that test is skipped and says so.
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${B:-build}" && pwd) || exit 2
work=$build/format-test
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
mkdir -p "$work" && cp "$here/package.json" "$work/" || exit 2
if ! cmp -s "$work/package.json" "$work/installed.json"; then
	if ! (cd "$work" && npm install --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
		cat "$work/npm.log"; echo "npm install failed"; echo "0 passed, 1 failed"; exit 1
	fi
	cp "$work/package.json" "$work/installed.json"
fi
export CHROMIUM
WAGGLE=$build/waggle WORK=$work INPUT=$here/mixed.folded WAITS=$here/../cli/off.waggle \
	exec node "$here/readers.mjs"
