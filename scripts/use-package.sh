#!/bin/bash
# Runs as root in a fresh Debian that has PostgreSQL, with one.deb and newer.deb in /root: uses the package as its users do,
# from the installation to the purge. It changes the machine that it runs on, so only scripts/test-packages.sh calls it.
set -euo pipefail
cd /root
[ ! -e /usr/bin/uzerp-mfa ]
fail() { echo "FAIL: $*"; exit 1; }
as_user() { (cd / && setpriv --reuid=1000 --regid=1000 --init-groups env HOME=/home/ann USER=ann "$@"); }
as_web() { (cd / && setpriv --reuid=www-data --regid=www-data --init-groups env HOME=/var/www "$@"); }
useradd -m -u 1000 ann

echo "== install"
dpkg -i one.deb
version=$(dpkg-query -W -f '${Version}' uzerp-mfa)
uzerp-mfa version | grep -qx "uzerp-mfa ${version%-1}" || fail "the version: $(uzerp-mfa version)"
for want in "2750 root:adm /var/log/uzerp-mfa" "2750 www-data:adm /var/log/uzerp-mfa-www-data" \
	"644 root:root /etc/uzerp-mfa/policy.env" "755 root:root /etc/uzerp-mfa" "755 root:root /usr/bin/uzerp-mfa"; do
	[ "$(stat -c '%a %U:%G %n' "${want##* }")" = "$want" ] || fail "$(stat -c '%a %U:%G %n' "${want##* }"), want $want"
done
# Nothing is switched on.
[ -z "$(find /etc/systemd /etc/sudoers.d /etc/cron* -name '*uzerp*' 2>/dev/null)" ] || fail "something is switched on"
uzerp-mfa policy show -o json >policy
grep -q '"line": [1-9]' policy && fail "the policy has a line: $(cat policy)"

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
as_user uzerp-mfa help runbook lost-phone >said
as_user uzerp-mfa doctor -o json >/dev/null 2>&1 && fail "doctor without a uzERP found nothing"

echo "== the logs"
# Root and the web server's user each have one; a member of adm reads root's; nobody else does, and nobody gets into the other's.
uzerp-mfa audit-log show 2>said && fail "there is a log already"
grep -q /var/log/uzerp-mfa/audit.jsonl said || fail "$(cat said)"
as_web uzerp-mfa audit-log show 2>said && fail "there is a log already"
grep -q /var/log/uzerp-mfa-www-data/audit.jsonl said || fail "$(cat said)"
as_web test -w /var/log/uzerp-mfa && fail "the web server writes root's log"
as_web ls /var/log/uzerp-mfa 2>/dev/null && fail "the web server reads root's log"
as_user ls /var/log/uzerp-mfa-www-data 2>/dev/null && fail "everybody reads the log"
# A log of each, as a changing command makes it: outside of a sandbox, with no database to change.
for who in root as_web; do
	run=; [ "$who" = root ] || run=$who
	$run uzerp-mfa user enable bob --yes --database-url postgres://nobody@127.0.0.1:1/none >said 2>&1 && fail "a change without a database"
	grep -q 'audit log' said && fail "$who: $(cat said)"
done
[ "$(stat -c '%a %U:%G' /var/log/uzerp-mfa/audit.jsonl)" = "640 root:adm" ] || fail "$(ls -l /var/log/uzerp-mfa)"
[ "$(stat -c '%a %U:%G' /var/log/uzerp-mfa-www-data/audit.jsonl)" = "640 www-data:adm" ] || fail "$(ls -l /var/log/uzerp-mfa-www-data)"

echo "== on the machine"
MANWIDTH=80 man uzerp-mfa >said; grep -q 'uzerp-mfa-user(1)' said || fail "the manual page"
man uzerp-mfa user >said; grep -q 'uzerp-mfa-user-reset(1)' said || fail "the manual page of a command"
man 7 uzerp-mfa-runbook-lost-phone >said; grep -qi 'lost' said || fail "the manual page of a runbook"
uzerp-mfa help runbook lost-phone >said; grep -qi 'lost' said || fail "help runbook lost-phone"
bash -c '
	. /usr/share/bash-completion/bash_completion
	. /usr/share/bash-completion/completions/uzerp-mfa
	COMP_WORDS=(uzerp-mfa user res) COMP_CWORD=2 COMP_LINE="uzerp-mfa user res" COMP_POINT=18 COMP_TYPE=9
	__start_uzerp-mfa
	echo "${COMPREPLY[*]}"' | grep -q '^reset' || fail "completion in bash"
zcat /usr/share/doc/uzerp-mfa/changelog.Debian.gz | head -1 | grep -q "(${version})" || fail "changelog"
grep -q 'pquerna/otp' /usr/share/doc/uzerp-mfa/copyright || fail "copyright"

echo "== upgrade"
echo '#TRIED=1' >>/etc/uzerp-mfa/policy.env
chgrp ann /var/log/uzerp-mfa # as an administrator who lets another group read
dpkg -i newer.deb
uzerp-mfa version | grep -qx "uzerp-mfa 0.99.0" || fail "not upgraded"
grep -q '#TRIED=1' /etc/uzerp-mfa/policy.env || fail "the upgrade has overwritten the policy"
[ "$(stat -c '%a %U:%G' /var/log/uzerp-mfa)" = "2750 root:ann" ] || fail "the upgrade has changed the log's directory"
as_user ls /var/log/uzerp-mfa >/dev/null || fail "the group that root named can't read"

echo "== remove and purge"
echo x >/var/log/uzerp-mfa/kept
dpkg -r uzerp-mfa
[ ! -e /usr/bin/uzerp-mfa ] && [ -e /etc/uzerp-mfa/policy.env ] && [ -e /var/log/uzerp-mfa/kept ] || fail "remove"
rm -r /var/log/uzerp-mfa-www-data
mkdir /var/log/uzerp-mfa-www-data
dpkg -P uzerp-mfa
[ ! -e /etc/uzerp-mfa ] && [ -e /var/log/uzerp-mfa/kept ] && [ ! -e /var/log/uzerp-mfa-www-data ] || fail "purge"
left=$(find / -xdev -name '*uzerp-mfa*' ! -path '/proc/*' ! -path '/root/*' ! -path '/home/*' ! -path '/tmp/*' ! -path '/var/log/*' ! -path '/var/cache/man/*')
[ -z "$left" ] || fail "left behind: $left"
echo "== done"
