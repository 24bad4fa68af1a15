#!/bin/bash
# Runs as root in a fresh Debian that has PostgreSQL, with one.deb, newer.deb, one.rpm and newer.rpm in /root: uses the packages
# as their users do, from the installation to the purge. It changes the machine that it runs on, so only
# scripts/test-packages.sh calls it.
set -euo pipefail
cd /root
[ ! -e /usr/bin/uzerp-mfa ]
version=$1 # of one.deb and one.rpm; the newer ones have 0.99.0
logs=/var/log/uzerp-mfa

fail() { echo "FAIL: $*"; exit 1; }
as_user() { (cd / && setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/ann USER=ann "$@"); }
as_web() { (cd / && setpriv --reuid=www-data --regid=www-data --init-groups env HOME=/var/www "$@"); }
# through_sudo COMMAND... is what ann of the group helpdesk types, with her password.
through_sudo() { echo secret | as_user sudo -S -p '' "$@"; }

# is MODE OWNER:GROUP PATH...
is() {
	local want="$1 $2" path
	shift 2
	for path; do
		[ "$(stat -c '%a %U:%G' "$path")" = "$want" ] || fail "$path: $(stat -c '%a %U:%G' "$path"), want $want"
	done
}
# prints TEXT COMMAND... : the command ends well, and prints the text.
prints() {
	local text=$1
	shift
	"$@" >said 2>&1 || fail "$*: exit code $?: $(cat said)"
	[ -z "$text" ] || grep -q -e "$text" said || fail "$* does not print '$text': $(cat said)"
}
# refuses TEXT COMMAND... : the command fails, and prints the text.
refuses() {
	local text=$1
	shift
	if "$@" >said 2>&1; then fail "$* is allowed: $(cat said)"; fi
	[ -z "$text" ] || grep -q -e "$text" said || fail "$* does not print '$text': $(cat said)"
}
# nothing_on: no timer, rule of sudo or job of cron.
nothing_on() { [ -z "$(find /etc/systemd /etc/sudoers.d /etc/cron* -name '*uzerp*' 2>/dev/null)" ] || fail "something is switched on"; }
# nothing_left: after a removal there is no file of the package's but settings that were changed, and logs.
nothing_left() {
	local left
	left=$(find / -xdev \( -path /proc -o -path /dev -o -path /root -o -path /home -o -path /tmp -o -path /var/log -o -path /var/cache/man \) -prune -o \
		-name '*uzerp-mfa*' -print)
	[ -z "$left" ] || fail "left behind: $left"
}
groupadd helpdesk
useradd -m -u 1000 -G helpdesk ann
echo ann:secret | chpasswd

echo "== install"
dpkg -i one.deb
prints "^uzerp-mfa $version$" uzerp-mfa version
is 2750 root:adm $logs
is 2750 www-data:adm $logs-www-data
is 755 root:root /etc/uzerp-mfa /usr/bin/uzerp-mfa
is 644 root:root /etc/uzerp-mfa/policy.env /etc/logrotate.d/uzerp-mfa
nothing_on
uzerp-mfa policy show -o json >policy
if grep '"line": [1-9]' policy; then fail "the policy has a line"; fi

echo "== main job, as an ordinary user"
cat >/home/ann/job.sh <<'J'
set -euo pipefail
uzerp-mfa user list -o csv | grep -q '^bob,'
uzerp-mfa set-injector --yes
uzerp-mfa enroll bob --no-wait --reveal -o json | grep -q otpauth
uzerp-mfa verify bob "$(uzerp-mfa sandbox code bob)"
uzerp-mfa user show bob -o json | grep -q '"state": "enrolled"'
uzerp-mfa user reset bob --reason "lost phone" --yes
uzerp-mfa user show bob -o json | grep -q '"state": "not-enrolled"'
uzerp-mfa audit-log verify
J
as_user uzerp-mfa sandbox -- bash /home/ann/job.sh
refuses '' as_user uzerp-mfa doctor -o json

echo "== the logs"
# Root and the web server's user each have one; a member of adm reads root's; nobody else does, and nobody gets into the other's.
refuses $logs/audit.jsonl uzerp-mfa audit-log show
refuses $logs-www-data/audit.jsonl as_web uzerp-mfa audit-log show
refuses '' as_web test -w $logs
refuses 'Permission denied' as_web ls $logs
refuses 'Permission denied' as_user ls $logs-www-data
# A log of each, as a changing command makes it: outside of a sandbox, with no database to change.
for who in '' as_web; do
	refuses '' $who uzerp-mfa user enable bob --yes --database-url postgres://nobody@127.0.0.1:1/none
	if grep 'audit log' said; then fail "${who:-root} has no log"; fi
done
is 640 root:adm $logs/audit.jsonl
is 640 www-data:adm $logs-www-data/audit.jsonl
# rotated: with what the package has laid down for logrotate, a log with a record in it stays whole.
rotated() {
	refuses 'through sudo' env SUDO_UID=1000 SUDO_GID=1000 SUDO_USER=ann uzerp-mfa user reset bob --yes --audit-log /root/x
	prints '' logrotate --force /etc/logrotate.d/uzerp-mfa
	is 640 root:adm $logs/audit.jsonl $logs/audit.jsonl.1
	prints 'No line was changed' uzerp-mfa audit-log verify
}
rotated

echo "== through sudo"
# The example's rules: what they name is allowed, and nothing else.
install -m 0440 /usr/share/doc/uzerp-mfa/examples/sudoers /etc/sudoers.d/uzerp-mfa
prints '' visudo -c
prints PHONE_CHANGE_DAYS through_sudo uzerp-mfa policy show
for command in "set-injector --yes" "doctor" "sandbox" "policy show -o json" "--yes user reset bob" "session-config set"; do
	refuses 'not allowed' through_sudo uzerp-mfa $command
done
refuses 'not allowed' through_sudo sh
refuses 'through sudo' through_sudo uzerp-mfa user reset bob --yes --audit-log /etc/cron.d/x
refuses 'through sudo' through_sudo uzerp-mfa user list --database-url postgres://nobody@127.0.0.1:1/none
[ ! -e /etc/cron.d/x ] || fail "a file of the caller's choice"
rm /etc/sudoers.d/uzerp-mfa

echo "== on the machine"
on_the_machine() {
	prints 'uzerp-mfa-user(1)' env MANWIDTH=80 man uzerp-mfa
	prints 'uzerp-mfa-user-reset(1)' man uzerp-mfa user
	prints '[Ll]ost' man 7 uzerp-mfa-runbook-lost-phone
	prints '[Ll]ost' uzerp-mfa help runbook lost-phone
	prints '^reset' bash -c '
		. /usr/share/bash-completion/bash_completion
		. /usr/share/bash-completion/completions/uzerp-mfa
		COMP_WORDS=(uzerp-mfa user res) COMP_CWORD=2 COMP_LINE="uzerp-mfa user res" COMP_POINT=18 COMP_TYPE=9
		__start_uzerp-mfa
		echo "${COMPREPLY[*]}"'
}
on_the_machine
prints "($version-1)" zcat /usr/share/doc/uzerp-mfa/changelog.Debian.gz
prints 'pquerna/otp' cat /usr/share/doc/uzerp-mfa/copyright

echo "== upgrade"
echo '#TRIED=1' >>/etc/uzerp-mfa/policy.env
chgrp ann $logs # as an administrator who lets another group read
dpkg -i newer.deb
prints '^uzerp-mfa 0.99.0$' uzerp-mfa version
prints '#TRIED=1' cat /etc/uzerp-mfa/policy.env
is 2750 root:ann $logs
prints audit.jsonl as_user ls $logs

echo "== remove and purge"
dpkg -r uzerp-mfa
[ ! -e /usr/bin/uzerp-mfa ] && [ -e /etc/uzerp-mfa/policy.env ] && [ -s $logs/audit.jsonl.1 ] || fail "remove"
rm -r $logs-www-data
mkdir $logs-www-data
dpkg -P uzerp-mfa
[ ! -e /etc/uzerp-mfa ] && [ -s $logs/audit.jsonl.1 ] && [ ! -e $logs-www-data ] || fail "purge"
nothing_left
rm -r $logs

echo "== what is there before is nobody's way up"
# A link where the log's directory would be, and a directory of somebody's: neither they nor what they lead to change. The
# administrator's umask changes nothing either.
mkdir -m 700 /srv/other
ln -s /srv/other $logs
mkdir -m 755 $logs-www-data
chown ann: $logs-www-data
(umask 077; dpkg -i one.deb)
is 700 root:root /srv/other
is 755 ann:ann $logs-www-data
is 755 root:root /etc/uzerp-mfa /usr/bin/uzerp-mfa /usr/share/doc/uzerp-mfa
is 644 root:root /etc/uzerp-mfa/policy.env
dpkg -P uzerp-mfa
[ -L $logs ] && [ -d /srv/other ] && [ ! -e $logs-www-data ] || fail "purge"
nothing_left
rm $logs

echo "== the .rpm"
useradd apache
useradd wwwrun
# The package needs nothing; rpm of bookworm wants to hear that Debian's own packages are not its.
debian=
! rpm --force-debian --version >/dev/null 2>&1 || debian=--force-debian
debians_rpm() { rpm $debian --nodeps "$@"; }
debians_rpm -i one.rpm
prints "^uzerp-mfa $version$" uzerp-mfa version
is 2750 root:adm $logs
is 2750 apache:adm $logs-apache
is 2750 wwwrun:adm $logs-wwwrun
is 755 root:root /etc/uzerp-mfa /usr/bin/uzerp-mfa
is 644 root:root /etc/uzerp-mfa/policy.env /etc/logrotate.d/uzerp-mfa
nothing_on
on_the_machine
rotated
echo '#TRIED=1' >>/etc/uzerp-mfa/policy.env
chgrp ann $logs
debians_rpm -U newer.rpm
prints '^uzerp-mfa 0.99.0$' uzerp-mfa version
prints '#TRIED=1' cat /etc/uzerp-mfa/policy.env
is 2750 root:ann $logs
debians_rpm -e uzerp-mfa
[ ! -e /usr/bin/uzerp-mfa ] && [ -s $logs/audit.jsonl.1 ] && [ ! -e $logs-apache ] && [ ! -e $logs-wwwrun ] ||
	fail "the log is gone, or an empty directory stays"
prints '#TRIED=1' cat /etc/uzerp-mfa/policy.env.rpmsave
rm -r /etc/uzerp-mfa
nothing_left
echo "== done"
