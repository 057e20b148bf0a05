#!/bin/sh
# run.sh [BUILD_DIR] - tests the pages in a real Chromium ($CHROMIUM, or the one in PATH). Ends with
# "N passed, N failed"; exit 1 when anything failed, also when there is no browser to test with.
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-${B:-build}}" && pwd) || exit 2
work=$build/web-test
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
export CHROMIUM
if [ -z "$CHROMIUM" ]; then echo "no Chromium found: install the package chromium"; echo "0 passed, 1 failed"; exit 1; fi
mkdir -p "$work" && cp "$here/package.json" "$work/" || exit 2
if [ ! -d "$work/node_modules/playwright-core" ] &&
	! (cd "$work" && npm install --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
	cat "$work/npm.log"; echo "npm install failed"; echo "0 passed, 1 failed"; exit 1
fi
for kind in demo odd untimed empty deep threads big off wall; do
	"$build/test/web/generate" "$kind" "$work" || { echo "cannot make '$kind'"; echo "0 passed, 1 failed"; exit 1; }
done
printf '%s\n' 'server;main;work;hash 30' 'server;main;work 12' 'server;main;read_[k] 8' >"$work/folded.folded"
"$build/waggle" report -q "$work/folded.folded" -o "$work/folded.svg" -o "$work/folded.html" ||
	{ echo "waggle report failed"; echo "0 passed, 1 failed"; exit 1; }
WORK=$work BUILD=$build exec node "$here/all.mjs"
