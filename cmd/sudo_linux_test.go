package cmd_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
)

// sudoMachine runs a shell script on a machine of its own: with its own /etc, /mnt, /tmp and /var/log, which end with
// the script. There the users hilda and adam may run the program at /mnt/uzerp-mfa as root, as the rules in sudoers say.
func sudoMachine(t *testing.T, sudoers, script string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can make a machine of its own for sudo"))
	}
	for _, tool := range []string{"sudo", "setpriv", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			sharedtest.LeaveOut(t, sharedtest.Sudo, err)
		}
	}
	verify, err := startJudged(t, func(err error) { t.Errorf("against Twilio's spec: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = verify.Close() })
	database, err := url.Parse(dbtest.New(t, dbtest.Sample))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "sudoers"), sudoers)
	writeFile(t, filepath.Join(dir, "env"), fmt.Sprintf("DB_NAME=%s\nDB_USER=postgres\nDB_HOST=/mnt/postgres\n"+
		"TWILIO_ACCOUNT_SID=%s\nTWILIO_AUTH_TOKEN=%s\nTWILIO_SERVICE_SID=%s\n",
		strings.Trim(database.Path, "/"), accountSID, authToken, serviceSID))
	writeFile(t, filepath.Join(dir, "script"), `set -eu
cd "$1"
mkdir own
mount -t tmpfs tmpfs own
mkdir own/upper own/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=own/upper,workdir=own/work /etc || { echo no-overlay; exit 0; }
mount -t tmpfs -o mode=755 tmpfs /mnt
cp uzerp-mfa script /mnt
mkdir /mnt/postgres
mount --bind "$SOCKETS" /mnt/postgres
mkdir -p /mnt/uzerp/conf /mnt/home /mnt/hildas/conf
cp env /mnt/uzerp/conf/.env
chmod 600 /mnt/uzerp/conf/.env
cp sudoers /mnt/sudoers
: >/mnt/uzerp/system.php
: >/mnt/hildas/system.php
: >/mnt/hildas/conf/.env
chmod -R go-w /mnt
for own in /tmp /var/log /var/lib/sudo /run/sudo /var/spool/cron; do
	[ ! -d $own ] || mount -t tmpfs -o mode=1777 tmpfs $own
done
chmod 755 /var/log
[ ! -d /var/lib/sudo ] || chmod 711 /var/lib/sudo
[ ! -d /run/sudo ] || chmod 711 /run/sudo
cd /mnt
rm -rf /etc/uzerp-mfa
echo 'hilda:x:64001:64001::/mnt/home:/bin/sh' >>/etc/passwd
echo 'hilda:x:64001:' >>/etc/group
echo 'hilda:*:19000:0:99999:7:::' >>/etc/shadow
chown -R 64001:64001 /mnt/home /mnt/hildas
install -m 0440 sudoers /etc/sudoers
echo 'adam:x:64002:64002::/mnt/home:/bin/sh' >>/etc/passwd
echo 'adam:x:64002:' >>/etc/group
echo 'adam:*:19000:0:99999:7:::' >>/etc/shadow
# a user runs the program through sudo; each line says how it ended
as() {
	user=$1
	name=$2
	shift 2
	code=0
	setpriv --reuid $user --regid $user --clear-groups sudo -n "$@" >out 2>&1 </dev/null 3<&- 4>&- || code=$?
	echo "$name: $code"
	sed 's/^/    /' out
}
hilda() { as 64001 "$@"; }
adam() { as 64002 "$@"; }
# the code that a phone got; the test answers
sms() { echo "$1" >&4; read -r code <&3; echo "$code"; }
exist() { for file; do if [ -e "$file" ]; then echo "there is $file"; fi; done; }
`+script)
	// This machine has an /etc of its own, so the program reads the policy where it always is.
	if err := build(filepath.Join(dir, "uzerp-mfa"), "-ldflags", "-X uzerp-mfa/cmd.syslogSocket=syslog.sock"); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", filepath.Join(dir, "script"), dir)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "VERIFY=" + verify.URL, "SOCKETS=" + database.Query().Get("host")}
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	asked := answerCodes(t, c, verify.SentCode)
	out, err := c.CombinedOutput()
	asked()
	if errors.Is(err, syscall.EPERM) || string(out) == "no-overlay\n" || strings.Contains(string(out), "mount: ") {
		sharedtest.LeaveOut(t, sharedtest.FileSystem, fmt.Errorf("no machine of its own can be made here: %v %s", err, out))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// answerCodes opens two more files for c: on 4 it names a phone's number, and from 3 it reads the code that the phone got.
// The function that it returns ends that.
func answerCodes(t *testing.T, c *exec.Cmd, sent func(number string) (string, bool)) (stop func()) {
	t.Helper()
	numbers, ask, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	hear, codes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.ExtraFiles = []*os.File{hear, ask}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(numbers); lines.Scan(); {
			code, _ := sent(lines.Text())
			_, _ = fmt.Fprintln(codes, code)
		}
	}()
	return func() {
		_ = ask.Close()
		<-done
		_, _, _ = hear.Close(), codes.Close(), numbers.Close()
	}
}

// ends returns how each command ended, in order.
func ends(out string) []string { return regexp.MustCompile(`(?m)^\S.*$`).FindAllString(out, -1) }

// A rule for this program is no rule for root, however wide it is: not by a flag, not by a variable.
func TestSudoRuleIsNoRuleForRoot(t *testing.T) {
	out := sudoMachine(t, "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\nhilda ALL=(root) NOPASSWD: SETENV: /mnt/uzerp-mfa\n", `
run() { name=$1; shift; hilda "$name" UZERP_ROOT=/mnt/uzerp "$@"; }
p=/mnt/uzerp-mfa
(umask 077; echo alice >secret)
run 'user list' $p user list
run 'sandbox -- id' $p sandbox -- id -u
run '--audit-log' $p --audit-log /mnt/new --reason '$(id)' user reset alice --yes
run '--no-audit-log' $p --no-audit-log user reset alice --yes
run 'UZERP_MFA_AUDIT_LOG' UZERP_MFA_AUDIT_LOG=/mnt/new $p user reset alice --yes
run 'XDG_STATE_HOME' XDG_STATE_HOME=/mnt/home HOME=/mnt/home $p user enable nobody
run '--database-url' $p --database-url postgres://postgres@127.0.0.1:1/x user list
run 'PGSERVICEFILE' PGSERVICEFILE=/etc/shadow $p user list
run 'UZERP_MFA_VERIFY_URL' UZERP_MFA_VERIFY_URL=https://127.0.0.1:1 $p service show
run 'SSL_CERT_FILE' SSL_CERT_FILE=/mnt/home/x $p service show
run '--env-file' $p --env-file /etc/shadow service show
run 'set --file' $p session-config set --file /mnt/uzerp/conf/.env --manage on --yes
run '--php-ini' $p session-config check --php-ini /etc/shadow
run '--from-file' $p user show --from-file /mnt/secret
run '--png' $p enroll alice --no-wait --png /etc/cron.d/x
run '--html' $p enroll alice --no-wait --html /var/log/x
run '--html-dir' $p enroll alice --no-wait --html-dir /etc/cron.d
run 'a new --html-dir' $p enroll alice --no-wait --html-dir /var/pages
run '--uzerp-root' $p --uzerp-root /mnt/hildas user list
run 'undo-guard' $p --audit-log /mnt/new undo-guard
run 'policy' POLICY=/mnt/home/x $p policy show
exist /mnt/new /etc/cron.d/x /etc/cron.d/pages.jsonl /var/pages /var/log/x /mnt/home/uzerp-mfa
/mnt/uzerp-mfa audit-log show --result refused
`)
	want := []string{"user list: 0", "sandbox -- id: 0", "--audit-log: 6", "--no-audit-log: 6", "UZERP_MFA_AUDIT_LOG: 6", "XDG_STATE_HOME: 5",
		"--database-url: 6", "PGSERVICEFILE: 6", "UZERP_MFA_VERIFY_URL: 6", "SSL_CERT_FILE: 6", "--env-file: 6", "set --file: 6", "--php-ini: 6",
		"--from-file: 2", "--png: 2", "--html: 2", "--html-dir: 2", "a new --html-dir: 2", "--uzerp-root: 4", "undo-guard: 6", "policy: 0"}
	got := ends(out)
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("%q\n%s", got, out)
	}
	if !strings.Contains(out, "\n    64001\n") { // on a busy machine a note stands before it
		t.Errorf("a command in a sandbox is not the caller's:\n%s", out)
	}
	if n := strings.Count(out, "hilda as root"); n != 11 {
		t.Errorf("%d refusals are recorded, want 11:\n%s", n, out)
	}
	if strings.Contains(out, "there is /") || regexp.MustCompile(`root:[^ ]`).MatchString(out) {
		t.Errorf("a file was made, or one of root's was shown:\n%s", out)
	}
}

// sudoRules returns docs/sudo.md's rules, for hilda of the helpdesk and adam, an administrator.
func sudoRules(t *testing.T) string {
	t.Helper()
	page := readFile(t, "../docs/sudo.md")
	block := regexp.MustCompile("(?s)```\n(Cmnd_Alias.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("docs/sudo.md has no rules")
	}
	return strings.NewReplacer("/usr/local/bin/", "/mnt/", "%helpdesk     ALL = (root)", "hilda ALL = (root) NOPASSWD:",
		"%uzerp-admins ALL = (root)", "adam ALL = (root) NOPASSWD:").Replace(block[1])
}

// docs/sudo.md's rules for the helpdesk and for administrators, with a policy: the main job works, and nothing else does.
func TestSudoHelpdesk(t *testing.T) {
	rules := sudoRules(t)
	out := sudoMachine(t, "Defaults env_reset\nDefaults env_keep += \"UZERP_MFA_VERIFY_URL\"\nroot ALL=(ALL:ALL) ALL\n"+rules, `
p=/mnt/uzerp-mfa
mkdir /etc/uzerp-mfa
cat >/etc/uzerp-mfa/policy.env <<END
AUDIT_LOG=/var/log/uzerp-mfa/audit.jsonl
UZERP_ROOT=/mnt/uzerp
REQUIRE_TICKET=reset
REQUIRE_CALLER=disable-next-login,enroll
PROTECTED_USERS=alice
ROOT_ONLY_USERS=admin
SUDO_SETTINGS=allow
PHONE_REGION=GB
END
visudo -cq || echo "the rules are wrong"
export UZERP_MFA_VERIFY_URL="$VERIFY"
hilda 'list' $p user list
hilda 'show' $p user show erin
hilda 'reset' $p user reset erin --yes --ticket 4711
hilda 'no ticket' $p user reset erin --yes
hilda 'root only' $p user reset admin --yes --ticket 4711
hilda 'not verified' $p enroll alice --no-wait --png /mnt/home/alice.png
hilda 'send' $p identity send alice --channel sms --region GB
code=$(sms +447700900123)
hilda 'check' $p identity check alice "$code" --verified-by call-back --region GB
hilda 'enroll' $p enroll alice --no-wait --png /mnt/home/alice.png
hilda 'pages' $p enroll alice --no-wait --html-dir /mnt/home/pages
hilda 'pages again' $p enroll alice --no-wait --html-dir /mnt/home/pages
hilda 'another log' $p user reset alice --yes --ticket 4711 --audit-log /mnt/new
hilda 'another directory' $p user list --uzerp-root /mnt/hildas
hilda 'set-injector' $p set-injector --off --yes
hilda 'flags first' $p --audit-log /mnt/new user list
hilda 'sandbox' $p sandbox -- id
hilda 'policy' $p policy show
adam 'set-injector of adam' $p set-injector --off --yes
adam 'sandbox of adam' $p sandbox -q -- id -u
adam 'another log of adam' $p --audit-log /mnt/new set-injector --off --yes
adam 'no log for adam' $p --no-audit-log set-injector --off --yes
adam 'a shell' /bin/sh -c id
stat -c '%U %a' /mnt/home/alice.png /mnt/home/pages /mnt/home/pages/alice.html /mnt/home/pages/pages.jsonl
exist /mnt/new
`)
	want := []string{"list: 0", "show: 0", "reset: 0", "no ticket: 6", "root only: 6", "not verified: 6", "send: 0", "check: 0",
		"enroll: 0", "pages: 0", "pages again: 0", "another log: 6", "another directory: 6",
		"set-injector: 1", "flags first: 1", "sandbox: 1", "policy: 0",
		"set-injector of adam: 0", "sandbox of adam: 0", "another log of adam: 6", "no log for adam: 6", "a shell: 1",
		"hilda 600", "hilda 700", "hilda 600", "hilda 600"}
	if got := ends(out); !slices.Equal(got, want) {
		t.Errorf("%q\n%s", got, out)
	}
	if !strings.Contains(out, "sandbox of adam: 0\n    64002\n") {
		t.Errorf("a command in a sandbox is not the caller's:\n%s", out)
	}
}

// The helpdesk ends the sessions of a stolen laptop through sudo: the files are the web server's, in a directory as Debian's.
// Nothing else there is touched, the policy holds, and only users of the database have a name.
func TestSudoEndsSessions(t *testing.T) {
	out := sudoMachine(t, "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n"+sudoRules(t), `
p=/mnt/uzerp-mfa
mkdir -p /etc/uzerp-mfa
rm -rf /etc/php
mkdir -p /etc/php/8.2/apache2 /mnt/sessions
echo 'session.save_path = /mnt/sessions' >/etc/php/8.2/apache2/php.ini
chmod 1733 /mnt/sessions
login() { printf 'username|s:%d:"%s";loggedin|b:1;' ${#1} "$1" >/mnt/sessions/sess_$2; chmod 600 /mnt/sessions/sess_$2; chown 33:33 /mnt/sessions/sess_$2; }
login alice a1
login alice a2
login bob b1
login admin r1
login alice foreign
chown 64001:64001 /mnt/sessions/sess_foreign
ln -s /mnt/secret /mnt/sessions/sess_link
cat >/etc/uzerp-mfa/policy.env <<END
AUDIT_LOG=/var/log/uzerp-mfa/audit.jsonl
UZERP_ROOT=/mnt/uzerp
REQUIRE_TICKET=session-end
ROOT_ONLY_USERS=admin
WEB_SERVER_USERS=www-data
END
ls /mnt/sessions >before
hilda 'list' $p session list archer
hilda 'no ticket' $p session end alice --yes
hilda 'part of a name' $p session end archer --yes --ticket 4711
hilda 'root only' $p session end admin --yes --ticket 4711
hilda 'all' $p session end --all --yes --ticket 4711
hilda 'another php.ini' $p session end alice --yes --ticket 4711 --php-ini /mnt/home/php.ini
hilda 'of a reset' $p user reset alice --end-sessions --yes --ticket 4711 --php-ini /mnt/home/php.ini
hilda 'a dry run' $p session end alice --ticket 4711 --dry-run
ls /mnt/sessions >after
cmp before after && echo "nothing is touched"
hilda 'end' $p session end alice --yes --ticket 4711
ls /mnt/sessions
$p audit-log show --user alice -o jsonl >/mnt/log
grep -o '"command":"session end","target":"alice"' /mnt/log
grep -o '"sudo_user":"hilda"' /mnt/log
grep -o '"ticket":"4711"' /mnt/log
! grep sess_ /mnt/log
`)
	want := []string{"list: 0", "no ticket: 6", "part of a name: 5", "root only: 6", "all: 6", "another php.ini: 6", "of a reset: 6",
		"a dry run: 0", "nothing is touched",
		"end: 0", "sess_b1", "sess_foreign", "sess_link", "sess_r1"}
	got := ends(out)
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("%q\n%s", got, out)
	}
	for _, record := range []string{`"command":"session end","target":"alice"`, `"sudo_user":"hilda"`, `"ticket":"4711"`} {
		if !strings.Contains(out, record) {
			t.Errorf("the audit log has no %s\n%s", record, out)
		}
	}
	if !strings.Contains(out, "did you mean alice (Alice Archer)? uzerp-mfa session end --ticket 4711 --yes alice") {
		t.Errorf("a part of a name is not proposed\n%s", out)
	}
}
