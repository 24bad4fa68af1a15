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

// judged is a test that records how it ended.
type judged struct {
	testing.TB
	ended string
}

func (j *judged) Fatal(...any) { j.ended = "failed"; panic(j) }
func (j *judged) Skip(...any)  { j.ended = "skipped"; panic(j) }
func (j *judged) Name() string { return "TestX/a" }
func (j *judged) Helper()      {}

// Outside of CI a test that lacks something is skipped or runs without a check, and is counted. In CI it fails.
func TestLeaveOut(t *testing.T) {
	missing := errors.New("missing")
	leaveOut := func(p sharedtest.Part) func(tb testing.TB) {
		return func(tb testing.TB) { sharedtest.LeaveOut(tb, p, missing) }
	}
	spec := "against Twilio's OpenAPI spec\t../shared/data/twilio is not there\t"
	for name, tt := range map[string]struct {
		ci, want, line string
		do             func(tb testing.TB)
	}{
		"no spec":                    {"", "skipped", "skipped\t" + spec, leaveOut(sharedtest.Spec)},
		"no spec, in CI":             {"true", "failed", "", leaveOut(sharedtest.Spec)},
		"no root":                    {"", "skipped", "skipped\tas another user\tonly root can run a program as another user\t", leaveOut(sharedtest.Root)},
		"no root, in CI":             {"true", "skipped", "skipped\tas another user\tonly root can run a program as another user\t", leaveOut(sharedtest.Root)},
		"run without the spec":       {"", "", "unchecked\t" + spec, func(tb testing.TB) { sharedtest.RunWithout(tb, sharedtest.Spec, missing) }},
		"run without the spec in CI": {"true", "failed", "", func(tb testing.TB) { sharedtest.RunWithout(tb, sharedtest.Spec, missing) }},
		"other data": {"", "skipped", "skipped\twith data/none\t../shared/data/none is not there\t", func(tb testing.TB) {
			sharedtest.Read(tb, "data/none/file")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "left-out")
			t.Setenv("CI", tt.ci)
			t.Setenv(sharedtest.LeftOutFile, file)
			j := &judged{TB: t}
			func() {
				defer func() { _ = recover() }()
				tt.do(j)
			}()
			line, _ := os.ReadFile(file)
			want := tt.line
			if want != "" {
				want += "sharedtest.test TestX/a\n"
			}
			if j.ended != tt.want || string(line) != want {
				t.Errorf("%q, noted %q, want %q", j.ended, line, want)
			}
		})
	}
}
