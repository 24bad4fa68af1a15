// Package sharedtest has two rules for all tests: what to do if something is missing that a test needs, and that no
// test touches the machine.
//
// Its laws: LeaveOut is the only way to skip a test, so that the end of `make test` can say in numbers what was left
// out. With CI=true a test that lacks something fails: a check that was not made must not look like one that passed.
// And the tests of a package leave nothing behind (Tests).
package sharedtest

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// LeftOutFile is the name of an environment variable. It names a file that gets a line for each test that is left out.
// scripts/test.sh counts the lines.
const LeftOutFile = "UZERP_MFA_LEFT_OUT"

// TB is a test. It is here for packages that support tests and must not import testing.
type TB = testing.TB

// Part is a group of tests that not every machine can run.
type Part struct {
	what    string // completes "173 tests …"
	lacking string // says why they were left out
	machine bool   // the kind of machine decides: left out even in CI
}

// The parts that need something other than data.
var (
	Postgres   = Part{what: "with a database", lacking: "PostgreSQL's server programs are not there"}
	Psql       = Part{what: "with psql", lacking: "psql is not there"}
	Pooler     = Part{what: "behind a connection pooler", lacking: "pgbouncer is not there"}
	Bash       = Part{what: "with bash", lacking: "bash is not there"}
	Zsh        = Part{what: "with zsh", lacking: "zsh is not there"}
	Fish       = Part{what: "with fish", lacking: "fish is not there"}
	Examples   = Part{what: "of the examples", lacking: "jq, shellcheck or ansible-playbook is not there"}
	TwilioCLI  = Part{what: "against twilio-cli", lacking: "it, or Node.js, is not there; make bench installs it", machine: true}
	Client     = Part{what: "of the generated client", lacking: "the module that generates it can't be fetched"}
	Browser    = Part{what: "in a browser", lacking: "Chromium is not there, or BROWSER=no"}
	Sudo       = Part{what: "with sudo", lacking: "sudo is not there"}
	Directory  = Part{what: "with users of a directory", lacking: "libnss-extrausers is not there"}
	PHP        = Part{what: "with PHP", lacking: "php is not there, or has no igbinary"}
	Git        = Part{what: "with git", lacking: "git is not there"}
	Packaging  = Part{what: "of packages", lacking: "logrotate, visudo or systemd-analyze is not there"}
	Manual     = Part{what: "of manual pages", lacking: "groff, man or lexgrog is not there"}
	Debian     = Part{what: "as Debian's www-data", lacking: "there is no such user", machine: true}
	Root       = Part{what: "as another user", lacking: "only root can run a program as another user", machine: true}
	Newer      = Part{what: "of what a newer PostgreSQL has", lacking: "the server is too old; make test-postgres has newer ones", machine: true}
	Optional   = Part{what: "with Kerberos or IPv6", lacking: "the server, or the machine, has none", machine: true}
	Versions   = Part{what: "on other versions of PostgreSQL", lacking: "there are programs for Linux on x86-64 only", machine: true}
	FileSystem = Part{what: "with a special file system", lacking: "there is none here", machine: true}
	Device     = Part{what: "with a terminal or another device", lacking: "it can't be opened here", machine: true}

	// Spec is Twilio's OpenAPI spec.
	Spec = data("data/twilio/")
)

// data returns the part that needs a file of the shared directory.
func data(file string) Part {
	dir := path.Dir(file)
	name, known := map[string]string{
		"data/twilio": "against Twilio's OpenAPI spec", "data/uzerp": "with uzERP's own database", "data/phpdotenv": "against phpdotenv's answers",
	}[dir]
	if !known {
		name = "with " + dir
	}
	return Part{what: name, lacking: "../shared/" + dir + " is not there"}
}

// LeaveOut skips a test because the machine lacks what the part needs. With CI=true it fails the test instead, unless
// the part is about the kind of machine.
func LeaveOut(tb testing.TB, p Part, err error) {
	tb.Helper()
	if InCI() && !p.machine {
		tb.Fatal(err)
	}
	note(tb, "skipped", p)
	tb.Skip(err)
}

// LeaveOutData is LeaveOut for a test that lacks a file of the shared directory.
func LeaveOutData(tb testing.TB, file string, err error) {
	tb.Helper()
	LeaveOut(tb, data(file), err)
}

// RunWithout counts a test that lacks something and runs without one of its checks. With CI=true it fails the test.
func RunWithout(tb testing.TB, p Part, err error) {
	tb.Helper()
	if InCI() {
		tb.Fatal(err)
	}
	note(tb, "unchecked", p)
}

// note adds a line to the file of LeftOutFile. It makes one write with O_APPEND, because the tests of other packages
// write to the file, too.
func note(tb testing.TB, how string, p Part) {
	tb.Helper()
	name := os.Getenv(LeftOutFile)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	test := filepath.Base(os.Args[0]) + " " + tb.Name()
	_, err = fmt.Fprintf(f, "%s\t%s\t%s\t%s\n", how, p.what, p.lacking, strings.ReplaceAll(test, "\n", " "))
	if err = cmp.Or(err, f.Close()); err != nil {
		tb.Fatal(err)
	}
}

// Path returns the path of a file in the shared directory, which has data of other projects that is not ours to
// publish. The directory is beside the project, or where UZERP_MFA_SHARED says. The error is an fs.ErrNotExist if there
// is no such file.
func Path(file string) (string, error) {
	if shared := os.Getenv("UZERP_MFA_SHARED"); shared != "" {
		path := filepath.Join(shared, file)
		_, err := os.Stat(path)
		return path, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		path := filepath.Join(dir, "shared", file)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("shared/%s is not beside the project, and UZERP_MFA_SHARED does not name the directory: %w", file, fs.ErrNotExist)
}

// Read returns the content of a file in the shared directory. If it is missing, it leaves the test out.
func Read(tb testing.TB, file string) []byte {
	tb.Helper()
	path, err := Path(file)
	if err != nil {
		LeaveOutData(tb, file, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// InCI reports whether the tests run in CI, where nothing may be left out.
func InCI() bool { return os.Getenv("CI") == "true" }
