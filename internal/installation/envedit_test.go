package installation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/installation/treetest"
)

func envFile(t *testing.T, content string) EnvFile {
	t.Helper()
	env, err := ReadEnvFile(filepath.Join(treetest.Write(t, map[string]string{".env": content}), ".env"))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestEnvEdit(t *testing.T) {
	env := envFile(t, "A=1 # one\nB=2\n")
	edit, err := env.Plan(SettingChange{Setting: "A", After: "3"}, SettingChange{Setting: "C", After: "x y"})
	if err != nil || edit.After.Settings["A"].Value.Reveal() != "3" || edit.After.Settings["C"].Line != 3 {
		t.Fatalf("%+v, %v", edit, err)
	}
	if err := edit.Rehearse(t.Context()); err != nil || read(t, env.Path) != "A=1 # one\nB=2\n" {
		t.Fatalf("rehearsed: %v, %q", err, read(t, env.Path))
	}
	recorded := 0
	backup, err := edit.Apply(t.Context(), func(_ context.Context, path string, changes []SettingChange, change func() error) error {
		if recorded++; path != env.Path || len(changes) != 2 || read(t, path) != "A=1 # one\nB=2\n" {
			t.Errorf("recorded %s, %+v, with %q in the file", path, changes, read(t, path))
		}
		return change()
	})
	if err != nil || recorded != 1 || read(t, env.Path) != "A=3 # one\nB=2\nC=\"x y\"\n" || read(t, backup) != "A=1 # one\nB=2\n" {
		t.Errorf("applied: %v, recorded %d times, %q", err, recorded, read(t, env.Path))
	}
	// The file is no longer what was planned for.
	if backup, err := edit.Apply(t.Context(), nil); errs.KindOf(err) != errs.Refused || backup != "" {
		t.Errorf("applied twice: %q, %v", backup, err)
	}
	if err := edit.Rehearse(t.Context()); errs.KindOf(err) != errs.Refused {
		t.Errorf("rehearsed for another file: %v", err)
	}
	broken := errors.New("broken")
	env, _ = ReadEnvFile(env.Path)
	again, err := env.Plan(SettingChange{Setting: "A", After: "4"})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(context.Context, string, []SettingChange, func() error) error { return broken }
	if _, err := again.Apply(t.Context(), refuse); !errors.Is(err, broken) || !strings.HasPrefix(read(t, env.Path), "A=3") {
		t.Errorf("written without a record: %v", err)
	}
}

// After Ctrl-C while another process holds the lock, the error says so and nothing is changed.
func TestEnvEditInterrupted(t *testing.T) {
	env := envFile(t, "A=1\n")
	edit, err := env.Plan(SettingChange{Setting: "A", After: "2"})
	if err != nil {
		t.Fatal(err)
	}
	holder, err := os.Open(filepath.Dir(env.Path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	if taken, err := filelock.Try(holder); !taken || err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := edit.Apply(ctx, nil); !errors.Is(err, context.Canceled) || read(t, env.Path) != "A=1\n" {
		t.Errorf("%v", err)
	}
}

func TestPlanRefuses(t *testing.T) {
	change := SettingChange{Setting: "A", After: "2"}
	root := treetest.Write(t, map[string]string{"system.php": "", "conf/x": "", "config/.env": "A=1\n"})
	missing, err := ReadEnvFile(filepath.Join(root, "config/.env"))
	if err != nil || missing.Misplaced == "" || missing.Path != filepath.Join(root, DotenvFile) {
		t.Fatalf("%+v, %v", missing, err)
	}
	inst, err := Open(root, ours())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := inst.ReadEnv()
	if err != nil || theirs.Misplaced != filepath.Join(root, MisplacedFile) || theirs.Found || theirs.Dir.Path == "" {
		t.Fatalf("%+v, %v", theirs, err)
	}
	for name, test := range map[string]struct {
		env  EnvFile
		kind errs.Kind
	}{
		"config/.env": {missing, errs.Config}, "config/.env of the installation": {theirs, errs.Config},
		"no file": {EnvFile{Path: "conf/.env"}, errs.Config}, "a bad line": {envFile(t, "A=s3cret s3cret\n"), errs.Config},
		"another setting refers to it": {envFile(t, "A=1\nB=${A}\n"), errs.Refused},
	} {
		_, err := test.env.Plan(change)
		if err == nil || errs.KindOf(err) != test.kind || errs.HintOf(err).Empty() || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, hint %q", name, err, errs.HintOf(err))
		}
	}
	if _, err := ReadEnvFile(filepath.Join(root, "nothing")); errs.KindOf(err) != errs.Config {
		t.Errorf("missing: %v", err)
	}
	if _, err := ReadEnvFile(root); errs.KindOf(err) != errs.Config {
		t.Errorf("a directory: %v", err)
	}
}
