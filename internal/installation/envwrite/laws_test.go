package envwrite

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uzerp-mfa/internal/installation/treetest"
)

// The new file holds passwords. Nobody else can read it until it has the owner and mode of the file that it replaces.
func TestReplaceShowsNobodyWhatItWrites(t *testing.T) {
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	looked := 0
	var finished []string // the files that have their mode already
	_, err := testReplacer(func(step string) error {
		for _, name := range names(t, dir) {
			if name == ".env" || slices.Contains(finished, name) {
				continue
			}
			switch step {
			case "write", "chown", "acl", "chmod", "sync", "read back", "name backup":
				looked++
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != 0o600 {
					t.Errorf("before %s %s is %v, %v", step, name, info.Mode(), err)
				}
			case "label":
				finished = append(finished, name)
			}
		}
		return nil
	}).replace(t.Context(), path, to("new"))
	if err != nil || looked != 4+4 { // the new file until it has its mode, and the backup
		t.Errorf("looked %d times, %v", looked, err)
	}
}

// A new file that does not read back as it was written never replaces the old one.
func TestReplaceReadsBack(t *testing.T) {
	for nth := 1; nth <= 2; nth++ { // the new file, the backup
		dir := treetest.Write(t, map[string]string{".env": "old"})
		path := filepath.Join(dir, ".env")
		seen := 0
		_, err := testReplacer(func(step string) error {
			if step != "read back" {
				return nil
			}
			if seen++; seen != nth {
				return nil
			}
			for _, name := range names(t, dir) {
				if name != ".env" {
					if err := os.WriteFile(filepath.Join(dir, name), []byte("ne"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			return nil
		}).replace(t.Context(), path, to("new"))
		if !errors.Is(err, ErrReadBack) || content(t, path) != "old" || len(names(t, dir)) != 1 {
			t.Errorf("%d: %v; .env is %q beside %q", nth, err, content(t, path), names(t, dir))
		}
	}
}
