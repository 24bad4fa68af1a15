#!/bin/sh
# Builds packages twice, in two folders, and compares them. As root it also installs the .deb in a fresh Debian, does the main
# job there as an ordinary user, upgrades, removes and purges it, and the same with the .rpm. ALL=yes takes every release that
# the .deb is for. Where a fresh Debian can't be made (no root, no debootstrap, no mirror), that part is left out, and said so.
set -eu
cd "$(dirname "$0")/.."
scripts/deps.sh packages
fail() { echo "FAIL: $*" >&2; exit 1; }
say() { echo "packages: $*" >&2; }
left_out() { say "left out: $*"; }

releases=trixie
[ "${ALL:-}" != yes ] || releases="bookworm trixie"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/mfa-packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work"

# Two copies of what git has here, with their .git, so that both know the commit. What is in no commit yet is there as well.
copy() {
	git clone -q --no-hardlinks . "$1"
	git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done' sh |
		tar -c --null -T - | tar -x -C "$1"
	git ls-files -z --deleted | (cd "$1" && xargs -0 -r rm -f --)
}
copy "$work/one"
copy "$work/a folder that is elsewhere"
unset SOURCE_DATE_EPOCH VERSION
(cd "$work/one" && make -s packages ONLY=linux/amd64)
# The second build takes nothing that the first one has compiled, and has another umask and zone.
(cd "$work/a folder that is elsewhere" && umask 077 && TZ=Asia/Tokyo go run ./scripts/packages -only linux/amd64 -cache "$work/cache")
rm -rf "$work/cache"
diff "$work/one/dist/SHA256SUMS" "$work/a folder that is elsewhere/dist/SHA256SUMS" >&2 || fail "two builds of one commit differ"
(cd "$work/one/dist" && sha256sum -c --quiet SHA256SUMS) || fail "a checksum is wrong"
rm -rf "$work/a folder that is elsewhere"
say "two builds have the same checksums"
cp "$work"/one/dist/*_amd64.deb "$work/one.deb"
cp "$work"/one/dist/*.rpm "$work/one.rpm"

if command -v lintian >/dev/null 2>&1; then
	lintian --fail-on error,warning --allow-root "$work/one.deb" >&2 || fail "lintian"
	say "lintian has nothing to say"
else
	left_out "lintian is not there"
fi
if command -v rpm >/dev/null 2>&1; then
	[ "$(rpm -qpc "$work/one.rpm" 2>/dev/null | wc -l)" = 3 ] || fail "the .rpm's settings would be overwritten by an upgrade"
else
	left_out "rpm is not there"
fi

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1 || ! unshare --mount --pid --fork true 2>/dev/null; then
	left_out "the use in a fresh Debian, which needs root and debootstrap"
	exit 0
fi
(cd "$work/one" && VERSION=0.99.0 make -s packages ONLY=linux/amd64)
cp "$work"/one/dist/*_0.99.0-1_amd64.deb "$work/newer.deb"
cp "$work"/one/dist/*.rpm "$work/newer.rpm"

# inside ROOT COMMAND... runs a command as root in another root directory, with processes and mounts of its own, which end with it.
inside() {
	unshare --mount --pid --fork --kill-child --propagation private sh -eu -c '
		root=$1
		shift
		mount --bind "$root" "$root" # rpm wants its root to be a mount
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
		' sh "$@"
}

cache=${ROOTS_CACHE:-/var/cache/uzerp-mfa/roots}
mkdir -p "$cache"
# What is in a root beside Debian's least. Its name has it too: another list makes another root.
installed="postgresql man-db bash-completion logrotate sudo rpm"
for release in $releases; do
	root=$cache/$release-$(echo "$installed" | tr ' ' -).tar
	if [ ! -e "$root" ]; then
		say "making a fresh $release in $cache"
		rm -rf "$work/new"
		{
			# debootstrap itself can't sort what PostgreSQL needs.
			debootstrap --variant=minbase "$release" "$work/new" &&
				printf '#!/bin/sh\nexit 101\n' >"$work/new/usr/sbin/policy-rc.d" &&
				chmod 755 "$work/new/usr/sbin/policy-rc.d" &&
				inside "$work/new" sh -ec "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $installed" &&
				rm "$work/new/usr/sbin/policy-rc.d"
		} >"$work/said" 2>&1 || {
			tail -20 "$work/said" >&2
			left_out "the use in a fresh $release, which can't be made here"
			rm -rf "$work/new"
			continue
		}
		rm -rf "$work"/new/var/cache/apt/archives/*.deb "$work"/new/var/lib/apt/lists/*
		tar -C "$work/new" -cf "$root.new" . && mv "$root.new" "$root"
		rm -rf "$work/new"
	fi
	mkdir "$work/root"
	tar -C "$work/root" -xf "$root"
	cp "$work/one.deb" "$work/newer.deb" "$work/one.rpm" "$work/newer.rpm" scripts/use-package.sh "$work/root/root/"
	inside "$work/root" bash /root/use-package.sh "$(cat internal/release/VERSION)" >"$work/used" 2>&1 || { cat "$work/used" >&2; fail "the package in $release"; }
	rm -rf "$work/root"
	say "used in a fresh $release: installed, main job, logs, sudo, upgraded, removed, purged; the .rpm too"
done
