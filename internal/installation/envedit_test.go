package installation

import (
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/errs"
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

func TestPlan(t *testing.T) {
	env := envFile(t, "A=1 # one\nB=2\n")
	edit, err := env.Plan(SettingChange{Setting: "A", After: "3"}, SettingChange{Setting: "C", After: "x y"})
	if err != nil || edit.After.Settings["A"].Value.Reveal() != "3" || edit.After.Settings["C"].Line != 3 || edit.Path != env.Path {
		t.Fatalf("%+v, %v", edit, err)
	}
	if content, ok := edit.Content([]byte("A=1 # one\nB=2\n")); !ok || string(content) != "A=3 # one\nB=2\nC=\"x y\"\n" {
		t.Errorf("%q, %v", content, ok)
	}
	if _, ok := edit.Content([]byte("A=1 # one\n")); ok {
		t.Error("the file is another one now")
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
