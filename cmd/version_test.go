package cmd

import (
	"encoding/json"
	"testing"

	"uzerp-mfa/internal/release"
)

// What is not certain about the program is null in JSON.
func TestVersionInJSON(t *testing.T) {
	for _, test := range []struct {
		build release.Build
		want  string
	}{
		{release.Build{Version: "1.2.3", Commit: "abc", Date: "2026-01-02T03:04:05Z", Go: "go1.26"},
			`{"version":"1.2.3","commit":"abc","date":"2026-01-02T03:04:05Z","go":"go1.26"}`},
		{release.Build{Version: "1.2.3", Commit: release.Unknown, Date: release.Unknown, Go: release.Unknown},
			`{"version":"1.2.3","commit":null,"date":null,"go":null}`},
	} {
		if got, err := json.Marshal(viewBuild(test.build)); err != nil || string(got) != test.want {
			t.Errorf("%+v: %s, %v", test.build, got, err)
		}
	}
}
