package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

func TestRead(t *testing.T) {
	const archive = "5671976aaaabbbbccccddddeeeeffff000011112 1795779253\n"
	for _, tt := range []struct {
		name, version, commit, date, archive string
		want                                 Build
	}{
		{"checkout without make", "", "", "", "$Format:%H %ct$\n", Build{Commit: Unknown, Date: Unknown}},
		{"archive", "", "", "", archive, Build{Commit: "5671976aaaabbbbccccddddeeeeffff000011112", Date: "2026-11-27T11:34:13Z"}},
		{"make", "", "c0ffee", "2026-01-02T03:04:05Z", "$Format:%H %ct$\n", Build{Commit: "c0ffee", Date: "2026-01-02T03:04:05Z"}},
		{"make in an archive", "9.9", "c0ffee", "2026-01-02T03:04:05Z", archive, Build{Version: "9.9", Commit: "c0ffee", Date: "2026-01-02T03:04:05Z"}},
		{"archive that is damaged", "", "", "", "\n", Build{Commit: Unknown, Date: Unknown}},
	} {
		if tt.want.Version == "" {
			tt.want.Version = strings.TrimSpace(sourceVersion)
		}
		tt.want.Go = Unknown
		if got := read(tt.version, tt.commit, tt.date, tt.archive); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// The version is one that all kinds of packages can sort.
func TestVersion(t *testing.T) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[a-z]+\.\d+)?\n$`).MatchString(sourceVersion) {
		t.Errorf("%q", sourceVersion)
	}
}

// run runs a command in dir, without settings of the machine's git.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(without(os.Environ(), "GIT_DIR=", "GIT_WORK_TREE=", "VERSION=", "SOURCE_DATE_EPOCH="),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1700000000 +0000")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func without(env []string, names ...string) []string {
	var kept []string
next:
	for _, e := range env {
		for _, name := range names {
			if strings.HasPrefix(e, name) {
				continue next
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// tree makes a folder with what ldflags.sh looks at. first is the commit that it takes for this project's first one.
func tree(t *testing.T, dir, first string) {
	t.Helper()
	script, err := os.ReadFile("../../scripts/ldflags.sh")
	if err != nil {
		t.Fatal(err)
	}
	text := string(script)
	if first != "" {
		text = regexp.MustCompile(`(?m)^first=\w+`).ReplaceAllString(text, "first="+first)
	}
	for name, text := range map[string]string{
		"scripts/ldflags.sh": text, "internal/release/VERSION": "1.2.3\n", "internal/release/ARCHIVE": sourceArchive,
		".gitattributes": "internal/release/ARCHIVE export-subst\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

const prefix = "-X uzerp-mfa/internal/release."

// Only a repository of this project's own says which commit it is.
func TestLinkerFlags(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		sharedtest.LeaveOut(t, sharedtest.Git, err)
	}
	flags := func(dir string) string { return run(t, dir, "sh", "scripts/ldflags.sh") }
	none := prefix + "version=1.2.3"

	tarball := t.TempDir()
	tree(t, tarball, "")
	if got := flags(tarball); got != none {
		t.Errorf("a folder without a repository: %q", got)
	}

	// A packager's repository has it in a folder, or as its own first commit.
	around := t.TempDir()
	tree(t, filepath.Join(around, "src"), "")
	run(t, around, "git", "init", "-q")
	run(t, around, "git", "add", ".")
	run(t, around, "git", "commit", "-qm", "package")
	if got := flags(filepath.Join(around, "src")); got != none {
		t.Errorf("a repository around it: %q", got)
	}
	imported := t.TempDir()
	tree(t, imported, "")
	run(t, imported, "git", "init", "-q")
	run(t, imported, "git", "add", ".")
	run(t, imported, "git", "commit", "-qm", "import")
	if got := flags(imported); got != none {
		t.Errorf("a repository that it was imported to: %q", got)
	}

	// Our own.
	own := t.TempDir()
	run(t, own, "git", "init", "-q")
	run(t, own, "git", "commit", "-qm", "first", "--allow-empty")
	tree(t, own, run(t, own, "git", "rev-parse", "HEAD"))
	run(t, own, "git", "add", ".")
	run(t, own, "git", "commit", "-qm", "second")
	head := run(t, own, "git", "rev-parse", "HEAD")
	const date = "2023-11-14T22:13:20Z"
	want := none + " " + prefix + "commit=" + head + " " + prefix + "date=" + date
	if got := flags(own); got != want {
		t.Errorf("our repository: %q, want %q", got, want)
	}
	// From an archive of it, also one that a packager has imported.
	archive := t.TempDir()
	run(t, own, "sh", "-c", "git archive HEAD | tar -x -C "+archive)
	if got := flags(archive); got != want {
		t.Errorf("an archive of it: %q, want %q", got, want)
	}
	run(t, archive, "git", "init", "-q")
	run(t, archive, "git", "add", ".")
	run(t, archive, "git", "commit", "-qm", "import")
	if got := flags(archive); got != want {
		t.Errorf("an archive that was imported: %q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(own, "new.go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := flags(own); got != strings.Replace(want, head, head+"-modified", 1) {
		t.Errorf("with changes: %q", got)
	}
	if got := run(t, own, "env", "SOURCE_DATE_EPOCH=0", "VERSION=2.0", "sh", "scripts/ldflags.sh"); !strings.HasPrefix(got, prefix+"version=2.0 ") ||
		!strings.HasSuffix(got, "date=1970-01-01T00:00:00Z") {
		t.Errorf("with a date and a version: %q", got)
	}
	if got := run(t, own, "env", "SOURCE_DATE_EPOCH=12", "sh", "scripts/ldflags.sh", "epoch"); got != "12" {
		t.Errorf("the date alone: %q", got)
	}
	if got := run(t, own, "sh", "scripts/ldflags.sh", "epoch"); got != "1700000000" {
		t.Errorf("the date alone: %q", got)
	}
}
