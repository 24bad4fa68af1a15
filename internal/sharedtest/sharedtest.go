// Package sharedtest finds the test data that is not in this repository: real data of other projects, which are not ours to
// publish. They lie in a directory "shared" beside the project, or where UZERP_MFA_SHARED says. Where they are missing a
// test is skipped, and with CI=true it fails: a check that was not made must not look like one that passed.
package sharedtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Path gives the path of a file of the shared directory. The error is an fs.ErrNotExist if there is none.
func Path(file string) (string, error) {
	if shared := os.Getenv("UZERP_MFA_SHARED"); shared != "" {
		path := filepath.Join(shared, file)
		_, err := os.Stat(path)
		return path, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		path := filepath.Join(dir, "shared", file)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("shared/%s is not beside the project, and UZERP_MFA_SHARED does not name the directory: %w", file, fs.ErrNotExist)
}

// Read gives the content of a file of the shared directory, or skips or fails the test.
func Read(tb testing.TB, file string) []byte {
	tb.Helper()
	path, err := Path(file)
	if err != nil {
		Missing(tb, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Missing ends a test that lacks something: a failure in CI, a skip elsewhere.
func Missing(tb testing.TB, err error) {
	tb.Helper()
	if InCI() {
		tb.Fatal(err)
	}
	tb.Skip(err)
}

// InCI tells whether nothing may be skipped.
func InCI() bool { return os.Getenv("CI") == "true" }
