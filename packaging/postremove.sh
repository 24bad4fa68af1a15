#!/bin/sh
# After the removal. The audit log stays, also on a purge: it says who changed what, and is nobody's waste.
set -eu
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || :
	fi ;;
esac
case ${1:-} in
purge | 0)
	rm -f /var/lib/uzerp-mfa/uzerp-mfa.prom
	for dir in /var/lib/uzerp-mfa /var/log/uzerp-mfa /var/log/uzerp-mfa-www-data /var/log/uzerp-mfa-apache /var/log/uzerp-mfa-wwwrun /var/log/uzerp-mfa-nginx; do
		[ ! -d "$dir" ] || rmdir "$dir" 2>/dev/null || echo "$dir stays: remove it yourself if nobody needs it any more"
	done ;;
esac
