#!/bin/sh
# After the installation, of the .deb and of the .rpm. The timers stay off.
set -eu

# The directories of the audit log are made here, and are no part of the package: so they stay as the administrator has set
# them, and are not removed with it. What is made in one gets its group, who may read the log. In some systems a group of
# syslog's may rename in /var/log: so the mode is given to mkdir, which follows no link, and nothing that is there is touched.
# What can't be given to its owner goes away again: the next try would take it for the administrator's.
readers=adm
getent group adm >/dev/null 2>&1 || readers=root
log_directory() { # path, owner
	if [ ! -e "$1" ] && [ ! -L "$1" ] && mkdir -m 2750 "$1"; then
		chown -h "$2:$readers" "$1" || { rmdir "$1"; return 1; }
	fi
}
log_directory /var/log/uzerp-mfa root
# The web server's user has a log of its own, where root never writes (docs/audit-log.md).
for web in www-data apache wwwrun nginx; do
	if id -u "$web" >/dev/null 2>&1; then
		log_directory "/var/log/uzerp-mfa-$web" "$web"
	fi
done

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
fi
