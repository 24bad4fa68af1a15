package safepath

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A process whose primary group is shared, such as users, does not believe the other members of that group.
func TestOurselves(t *testing.T) {
	needsRoot(t)
	top := t.TempDir()
	must(t, os.Chmod(top, 0o755))
	mkdir(t, filepath.Join(top, "groups"), 0, 0o775)
	must(t, os.Chown(filepath.Join(top, "groups"), 0, stranger))
	must(t, syscall.Setegid(stranger))
	defer func() { must(t, syscall.Setegid(0)) }()
	if trust := Ourselves(); !slices.Equal(trust.UIDs, []int{0}) || len(trust.GIDs) > 0 {
		t.Errorf("%+v", trust)
	}
	if _, err := OpenDir(filepath.Join(top, "groups"), Ourselves()); !IsUntrusted(err) || !strings.Contains(err.Error(), "the members of group 65534") {
		t.Error(err)
	}
	d, err := MakeTemp(filepath.Join(top, "groups"), "uzerp-mfa-safepath-")
	must(t, err)
	defer func() { must(t, os.Remove(d.Path("."))) }()
	_ = d.Close()
	if filepath.Dir(d.Path(".")) != "/tmp" {
		t.Error(d.Path("."))
	}
}

// A group is private if it has the user's name.
func TestIsPrivateGroup(t *testing.T) {
	for _, test := range []struct {
		uid, gid int
		want     bool
	}{{0, 0, true}, {0, 1, false}, {0, stranger, false}, {1234567, 0, false}, {1234567, 1234567, false}} {
		if got := isPrivateGroup(test.uid, test.gid); got != test.want {
			t.Errorf("user %d, group %d: %v", test.uid, test.gid, got)
		}
	}
}
