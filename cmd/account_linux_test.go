package cmd_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// A static program, as the packages have it, knows a directory's users too: users that /etc/passwd does not have.
func TestUsersOfADirectory(t *testing.T) {
	found := slices.Concat(glob(t, "/usr/lib/libnss_extrausers.so.2"), glob(t, "/usr/lib/*/libnss_extrausers.so.2"))
	if len(found) == 0 {
		sharedtest.LeaveOut(t, sharedtest.Directory, errors.New("no libnss_extrausers.so.2"))
	}
	t.Setenv("CGO_ENABLED", "0")
	out := sudoMachine(t, "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\nnora ALL=(root) NOPASSWD: SETENV: /mnt/uzerp-mfa\n", `
mount -t tmpfs -o mode=755 tmpfs /var/lib/extrausers || { echo no-overlay; exit 0; }
sed -i 's/^\(passwd\|group\|shadow\):.*/\1: files extrausers/' /etc/nsswitch.conf
sed -i '/^\(www-data\|apache\|httpd\|nginx\|http\|wwwrun\|www\|_www\):/d' /etc/passwd /etc/group
{
	echo 'nora:x:64010:64010:Nora:/mnt/home:/bin/sh'
	echo 'apache:x:64011:64011::/:/bin/false'
	echo 'adam:x:64012:64012::/:/bin/false'
	printf 'ivo, as root\033[31m:x:64013:64010::/:/bin/false\n'
} >/var/lib/extrausers/passwd
echo 'nora:*:19000:0:99999:7:::' >/var/lib/extrausers/shadow
printf 'nora:x:64010:\napache:x:64011:\nhelpdesk:x:64020:nora\n' >/var/lib/extrausers/group
p=/mnt/uzerp-mfa
mkdir -m 1777 /mnt/logs
as 64010 'through sudo' UZERP_ROOT=/mnt/uzerp $p user disable-next-login alice --yes
as 64010 'groups of the caller' $p sandbox -- id -Gn
alone() { # as a user, without sudo
	user=$1
	name=$2
	shift 2
	code=0
	set -- env -i PATH="$PATH" TMPDIR=/tmp XDG_STATE_HOME=/mnt/logs/$user HOME=/nowhere USER=alice LOGNAME=alice "$@"
	setpriv --reuid $user --regid 64010 --clear-groups "$@" >out 2>&1 </dev/null || code=$?
	echo "$name: $code"
	sed 's/^/    /' out
}
for user in 64010 64012 64013 64014; do
	mkdir -p /mnt/logs/$user/uzerp/conf
	touch /mnt/logs/$user/uzerp/system.php /mnt/logs/$user/uzerp/conf/.env
	chown -R $user:64010 /mnt/logs/$user
	alone $user "log of $user" $p --uzerp-root /mnt/logs/$user/uzerp session-config set --manage on --yes
	cat /mnt/logs/$user/uzerp-mfa/audit.jsonl >out || true
	echo "actor $user: $(sed -n '1s/.*"user":"\([^"]*\)".*/\1/p' out)"
done
alone 64010 'default role' $p -v --database-url 'host=/nowhere dbname=x' user list
alone 64014 'no default role' $p --database-url 'host=/nowhere dbname=x' user list
chown 64011:64011 /mnt/uzerp/conf/.env
code=0
UZERP_ROOT=/mnt/uzerp $p user list >out 2>&1 || code=$?
echo "the web server's file: $code"
sed 's/^/    /' out
chown 64010 /mnt/uzerp/conf/.env
code=0
UZERP_ROOT=/mnt/uzerp $p user list >out 2>&1 || code=$?
echo "another's file: $code"
sed 's/^/    /' out
$p audit-log show
`)
	for _, want := range []string{
		"through sudo: 6\n", "groups of the caller: 0\n", "    nora helpdesk\n",
		"actor 64010: nora\n", "actor 64012: uid 64012\n", "actor 64013: ivo, as root\\u001b[31m\n", "actor 64014: uid 64014\n",
		`user=nora "user from"="the name of the operating system's user"`, "no default role: 4\n", "this process's user, uid 64014, has no known name",
		"the web server's file: 0\n", "another's file: 4\n", "it belongs to user 64010 (nora)", "disable-next-login alice, by nora as root",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
