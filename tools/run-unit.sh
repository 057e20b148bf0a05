#!/bin/sh
# run-unit.sh PROGRAMS.. - runs cmocka test programs, shows the output of those that fail, and ends
# with "N passed, N failed" (tests, not programs). Exit 1 when anything failed.
passed=0 failed=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
for t in "$@"; do
	"$t" >"$out" 2>&1
	rc=$?
	p=$(grep -c '^\[       OK \]' "$out")
	f=$(grep '^\[  FAILED  \] [^0-9]' "$out" | sort -u | wc -l) # cmocka names each twice
	if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
	if [ "$rc" -eq 0 ] && [ "$p" -eq 0 ]; then echo "$t ran no test"; f=1; fi
	passed=$((passed + p)) failed=$((failed + f))
	if [ "$rc" -ne 0 ]; then echo "FAILED $t (exit $rc)"; cat "$out"; else echo "ok $t ($p)"; fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
