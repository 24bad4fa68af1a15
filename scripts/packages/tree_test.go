package main

import (
	"compress/gzip"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/sharedtest"
)

// The folder of the project: what is packed is named from there.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(sharedtest.Tests{M: m}.Run())
}

// laid lays out an installation, as a user whose umask lets nobody else in. The program is a script that stands for it.
func laid(t *testing.T, kind string) string {
	t.Helper()
	standIn := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(standIn, []byte("#!/bin/sh\necho \"$*\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := build{program: standIn, version: "1.2.3", time: time.Unix(1700000000, 0).UTC(), noManual: true}
	dir := filepath.Join(t.TempDir(), "tree")
	defer syscall.Umask(syscall.Umask(0o077))
	if err := b.lay(dir, standIn, kind); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Nothing of a package is switched on: no rule of sudo, no timer, no job of cron. The scripts of a package enable nothing.
func TestNothingIsSwitchedOn(t *testing.T) {
	for _, kind := range []string{"deb", "rpm"} {
		dir := laid(t, kind)
		allowed := regexp.MustCompile(`^(usr/(bin|share|lib/systemd/system|lib/uzerp-mfa)/|etc/(uzerp-mfa/(policy|timers)\.env|logrotate\.d/uzerp-mfa)$)`)
		err := walk(dir, func(name string, info os.FileInfo) error {
			if !info.IsDir() && !allowed.MatchString(name) {
				t.Errorf("%s: %s", kind, name)
			}
			program := strings.HasPrefix(name, "usr/bin/") || strings.HasPrefix(name, "usr/lib/uzerp-mfa/") ||
				strings.HasPrefix(name, examples) && strings.HasSuffix(name, ".sh")
			if mode := info.Mode().Perm(); mode&0o022 != 0 || mode&0o444 != 0o444 || info.IsDir() && mode != 0o755 {
				t.Errorf("%s: %s has the mode %s, whatever umask there is", kind, name, mode)
			}
			if !info.IsDir() && info.Mode()&0o111 != 0 && !program {
				t.Errorf("%s: %s has the mode %s", kind, name, info.Mode())
			}
			if !info.IsDir() && info.ModTime().Unix() != 1700000000 {
				t.Errorf("%s: %s has a time of this machine's", kind, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(read(t, dir, "etc/uzerp-mfa/timers.env")) {
			if line != "\n" && line[0] != '#' {
				t.Errorf("timers.env sets something: %s", line)
			}
		}
	}
	for _, name := range []string{"postinstall.sh", "preremove.sh", "postremove.sh"} {
		if found := regexp.MustCompile(`\b(enable|start|restart|preset|unmask)\b`).FindString(read(t, "packaging", name)); found != "" {
			t.Errorf("%s has the word %q", name, found)
		}
	}
}

// The manual pages are in the folders of their sections, with the day of the build.
func TestManual(t *testing.T) {
	l := &layout{b: &build{time: time.Unix(1700000000, 0).UTC()}, dir: t.TempDir()}
	if err := l.manual(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"man1/uzerp-mfa.1", "man1/uzerp-mfa-user-reset.1", "man7/uzerp-mfa-runbook-lost-phone.7"} {
		packed, err := gzip.NewReader(strings.NewReader(read(t, l.dir, "usr/share/man", name+".gz")))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(packed)
		if err != nil || !strings.Contains(string(text), `"2023-11-14"`) {
			t.Errorf("%s: %v %.200s", name, err, text)
		}
	}
}

// The rules of docs/sudo.md name the package's program, and sudo takes them.
func TestSudoersExample(t *testing.T) {
	file := filepath.Join(laid(t, "deb"), examples, "sudoers")
	if text := read(t, file); strings.Contains(text, "/usr/local") || strings.Count(text, "/usr/bin/uzerp-mfa ") < 10 {
		t.Errorf("%s", text)
	}
	visudo, err := exec.LookPath("visudo")
	if err != nil {
		visudo = "/usr/sbin/visudo" // not in everybody's PATH
		_, err = os.Stat(visudo)
	}
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Packaging, err)
	}
	if out, err := exec.CommandContext(t.Context(), visudo, "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The scripts of docs/scripting.md are in every package, with what they read, and can be run.
func TestScriptExamples(t *testing.T) {
	for _, kind := range []string{"deb", "rpm", "source"} {
		dir := filepath.Join(laid(t, kind), examples)
		for _, name := range []string{"roll-out.sh", "leaver.sh", "nightly.sh", "retry.sh", "ci/try-scripts.sh", "ansible/playbook.yml",
			"ansible/roles/uzerp_mfa/tasks/main.yml"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			if script := strings.HasPrefix(read(t, dir, name), "#!"); script != (info.Mode().Perm() == 0o755) {
				t.Errorf("%s: %s has the mode %s", kind, name, info.Mode())
			}
		}
	}
}

// systemd takes the units. They run what the program knows, as users that can't be tricked, and hide what they don't need.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		sharedtest.LeaveOut(t, sharedtest.Packaging, err)
	}
	dir := t.TempDir()
	from, err := filepath.Glob("packaging/systemd/*")
	if err != nil || len(from) != 7 {
		t.Fatalf("%v %v", from, err)
	}
	args := []string{"verify", "--man=no"}
	for _, name := range from {
		// The programs are not installed here; /bin/true is.
		text := strings.ReplaceAll(read(t, name), "/usr/bin/uzerp-mfa", "/bin/true")
		text = strings.ReplaceAll(text, "/usr/lib/uzerp-mfa/mail-findings", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, "@") {
			args = append(args, filepath.Join(dir, filepath.Base(name)))
		}
	}
	c := exec.CommandContext(t.Context(), analyze, args...)
	c.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	out, err := c.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "uzerp-mfa") {
			t.Errorf("%s", line)
		}
	}
	if err != nil {
		t.Logf("systemd-analyze: %v: %s", err, out) // it also speaks of units of this machine
	}
	for _, unit := range []string{"doctor", "reconcile", "history"} {
		text := read(t, "packaging/systemd", program+"-"+unit+".service")
		for _, want := range []string{
			"NoNewPrivileges=yes", "ProtectSystem=strict", "OnFailure=uzerp-mfa-mail@%n.service", "ReadWritePaths=-/var/log/uzerp-mfa ",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s", unit, want)
			}
		}
		// Findings of doctor would make it fail every quarter of an hour; those of the others must not be missed.
		if got := strings.Contains(text, "SuccessExitStatus"); got != (unit == "doctor") {
			t.Errorf("%s: findings are a success: %t", unit, got)
		}
	}
}

// What was found is mailed to the addresses of timers.env alone, and only if there are some.
func TestMailFindings(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sendmail":   "#!/bin/sh\necho \"$*\" >" + dir + "/args\ncat >" + dir + "/mail\n",
		"journalctl": "#!/bin/sh\necho \"$*\" >>" + dir + "/asked\n[ $1 = --sync ] || echo 'alice: somebody has the password'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mail := func(env ...string) (string, error) {
		c := exec.CommandContext(t.Context(), "sh", "packaging/mail-findings", "uzerp-mfa-history.service")
		c.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "SENDMAIL=" + filepath.Join(dir, "sendmail")}, env...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	sent := func() bool { _, err := os.Stat(filepath.Join(dir, "mail")); return err == nil }
	if out, err := mail(); err != nil || out != "" || sent() {
		t.Errorf("without MAILTO: %v %q, sent: %t", err, out, sent())
	}
	for _, to := range []string{"-oQ/tmp", "a@example.com\nBcc: b@example.com", "a@example.com;id", "a b"} {
		if out, err := mail("MAILTO=" + to); err == nil || !strings.Contains(out, "no list of addresses") || sent() {
			t.Errorf("MAILTO=%q: %v %q, sent: %t", to, err, out, sent())
		}
	}
	if out, err := mail("MAILTO=helpdesk@example.com,it@example.com", "MONITOR_INVOCATION_ID=0123", "MONITOR_EXIT_STATUS=9"); err != nil || out != "" {
		t.Fatalf("%v %q", err, out)
	}
	text := read(t, dir, "mail")
	for _, want := range []string{
		"To: helpdesk@example.com,it@example.com\n", ": findings\n", "\n\nalice: somebody has the password\n", "Auto-Submitted:",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	// The journal writes what it gets a moment later: it is asked after it has.
	if asked := read(t, dir, "asked"); !strings.HasPrefix(asked, "--sync\n") || !strings.Contains(asked, "_SYSTEMD_INVOCATION_ID=0123") {
		t.Errorf("asked the journal for %s", asked)
	}
	if _, err := mail("MAILTO=a@example.com", "MONITOR_EXIT_STATUS=4"); err != nil || !strings.Contains(read(t, dir, "mail"), "could not run (exit code 4)") {
		t.Errorf("%v: %s", err, read(t, dir, "mail"))
	}
}

// nfpm gets every file with its mode, and settings as what an upgrade does not overwrite.
func TestSettings(t *testing.T) {
	b := build{version: "1.2.3", time: time.Unix(1700000000, 0).UTC()}
	text, err := b.settings(targets[0], laid(t, "deb"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(text, "type: config|noreplace"); got != 3 {
		t.Errorf("%d settings of the administrator's", got)
	}
	for _, want := range []string{
		"version: 1.2.3\n", "arch: amd64\n",
		"dst: \"/usr/bin/uzerp-mfa\"\n    file_info: {mode: 0755, owner: root, group: root, mtime: 2023-11-14T22:13:20Z}",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "${") {
		t.Error("something is not filled in")
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != len(targets) {
		t.Errorf("%v %v", all, err)
	}
	if some, err := choose("linux/armv7,darwin/arm64"); err != nil || len(some) != 2 || some[0].arm != "7" {
		t.Errorf("%v %v", some, err)
	}
	if _, err := choose("windows/amd64"); err == nil {
		t.Error("Windows is no system that it is built for")
	}
}

// docs/install.md names the files that are built, all of them and no others. Beside each program is its SBOM.
func TestNamesInTheDocs(t *testing.T) {
	version := strings.TrimSpace(read(t, "internal/release/VERSION"))
	want := make(map[string]bool)
	for _, target := range targets {
		files := target.files(version)
		for kind, name := range files {
			want[name] = kind != "cdx.json"
		}
		if bill := strings.TrimSuffix(files["tar.gz"], ".tar.gz") + ".cdx.json"; files["cdx.json"] != bill {
			t.Errorf("%s: the SBOM is %s", target, files["cdx.json"])
		}
	}
	maps.DeleteFunc(want, func(_ string, described bool) bool { return !described })

	// The first line of the table has whole names. The others have what differs, after a "…".
	begins := map[string]string{".deb": program + "_" + version + "-1", ".rpm": program + "-" + version + "-1", ".gz": program + "_" + version}
	got := make(map[string]bool)
	for _, found := range regexp.MustCompile("`([^`]+\\.(?:deb|rpm|tar\\.gz))`").FindAllStringSubmatch(read(t, "docs/install.md"), -1) {
		name := found[1]
		if rest, short := strings.CutPrefix(name, "…"); short {
			name = begins[filepath.Ext(name)] + rest
		}
		got[name] = true
	}
	if len(want) < 18 || !maps.Equal(got, want) {
		t.Errorf("docs/install.md names %v\nbuilt are %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}
