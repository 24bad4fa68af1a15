package libpq_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"uzerp-mfa/internal/libpq"
)

// Files in a home that is closed to us are those of another user, as after sudo -E: they stop nothing.
func TestHomeOfAnotherUser(t *testing.T) {
	home := bare(t)
	write(t, filepath.Join(home, "closed", ".postgresql", "root.crt"), "nothing", 0o600)
	write(t, filepath.Join(home, "closed", ".postgresql", "postgresql.crt"), "nothing", 0o600)
	t.Setenv("HOME", filepath.Join(home, "closed"))
	asStranger(t, filepath.Join(home, "closed"), func() {
		s, err := libpq.Read("host=h", "DATABASE_URL", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err = s.TLS(s.Hosts[0], nil); err != nil {
			t.Error(err)
		}
		if s, err = libpq.Read("host=h sslmode=verify-full", "DATABASE_URL", nil); err == nil {
			_, err = s.TLS(s.Hosts[0], nil)
		}
		if err == nil || !strings.Contains(err.Error(), "root.crt is not there") {
			t.Error(err)
		}
	})
}

// asStranger calls f with a thread of its own, which may not look into dir.
func asStranger(t *testing.T, dir string, f func()) {
	t.Helper()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with this function
		const nobody = 65534
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(nobody); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
}
