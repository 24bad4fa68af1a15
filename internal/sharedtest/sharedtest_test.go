package sharedtest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestPath(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "shared", "data", "x")
	deep := filepath.Join(root, "project", "internal", "deep")
	for _, dir := range []string{filepath.Dir(file), deep} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(deep)
	t.Setenv("UZERP_MFA_SHARED", "")
	if _, err := sharedtest.Path("data/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := sharedtest.Path("data/x"); path != file || err != nil {
		t.Errorf("beside a parent: %s, %v", path, err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("UZERP_MFA_SHARED", filepath.Join(root, "shared"))
	if path, err := sharedtest.Path("data/x"); path != file || err != nil {
		t.Errorf("named: %s, %v", path, err)
	}
}
