//go:build unix && !darwin

package account

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asks returns a getent that is a shell script.
func asks(t *testing.T, script string) *getent {
	t.Helper()
	path := filepath.Join(t.TempDir(), "getent")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return &getent{path: path, owner: uint32(os.Geteuid()), limit: time.Hour} //nolint:gosec // a number of the kernel's
}

// Exactly one line is an answer. Everything else but "there is none" leaves the question open.
func TestGetentAnswers(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("SECRET", "x")
	for name, test := range map[string]struct {
		script string
		want   string
		none   bool
	}{
		"one line":         {`echo "hilda:*:12345:600:Hilda:/home/hilda:/bin/sh"`, "hilda", false},
		"its arguments":    {`[ "$*" = "passwd 12345" ] && echo "hilda:*:12345:600:::"`, "hilda", false},
		"its environment":  {`echo "$(env | grep -c -e SECRET -e HOME -e LD_PRELOAD)h$LC_ALL:*:12345:600:::"`, "0hC", false},
		"its directory":    {`echo "h$PWD:*:12345:600:::"`, "h/", false},
		"two lines":        {`echo "hilda:*:12345:600:::"; echo "adam:*:12345:600:::"`, "", false},
		"no end of line":   {`printf "hilda:*:12345:600:::"`, "", false},
		"nothing":          {``, "", false},
		"not there":        {`exit 2`, "", true},
		"a line, then 2":   {`echo "hilda:*:12345:600:::"; exit 2`, "", false},
		"another failure":  {`exit 1`, "", false},
		"killed":           {`kill -9 $$`, "", false},
		"more than enough": {`head -c 5000000 /dev/zero | tr '\0' x; echo`, "", false},
	} {
		u, err := asks(t, test.script).user("12345")
		if u.Name != test.want || (err == nil) != (test.want != "") || errors.Is(err, ErrUnknown) != test.none {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
	for script, want := range map[string]string{`echo "staff:*:600:a,b"`: "staff", `echo "staff:*:600"`: "", `exit 2`: ""} {
		if g, err := asks(t, script).group("600"); g.Name != want || (err == nil) != (want != "") {
			t.Errorf("%s: %v, %v", script, g, err)
		}
	}
	for script, want := range map[string][]int{
		`echo "hilda                 600 700"`: {600, 700}, `echo "hilda                 "`: nil, `echo "hildax 600"`: nil, `echo "hilda 600 x"`: nil, `exit 1`: nil,
	} {
		if got, err := asks(t, script).groups("hilda"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", script, got, err)
		}
	}
}

// A getent that does not answer is ended, with all that it has started, and not asked again.
func TestSlowGetent(t *testing.T) {
	dir := t.TempDir()
	g := asks(t, `sleep 100000 & echo $! >`+dir+`/child; echo x >>`+dir+`/calls; wait`)
	calls := func() string { b, _ := os.ReadFile(filepath.Join(dir, "calls")); return string(b) }
	for g.limit = 100 * time.Millisecond; calls() == ""; g.limit *= 2 { // a busy machine needs longer to start it
		g.slow = false
		if _, err := g.user("12345"); err == nil || errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
	}
	before := calls()
	if _, err := g.user("12345"); err == nil || !g.slow {
		t.Error(err)
	}
	if after := calls(); after != before {
		t.Errorf("asked again: %q, before %q", after, before)
	}
	child, _ := os.ReadFile(filepath.Join(dir, "child"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(child)))
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); syscall.Kill(pid, 0) == nil && !isZombie(pid); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("what it started still runs")
		}
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// No program is started that another user may have put there, and none is looked for elsewhere.
func TestWhichGetent(t *testing.T) {
	g := asks(t, `echo "hilda:*:12345:600:::"`)
	t.Setenv("PATH", filepath.Dir(g.path))
	if _, err := g.user("12345"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(g.path, 0o775); err != nil { //nolint:gosec // what is tested
		t.Fatal(err)
	}
	if u, err := g.user("12345"); err == nil {
		t.Error(u)
	}
	if err := os.Remove(g.path); err != nil {
		t.Fatal(err)
	}
	if u, err := g.user("12345"); err == nil || errors.Is(err, ErrUnknown) {
		t.Error(u, err)
	}
	if real := newDirectory().(*getent); real.path != "/usr/bin/getent" || real.owner != 0 || real.limit != patience {
		t.Errorf("%+v", real)
	}
}
