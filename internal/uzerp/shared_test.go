package uzerp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// sharedCases decodes a JSON-lines file of shared/data.
func sharedCases[T any](t testing.TB, name string) []T {
	t.Helper()
	var cases []T
	lines := bufio.NewScanner(bytes.NewReader(sharedtest.Read(t, "data/"+name)))
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
