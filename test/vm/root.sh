#!/bin/sh
# root.sh OUT FILE.. - an initramfs with a static busybox, test/vm/guest.sh as its first process, and FILEs in
# /bin with the shared libraries they name, at the paths the machine has them.
set -u
out=$1
shift
here=$(dirname "$0")
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/out" || exit 1
cp /bin/busybox "$root/bin/busybox" || exit 1
for applet in $(/bin/busybox --list); do
	[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
cp "$here/guest.sh" "$root/init" && chmod 755 "$root/init" || exit 1

for file in "$@"; do
	cp "$file" "$root/bin/" || exit 1
	for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$library")"
		[ -e "$root$library" ] || cp -L "$library" "$root$library" || exit 1
	done
done
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$out"
