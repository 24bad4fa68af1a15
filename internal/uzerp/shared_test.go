package uzerp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// sharedFile gives the content of a file of shared/data, which lies beside the project. Without it the test is
// skipped, in CI it fails.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	roots := []string{os.Getenv("UZERP_MFA_SHARED")}
	if roots[0] == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		roots = nil
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			roots = append(roots, filepath.Join(dir, "shared"))
		}
	}
	for _, root := range roots {
		if data, err := os.ReadFile(filepath.Join(root, "data", name)); err == nil {
			return data
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("shared/data/%s is missing; set UZERP_MFA_SHARED to the directory shared", name)
	}
	t.Skipf("shared/data/%s is not here; set UZERP_MFA_SHARED to the directory shared", name)
	return nil
}

// sharedCases decodes a JSON-lines file of shared/data.
func sharedCases[T any](t testing.TB, name string) []T {
	t.Helper()
	var cases []T
	lines := bufio.NewScanner(bytes.NewReader(sharedFile(t, name)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}
