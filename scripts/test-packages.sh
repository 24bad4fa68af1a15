#!/bin/sh
# Builds packages twice, in two folders, and compares them. As root it also installs the .deb in a fresh Debian with
# nothing but PostgreSQL, does the main job there as an ordinary user, upgrades, removes and purges it. ALL=yes takes every
# release that it is for. Without root, or debootstrap, that part is left out, and said so.
set -eu
cd "$(dirname "$0")/.."
scripts/deps.sh packages
fail() { echo "FAIL: $*" >&2; exit 1; }
say() { echo "packages: $*" >&2; }

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

if command -v lintian >/dev/null 2>&1; then
	lintian --fail-on error,warning --allow-root "$work/one.deb" >&2 || fail "lintian"
	say "lintian has nothing to say"
else
	say "left out: lintian is not there"
fi
if command -v rpm >/dev/null 2>&1; then
	rpm -qp --scripts "$work"/one/dist/*.rpm >"$work/scripts" 2>/dev/null
	rpm -qpl "$work"/one/dist/*.rpm 2>/dev/null >"$work/files"
	grep -qx /usr/bin/uzerp-mfa "$work/files" && grep -q 'mkdir -m 2750' "$work/scripts" || fail "the .rpm lacks something"
	[ "$(rpm -qpc "$work"/one/dist/*.rpm 2>/dev/null | wc -l)" = 3 ] || fail "the .rpm's settings would be overwritten by an upgrade"
else
	say "left out: rpm is not there"
fi

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1 || ! unshare --mount --pid --fork true 2>/dev/null; then
	say "left out: the use in a fresh Debian, which needs root and debootstrap"
	exit 0
fi
(cd "$work/one" && VERSION=0.99.0 make -s packages ONLY=linux/amd64)
cp "$work"/one/dist/*_0.99.0-1_amd64.deb "$work/newer.deb"

# inside ROOT COMMAND... runs a command as root in another root directory, with processes and mounts of its own, which end with it.
inside() {
	unshare --mount --pid --fork --kill-child --propagation private sh -eu -c '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
		' sh "$@"
}

cache=${ROOTS_CACHE:-/var/cache/uzerp-mfa/roots}
mkdir -p "$cache"
for release in $releases; do
	if [ ! -e "$cache/$release.tar" ]; then
		say "making a fresh $release in $cache"
		rm -rf "$work/new"
		{
			debootstrap --variant=minbase "$release" "$work/new"
			# debootstrap itself can't sort what PostgreSQL needs.
			printf '#!/bin/sh\nexit 101\n' >"$work/new/usr/sbin/policy-rc.d"
			chmod 755 "$work/new/usr/sbin/policy-rc.d"
			inside "$work/new" sh -c "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends postgresql man-db bash-completion"
			rm "$work/new/usr/sbin/policy-rc.d"
		} >"$work/said" 2>&1 || { tail -20 "$work/said" >&2; fail "debootstrap"; }
		rm -rf "$work"/new/var/cache/apt/archives/*.deb "$work"/new/var/lib/apt/lists/*
		tar -C "$work/new" -cf "$cache/$release.new" . && mv "$cache/$release.new" "$cache/$release.tar"
		rm -rf "$work/new"
	fi
	mkdir "$work/root"
	tar -C "$work/root" -xf "$cache/$release.tar"
	cp "$work/one.deb" "$work/newer.deb" scripts/use-package.sh "$work/root/root/"
	inside "$work/root" bash /root/use-package.sh >"$work/used" 2>&1 || { cat "$work/used" >&2; fail "the package in $release"; }
	rm -rf "$work/root"
	say "used in a fresh $release: installed, main job, upgraded, removed, purged"
done
