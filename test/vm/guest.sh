#!/bin/sh
# guest.sh - the first and only script of a guest of the kernel matrix: runs waggle on the test workloads,
# leaves what it said in /out, sends that as a tar archive over the second serial line, and switches the
# machine off.
# Nothing is judged here (judge.py does that on the host): there is no Python in the guest.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t securityfs securityfs /sys/kernel/security
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up 2>/dev/null
echo "GUEST $(uname -r) is up after $(cut -d' ' -f1 /proc/uptime) s"

# step NAME COMMAND..: its output, errors and exit code in /out. One that hangs does not take the rest along.
step() {
	name=$1
	shift
	timeout 150 "$@" >"/out/$name.out" 2>"/out/$name.err"
	echo $? >"/out/$name.rc"
	echo "GUEST step $name ended with $(cat "/out/$name.rc") at $(cut -d' ' -f1 /proc/uptime) s"
}

# capture NAME HZ ARGS..: a step of waggle that also leaves folded stacks and the profile with its ledger. An
# emulated processor is too slow for the governor's limit, which would lower the rate.
capture() {
	name=$1 hz=$2
	shift 2
	step "$name" waggle cpu --max-overhead 100 -F "$hz" -o "/out/$name.folded" -o "/out/$name.json" "$@"
}

# waited NAME COMMAND ARGS..: a step of waggle that looks at every wait, two wakers back, and walks again
# where it recognised a stack. In /out/NAME.pb.gz, with its ledger in /out/NAME.json.
waited() {
	name=$1 command=$2
	shift 2
	step "$name" waggle "$command" --max-overhead 100 --check-recognised --hops 2 -o "/out/$name.pb.gz" \
		-o "/out/$name.json" "$@"
}

step release uname -r
step doctor waggle doctor --json
step cycles waggle cpu --event cycles -q -o /out/cycles.folded 1
step plain waggle cpu -q -o /out/plain.folded 1
step pmu ls /sys/bus/event_source/devices

if [ "$(cat /out/doctor.rc)" = 0 ]; then
	step verifier verifier -v /bin/waggle.o

	# The twin runs first: from then on libraries and program are known and every stack must be whole.
	ln -f /bin/split /bin/warm_split
	capture split 499 60 -- sh -c 'warm_split 1 2 2>/dev/null; exec split 4 2'

	# One capture of the whole machine; programs are told apart by their names.
	for i in 0 1 2; do cp /bin/plugin /tmp/libplug$i.so; done
	cat >/bin/many <<-'END'
		#!/bin/sh
		split_static 2
		split_nopie 2
		deep 60 2
		signals 2
		vdso 2
		syscalls 2
		noreturn 1
		threads 8 3
		plugin_host /tmp/libplug0.so /tmp/libplug1.so /tmp/libplug2.so 3
		execs 1 /bin/split_fp 2
		generic 2
	END
	chmod 755 /bin/many
	capture many 499 -- many
	capture storm 499 -- sh -c 'short 60 20 2; short 60 20 2 exec'
	capture churn 999 -- churn 5 2 1

	# By its number, while it runs.
	split 20 >/dev/null 2>/out/attach.truth &
	sleep 1
	capture attach 499 -p $! 8
	kill $!

	# Waiting. The twin comes first here too: once its tables are there every stack is whole.
	ln -f /bin/waits /bin/warm_waits
	waited off off -- sh -c 'warm_waits pipe 20 5 >/dev/null; exec waits pipe 300 5'
	waited chain off -- handoff 100 10

	# All time of threads that sleep, that want a processor, and that wait over and over.
	asleep 8 >/dev/null & all=$!
	ready 120 3 burn 0 >/dev/null & all="$all $!"
	waits mutex 100000 5 >/dev/null & all="$all $!"
	sleep 2
	for p in $all; do ls "/proc/$p/task"; done >/out/wall.tids
	waited wall wall -p "$(echo "$all" | tr ' ' ,)" 6
	for p in $all; do ls "/proc/$p/task"; done >/out/wall.tids_after
	kill $all
fi

step tainted cat /proc/sys/kernel/tainted
step dmesg dmesg

stty -F /dev/ttyS1 raw -echo 2>/dev/null
(cd /out && tar -c -f - . | gzip -1) >/dev/ttyS1
sync
sleep 1
echo "GUEST ends after $(cut -d' ' -f1 /proc/uptime) s"
poweroff -f
