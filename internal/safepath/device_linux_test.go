package safepath

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What is no regular file is not even opened, and neither is what a link leads to: opening a device can do something.
func TestNothingElseIsOpened(t *testing.T) {
	top := t.TempDir()
	file, pipe := filepath.Join(top, "f"), filepath.Join(top, "pipe")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	must(t, syscall.Mkfifo(pipe, 0o600)) // stands for a device, which only root can make
	for name, to := range map[string]string{"to-pipe": pipe, "to-file": file} {
		must(t, os.Symlink(to, filepath.Join(top, name)))
	}
	opened := watch(t, file, pipe)
	for _, test := range []struct {
		name string
		want error
	}{{"f", nil}, {"to-file", nil}, {"pipe", ErrNotRegular}, {"to-pipe", ErrNotRegular}} {
		if _, err := ReadFile(filepath.Join(top, test.name), Trust{Anyone: true}, 1); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := opened(); got != (test.want == nil) {
			t.Errorf("%s: opened: %v", test.name, got)
		}
	}
}

// watch returns a function that reports whether one of the files was opened since it was called last.
func watch(t *testing.T, files ...string) func() bool {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	for _, name := range files {
		_, err := unix.InotifyAddWatch(fd, name, unix.IN_OPEN)
		must(t, err)
	}
	return func() bool {
		n, err := unix.Read(fd, make([]byte, 4096))
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		return n > 0
	}
}
