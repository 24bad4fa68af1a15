package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uzerp-mfa/internal/safepath"
)

// The file that a package installs changes nothing, and is accepted with the mode that it has there. It names every setting,
// each with a value that may stand there, and with the default where there is one.
func TestPackagedPolicy(t *testing.T) {
	text, err := os.ReadFile("../../packaging/policy.env")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "policy.env")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := load(path, safepath.Ourselves())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Settings(), Default(path).Settings(); !slices.Equal(got, want) {
		t.Errorf("%v, without a policy %v", got, want)
	}

	examples := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "#") && !strings.Contains(name, " ") {
			examples[name[1:]] = value
		}
	}
	for _, s := range settings {
		value, named := examples[s.name]
		delete(examples, s.name)
		switch {
		case !named:
			t.Errorf("%s is not named", s.name)
		case s.standard != "" && value != s.standard:
			t.Errorf("%s: %q, the default is %q", s.name, value, s.standard)
		case s.check(value) != nil:
			t.Errorf("%s: %v", s.name, s.check(value))
		}
	}
	for name := range examples {
		t.Errorf("there is no setting %s", name)
	}
}
