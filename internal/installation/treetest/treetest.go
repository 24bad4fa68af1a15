// Package treetest writes directory trees for the tests of installation and of the packages below it.
package treetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Write writes files below a new directory and returns its path. The content "-> x" makes a symbolic link to x.
func Write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
