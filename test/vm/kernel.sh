#!/bin/sh
# kernel.sh DIR LABEL SUITES - fetches the newest Debian cloud kernel of some suites into DIR/LABEL: vmlinuz,
# config and version. What is there already is used again, without the network, unless VM_REFRESH is set.
#
# The machine's own apt set-up is asked for the mirror and is never changed: lists and downloads live in
# DIR, and packages are unpacked, not installed. VM_MIRROR and VM_MIRROR_SECURITY name other mirrors (on
# machines that are not Debian's). Exit 0, or 1 with one sentence on standard error.
set -u
dir=$1 label=$2 suites=$3
to=$dir/$label
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "kernel $label: $*" >&2; exit 1; }

[ -z "${VM_REFRESH-}" ] && [ -s "$to/version" ] && exit 0
command -v apt-get >/dev/null 2>&1 || fail "fetched with apt-get, which is not here"
[ -r $keys ] || fail "Debian's keys ($keys, package debian-archive-keyring) are not here"

# The address the machine's own sources give for its own release; $1 is "" or "-security".
mirror() {
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	apt-get indextargets --format '$(SUITE) $(CODENAME) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' \
		2>/dev/null | awk -v want="$codename$1" '$0 ~ "(^| )" want "( |$)" { print $NF; exit }'
}

main=${VM_MIRROR-$(mirror '')}
[ -n "$main" ] || fail "the machine's apt sources name no Debian mirror (set VM_MIRROR to one)"
security=${VM_MIRROR_SECURITY-$(mirror -security)}
security=${security:-${main%/}-security}

# -- an apt of our own ---------------------------------------------------------------------------
own=$dir/apt-$label
mkdir -p "$own/lists/partial" "$own/cache/archives/partial" "$to" || fail "cannot write to $dir"
own=$(cd "$own" && pwd)
for s in $(echo "$suites" | tr , ' '); do
	case $s in *-security) from=$security ;; *) from=$main ;; esac
	echo "deb [signed-by=$keys] $from $s main"
done >"$own/sources.list"
: >"$own/status" # what this machine has installed is none of our business
cat >"$own/apt.conf" <<-END
	Dir::Etc::sourcelist "$own/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::State::lists "$own/lists";
	Dir::State::status "$own/status";
	Dir::Cache "$own/cache";
	Acquire::Check-Valid-Until "false";
	Acquire::Retries "2";
	APT::Architecture "amd64";
	APT::Sandbox::User "";
END
export APT_CONFIG="$own/apt.conf"
apt-get -q update >"$own/log" 2>&1 && ! grep -q '^[WE]: .*\(Failed\|not fetch\)' "$own/log" ||
	fail "$suites cannot be reached: $(grep '^[WE]: ' "$own/log" | head -n 1)"

# What package $1 depends on whose name matches $2 from its beginning.
depends() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Depends: //p' | tr ',' '\n' |
		sed 's/^ *//; s/ .*//' | grep "^$2"
}

# -- the newest kernel -----------------------------------------------------------------------------
image=$(depends linux-image-cloud-amd64 'linux-image-[0-9]' | head -n 1)
[ -n "$image" ] || fail "no cloud kernel in $suites"
version=${image#linux-image-}
case $version in
"$label".* | "$label"-*) ;;
*) fail "the newest kernel of $suites is $version" ;;
esac

rm -rf "$own/root"
# In newer releases the image package is a small one that depends on those with the kernel and its config.
for package in "$image" $(depends "$image" 'linux-\(binary\|base\)-[0-9]'); do
	(cd "$own" && apt-get -q download "$package" >>"$own/log" 2>&1) ||
		fail "$package cannot be downloaded: $(tail -n 1 "$own/log")"
	dpkg-deb -x "$own/${package}_"*.deb "$own/root" || fail "$package cannot be unpacked"
	rm -f "$own/${package}_"*.deb
done
vmlinuz=$(find "$own/root" -type f -name 'vmlinuz*' | head -n 1)
config=$(find "$own/root" -type f -name 'config*' -path "*$version*" | head -n 1)
[ -n "$vmlinuz" ] || fail "$image holds no vmlinuz"
cp "$vmlinuz" "$to/vmlinuz" || fail "cannot write to $to"
if [ -n "$config" ]; then cp "$config" "$to/config"; else : >"$to/config"; fi
rm -rf "$own/root" "$own/lists" "$own/cache"
echo "$version" >"$to/version"
