package file

import (
	"os"
	"path/filepath"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
)

func TestStat(t *testing.T) {
	root := treetest.Write(t, map[string]string{"a": "x", "l": "-> a"})
	facts, err := Stat(filepath.Join(root, "l"))
	if err != nil || !facts.Exists || !facts.Symlink || facts.Mode != 0o640 || facts.UID != os.Getuid() || facts.ACL {
		t.Errorf("%+v, %v", facts, err)
	}
	if err := os.Chmod(filepath.Join(root, "a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if facts, _ := Stat(filepath.Join(root, "a")); facts.Mode != 0o644 || facts.Symlink {
		t.Errorf("%+v", facts)
	}
	if facts, err := Stat(filepath.Join(root, "none")); err != nil || facts.Exists {
		t.Errorf("%+v, %v", facts, err)
	}
}
