package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

func TestMakeRoot(t *testing.T) {
	root, err := makeRoot(t.TempDir(), rootFiles{env: envFile, emulator: "http://127.0.0.1:1\n"})
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "conf": 0o755, "system.php": 0o644, "conf/.env": 0o640, installation.EmulatorFile: 0o644} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "conf/.env")); err != nil || string(text) != envFile {
		t.Errorf("%q, %v", text, err)
	}
}

// A shell that takes the settings must forget what would lead it elsewhere, and nothing else.
func TestUnset(t *testing.T) {
	got := shadowing([]string{"PGHOST=a", "HOME=/root", "PG-X=1", "TWILIO_AUTH_TOKEN=x", "DATABASE_URL=postgres:///real",
		"UZERP_ROOT=/srv", "P=1", "PG A=1", "PGDATA="})
	if want := []string{"PGDATA", "PGHOST", "TWILIO_AUTH_TOKEN"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nothing is made where another user could exchange it for a link.
func TestMakeRootAmongStrangers(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	top := t.TempDir()
	if err := errors.Join(os.Chmod(top, 0o755), os.Chown(top, 33, 33)); err != nil {
		t.Fatal(err)
	}
	root, err := makeRoot(top, rootFiles{})
	if err != nil || filepath.Dir(root) != "/tmp" {
		t.Errorf("%q, %v", root, err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Error(err)
	}
}

// A name that is taken is not written to, and a link is not followed.
func TestWriteFile(t *testing.T) {
	top := t.TempDir()
	victim := filepath.Join(top, "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("kept"), 0o600), os.Symlink(victim, filepath.Join(top, "system.php"))); err != nil {
		t.Fatal(err)
	}
	dir := openTest(t, top)
	for _, name := range []string{"system.php", "victim"} {
		if err := writeFile(dir, name, "x", 0o644, -1); !errors.Is(err, os.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "kept" {
		t.Errorf("%q, %v", text, err)
	}
}

func openTest(t *testing.T, path string) *safepath.Dir {
	t.Helper()
	dir, err := safepath.OpenDir(path, safepath.Ourselves())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

// The members of this process's primary group are strangers too, if that is not a private one.
func TestMakeRootInASharedGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can take another group"))
	}
	const shared = 65534 // nogroup
	top := t.TempDir()
	if err := errors.Join(os.Chown(top, 0, shared), os.Chmod(top, 0o775), syscall.Setegid(shared)); err != nil {
		t.Fatal(err)
	}
	root, err := makeRoot(top, rootFiles{})
	if err := syscall.Setegid(0); err != nil {
		t.Fatal(err)
	}
	if err != nil || filepath.Dir(root) != "/tmp" {
		t.Errorf("%q, %v", root, err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Error(err)
	}
}
