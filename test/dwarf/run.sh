#!/bin/sh
# run.sh - chains of inlined functions from debug information in every flavour compilers and tools here
# make, against llvm-symbolizer; those it cannot read against the same program in a form it can.
# Ends with "N passed, N failed, N skipped". KEEP=1 keeps the programs.
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 1
B=${B:-build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
[ -x "$B/waggle" ] || { echo "$B/waggle is not built"; exit 1; }
for need in llvm-symbolizer nm objcopy python3; do
	command -v $need >/dev/null || { echo "no $need"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
done
work=$(mktemp -d) || exit 1
[ -n "${KEEP-}" ] && echo "programs are kept in $work" || trap 'rm -rf "$work"' EXIT
cp "$here"/prog.* "$here/other.cc" "$work/"
cd "$work" || exit 1
passed=0 failed=0 skipped=0

say() { # ok?, text
	if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $2"; fi
}
skip() { skipped=$((skipped + 1)); echo "skipped: $*"; }
compare() { # name, file [reference]
	name=$1
	shift
	out=$(python3 -B "$here/compare.py" "$B/waggle" "$@" 2>&1)
	rc=$?
	echo "$name: $out"
	say $rc "$name"
}
# The compiler with these flags, in a directory of its own, so that .dwo files do not mix. Skips where the
# toolchain does not know the flags.
build() { # directory, compiler, flags..
	mkdir -p "$1"
	cp prog.* other.cc "$1/"
	dir=$1 cc=$2
	shift 2
	command -v "$cc" >/dev/null || { skip "no $cc"; return 1; }
	(cd "$dir" && for f in prog other; do "$cc" -O2 "$@" -c $f.cc || exit 1; done &&
		"$cc" -O2 "$@" -o prog prog.o other.o) >"$dir/log" 2>&1 || { skip "$cc $*"; return 1; }
}

# What the ledger of a profile whose one address is named by the file says of the file that dwz shares.
common() { # file, how many lack it, text
	python3 -B "$here/address.py" "$PWD/$1" "$(nm "$1" | awk '$3 == "main" { print $1 }')" >main.pb
	"$B/waggle" report -q --symbolize --json main.pb >main.json
	grep -q '"name":"main"' main.json && grep -q "\"debug_common_missing\":$2[,}]" main.json
	say $? "$3: the ledger counts $2"
}

for v in 4 5; do
	for cc in g++ clang++; do
		build $cc$v $cc -gdwarf-$v && compare "$cc -gdwarf-$v" $cc$v/prog
	done
	build g++${v}dwo g++ -gdwarf-$v -gsplit-dwarf &&
		compare "g++ -gdwarf-$v -gsplit-dwarf" g++${v}dwo/prog
	# Of these, llvm-symbolizer 14 does not see inlined functions in more than one piece.
	build clang++${v}dwo clang++ -gdwarf-$v -gsplit-dwarf &&
		compare "clang++ -gdwarf-$v -gsplit-dwarf" clang++${v}dwo/prog clang++$v/prog
done
build gz g++ -g -gz && compare "g++ -gz" gz/prog
build lto g++ -g -flto && compare "g++ -flto" lto/prog
build o0 g++ -g -O1 -fno-inline-small-functions && compare "g++ -O1" o0/prog
build gc g++ -g -ffunction-sections -Wl,--gc-sections && compare "g++ --gc-sections" gc/prog
build clanggc clang++ -gdwarf-5 -ffunction-sections -Wl,--gc-sections -fuse-ld=lld &&
	compare "clang++ --gc-sections, lld" clanggc/prog
build clanglto clang++ -g -flto -fuse-ld=lld && compare "clang++ -flto" clanglto/prog
build nopie g++ -g -no-pie -Wl,-z,noseparate-code,--gc-sections -ffunction-sections &&
	compare "g++ -no-pie, code and header in one segment" nopie/prog
build dwarf64 g++ -gdwarf-5 -gdwarf64 && compare "g++ -gdwarf64" dwarf64/prog

# Packages: the .dwo files are gone.
package() { # directory, packer, reference
	dir=$1 with=$2
	command -v "$with" >/dev/null || { skip "no $with"; return; }
	[ -x "$dir/prog" ] || return
	cp -r "$dir" "$dir-$with"
	(cd "$dir-$with" && "$with" -e prog -o prog.dwp >log 2>&1) || { skip "$with on $dir"; return; }
	rm -f "$dir"/*.dwo "$dir-$with"/*.dwo
	compare "$dir in a package by $with" "$dir-$with/prog" "$3"
}
package g++4dwo dwp g++4/prog
package g++5dwo llvm-dwp g++5/prog
package clang++5dwo llvm-dwp clang++5/prog
package clang++4dwo llvm-dwp clang++4/prog

# Forms of one program, compared with it.
from=g++5/prog
for how in zlib-gnu zlib zstd; do
	if objcopy --compress-debug-sections=$how $from $how 2>/dev/null; then
		compare "compressed by $how" $how $from
	else
		skip "objcopy does not know $how"
	fi
done
mkdir -p stripped/.debug && objcopy --only-keep-debug $from stripped/.debug/prog.debug &&
	objcopy --strip-all --add-gnu-debuglink=stripped/.debug/prog.debug $from stripped/prog &&
	compare "a separate debug file" stripped/prog $from
mkdir -p moved && cp stripped/.debug/prog.debug moved/other && cp stripped/prog moved/prog
"$B/waggle" dump lines moved/prog $(nm $from | awk '$3 == "main" { print $1 }') >out 2>&1
say "$(grep -q 'prog.cc' out; echo $((! $?)))" "a debug file that is not where it should be is not found"

if command -v dwz >/dev/null; then
	for v in 4 5; do
		mkdir -p dwz$v
		cp g++$v/prog dwz$v/one && cp g++$v/prog dwz$v/two && cp g++$v/prog dwz$v/alone
		(cd dwz$v && dwz alone && dwz -m common -M common $([ $v = 5 ] && echo --dwarf-5) one two) \
			>dwz$v/log 2>&1 || { skip "dwz on DWARF $v"; continue; }
		compare "dwz, DWARF $v" dwz$v/alone g++$v/prog
		compare "dwz -m, DWARF $v" dwz$v/one g++$v/prog
		common dwz$v/one 0 "dwz -m, DWARF $v, with the common file"
		common dwz$v/alone 0 "dwz, DWARF $v, which has none"
		mkdir -p dwz$v/else && cp dwz4/one dwz$v/else/common # a file of that name, but another
		cp dwz$v/one dwz$v/else/one
		rm dwz$v/common
		"$B/waggle" dump lines --passes 2 dwz$v/one "$(nm g++$v/prog | awk '$3 == "main" { print $1 }')" 2>out |
			grep -q prog.cc
		say $? "dwz -m, DWARF $v, without the common file still has lines"
		say "$(grep -q 'common file of dwz is missing' out; echo $?)" "dump lines, DWARF $v, says that it is missing"
		common dwz$v/one 1 "dwz -m, DWARF $v, without the common file"
		common dwz$v/else/one 1 "dwz -m, DWARF $v, with a wrong common file"
		"$B/waggle" doctor dwz$v/one >out
		say "$(tr -s ' \n' '  ' <out | grep -q 'parts of it in common (dwz)'; echo $?)" "doctor, DWARF $v, names the common file"
	done
else
	skip "no dwz"
fi

if command -v "${RUSTC:-rustc}" >/dev/null; then
	"${RUSTC:-rustc}" -O -g -o rust "$here/../workload/mix.rs" >log 2>&1 && compare "rustc -O -g" rust
else
	skip "no rustc"
fi
if command -v go >/dev/null; then
	cat >p.go <<-END
	package main
	import ("fmt"; "sort"; "strings")
	func main() { a := []int{3, 1}; sort.Ints(a); fmt.Println(strings.Repeat("x", a[0])) }
	END
	GOCACHE=$work/cache GO111MODULE=off go build -o goprog p.go >log 2>&1 && compare "go" goprog
else
	skip "no go"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
