package operator

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

func TestDo(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can take another user's rights"))
	}
	const nobody, group = 65534, 4321
	c := &Caller{UID: nobody, GID: nobody, Groups: []int{nobody, group}}
	t.Chdir(t.TempDir()) // its parents are root's alone, so all paths are relative
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(".", 0o755))
	must(os.WriteFile("roots", []byte("x"), 0o600))
	must(os.WriteFile("groups", []byte("x"), 0o640))
	must(os.Chown("groups", 0, group))
	must(os.Mkdir("theirs", 0o700))
	must(os.Chown("theirs", nobody, nobody))
	write := func(name string) func() error {
		return func() error { return os.WriteFile(name, nil, 0o600) }
	}
	read := func(name string) func() error {
		return func() error { _, err := os.ReadFile(name); return err }
	}
	for name, test := range map[string]struct {
		do      func() error
		refused bool
	}{
		"root's file":         {read("roots"), true},
		"root's directory":    {write("new"), true},
		"a file of the group": {read("groups"), false},
		"their own directory": {write("theirs/new"), false},
	} {
		if err := c.Do(test.do); test.refused != errors.Is(err, fs.ErrPermission) || !test.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	info, err := os.Stat("theirs/new")
	must(err)
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != nobody {
		t.Errorf("the new file belongs to user %d", owner)
	}
	for range 100 { // the rights are gone with their thread
		done := make(chan error)
		go func() { done <- read("roots")() }()
		must(<-done)
	}
}
