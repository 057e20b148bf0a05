#!/bin/sh
# matrix.sh [LABEL..] - the kernel matrix: boots each kernel of kernels.txt (or those named) in an emulated
# machine, runs waggle there on workloads whose truth is known, and judges what it said. Some two minutes
# a kernel (more on a busy host, where some checks are skipped), no root, no /dev/kvm; kernels are fetched
# once (kernel.sh). What cannot be had is said and counted as skipped. Ends with
# "N passed, N failed[, N skipped]".
#
# The processor is `max` without cmpxchg16b: QEMU 7.2's emulation of it damages the flags register, and
# kernels from 6.12 on crash of that all by themselves, without any BPF.
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
vm=$B/vm
passed=0 failed=0 skipped=0
SECONDS_MAX=${VM_SECONDS:-900} # of a guest; a busy host is slow

finish() {
	sum="$passed passed, $failed failed"
	[ $skipped -gt 0 ] && sum="$sum, $skipped skipped"
	echo "$sum"
	[ $failed -eq 0 ]
	exit
}
skip() { echo "skipped $*"; skipped=$((skipped + 1)); }

# -- what it takes -----------------------------------------------------------------------------------
missing=''
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need qemu-system-x86_64 qemu-system-x86
need cpio cpio
need python3 python3
need dpkg-deb dpkg
[ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || missing="$missing busybox-static"
if [ "$(uname -m)" != x86_64 ]; then
	skip "the kernel matrix: it is for x86_64"
	finish
elif [ -n "$missing" ]; then
	skip "the kernel matrix: not installed:$missing (apt-get install$missing)"
	finish
fi

mkdir -p "$vm" || exit 1
make --no-print-directory B="$B" "$B/waggle" "$B/tools/verifier" "$B/bpf/waggle.o" workloads >/dev/null ||
	exit 1
workloads=$(find "$B/test/workload" -maxdepth 1 -type f -perm -100 ! -name 'warm_*')
# shellcheck disable=SC2086
sh test/vm/root.sh "$vm/root.gz" "$B/waggle" "$B/tools/verifier" "$B/bpf/waggle.o" $workloads || exit 1

# -- one kernel --------------------------------------------------------------------------------------
append='console=ttyS0 loglevel=4 panic=-1 watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120'
qemu=''
trap '[ -n "$qemu" ] && kill "$qemu" 2>/dev/null' EXIT
trap 'exit 130' INT TERM HUP

boot() { # kernel's folder
	rm -f "$1/console" "$1/results.tar.gz"
	# Ahead of others where allowed, as in the live tests: the guest's clock runs on when it waits.
	# shellcheck disable=SC2016
	setsid sh -c '{ echo -10 >/proc/self/autogroup; renice -n -5 $$; } >/dev/null 2>&1; exec "$@"' sh \
		timeout "$SECONDS_MAX" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,cx16=off -smp 2 \
		-m 1024 -display none -monitor none -no-reboot -nic none \
		-kernel "$1/vmlinuz" -initrd "$vm/root.gz" -append "$append" \
		-serial "file:$1/console" -serial "file:$1/results.tar.gz" </dev/null &
	qemu=$!
	wait $qemu
	rc=$?
	qemu=''
	return $rc
}

kernel() { # label, suites, expectation
	at=$vm/$1
	if ! said=$(sh test/vm/kernel.sh "$vm" "$1" "$2" 2>&1); then
		skip "${said:-kernel $1: could not be fetched}"
		return
	fi
	echo "-- Linux $(cat "$at/version")"
	begun=$(date +%s)
	boot "$at"
	rc=$?
	rm -rf "$at/out" && mkdir "$at/out"
	if [ $rc -ne 0 ] || ! tar -xzf "$at/results.tar.gz" -C "$at/out" 2>/dev/null; then
		echo "FAILED  $1 sent no results within $SECONDS_MAX s (qemu's exit code $rc); its last words:"
		tail -n 25 "$at/console" | sed 's/^/  /'
		failed=$((failed + 1))
		return
	fi
	python3 -B test/vm/judge.py "$1" "$3" "$at/out" "$at/config" >"$at/verdict"
	rc=$?
	cat "$at/verdict"
	line=$(tail -n 1 "$at/verdict")
	# shellcheck disable=SC2046
	set -- $(printf '%s' "$line" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) .*/\1 \2 \3/p') none
	if [ "$1" = none ]; then
		echo "FAILED  the judge broke (exit code $rc)"
		failed=$((failed + 1))
	else
		passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	fi
	echo "   took $(($(date +%s) - begun)) s"
}

known=$(grep -v '^#' test/vm/kernels.txt)
for label in ${*:-$(echo "$known" | cut -f 1)}; do
	row=$(echo "$known" | awk -F '\t' -v l="$label" '$1 == l')
	if [ -z "$row" ]; then
		echo "FAILED  kernel '$label' is not in test/vm/kernels.txt"
		failed=$((failed + 1))
		continue
	fi
	# shellcheck disable=SC2086
	kernel $row
done
finish
