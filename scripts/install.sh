#!/bin/sh
# install.sh [remove]: installs the program and what goes with it below PREFIX, or removes it. DESTDIR stands before PREFIX.
# Nothing in /etc or /var is made or removed: settings and the log are the administrator's; examples are installed.
# What is installed is laid out in bin/.tree first. Where there is no Go, as often for sudo, what an earlier run without sudo
# has laid out there is taken.
set -eu
cd "$(dirname "$0")/.."
umask 022
prefix=${PREFIX:-/usr/local}
case $prefix in
*[!A-Za-z0-9/._+-]*) echo "PREFIX must have plain letters alone, because rules of sudo and units of systemd name it: $prefix" >&2; exit 2 ;;
/*) ;;
*) echo "PREFIX must begin with a slash: $prefix" >&2; exit 2 ;;
esac
to=${DESTDIR:-}$prefix

if [ "${1:-}" = remove ]; then
	rm -f "$to/bin/uzerp-mfa" "$to/share/bash-completion/completions/uzerp-mfa" "$to/share/zsh/site-functions/_uzerp-mfa" \
		"$to/share/fish/vendor_completions.d/uzerp-mfa.fish" "$to"/share/man/man[1-9]/uzerp-mfa.[1-9].gz "$to"/share/man/man[1-9]/uzerp-mfa-*.[1-9].gz
	rm -rf "$to/share/doc/uzerp-mfa" "$to/share/uzerp-mfa"
	echo "removed from $to; settings in /etc/uzerp-mfa and logs in /var/log/uzerp-mfa stay"
	exit
fi

# sudo gives root another PATH, and root should not write into somebody's folder and caches.
if [ "$(id -u)" != 0 ] || [ ! -e bin/.tree/usr/bin/uzerp-mfa ] || [ -z "${SUDO_USER:-}" ]; then
	command -v go >/dev/null 2>&1 || { echo "Go is not in PATH. Run this first, without sudo: make tree" >&2; exit 1; }
	make -s tree
fi
(cd bin/.tree/usr && find . -type f) | while IFS= read -r file; do
	file=${file#./}
	folder=$to/${file%/*}
	[ -d "$folder" ] || mkdir -p "$folder"
	[ -L "$to/$file" ] || [ ! -d "$to/$file" ] || { echo "$to/$file is a directory: nothing is put there" >&2; exit 1; }
	# A program may run while it is replaced. A link is not written through, wherever it leads.
	if [ -e "$to/$file.new" ] || [ -L "$to/$file.new" ]; then rm -f "$to/$file.new"; fi
	case $file in
	share/doc/uzerp-mfa/examples/*)
		sed -e "s|/usr/bin/uzerp-mfa|$prefix/bin/uzerp-mfa|g" -e "s|/usr/share/doc/uzerp-mfa|$prefix/share/doc/uzerp-mfa|g" \
			-e "s|/usr/lib/uzerp-mfa/mail-findings|$prefix/share/doc/uzerp-mfa/examples/systemd/mail-findings|g" \
			"bin/.tree/usr/$file" >"$to/$file.new" ;;
	*) cp "bin/.tree/usr/$file" "$to/$file.new" ;;
	esac
	[ ! -x "bin/.tree/usr/$file" ] || chmod 755 "$to/$file.new"
	# mv replaces a link to a file, and would put it into a directory that a link leads to.
	if [ -L "$to/$file" ] && [ -d "$to/$file" ]; then rm -f "$to/$file"; fi
	mv -f "$to/$file.new" "$to/$file"
done
echo "installed below $to: try uzerp-mfa doctor; $prefix/share/doc/uzerp-mfa/docs/install.md says what comes next"
