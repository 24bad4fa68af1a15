#!/bin/sh
# Before the removal: the timers end. Nothing is done before an upgrade. The .deb is called with a word, the .rpm with the
# number of versions that stay.
set -eu
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now uzerp-mfa-doctor.timer uzerp-mfa-reconcile.timer uzerp-mfa-history.timer || :
	fi ;;
esac
