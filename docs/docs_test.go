package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) { os.Exit(sharedtest.Tests{M: m}.Run()) }

// Every page of this directory is a topic, but for docs/cli, and has a heading and a name of its own.
func TestEveryPageIsATopic(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z-]*( [a-z][a-z-]*)?$`)
	names := map[string]bool{}
	n := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".md" || strings.HasPrefix(name, "cli"+string(filepath.Separator)) {
			return err
		}
		n++
		topic, ok := OfFile(filepath.ToSlash(name))
		page, err := os.ReadFile(name)
		switch {
		case err != nil:
			return err
		case !ok:
			t.Errorf("%s is no topic: docs.go names the directories", name)
		case topic.Text() != string(page) || topic.Title() == "" || !strings.HasPrefix(topic.Text(), "# "):
			t.Errorf("%s has no heading, or another text", name)
		case names[topic.Name] || !form.MatchString(topic.Name):
			t.Errorf("%s has the name %q", name, topic.Name)
		}
		if again, ok := Find(topic.Name); !ok || again != topic {
			t.Errorf("%q is not found", topic.Name)
		}
		names[topic.Name] = true
		return nil
	})
	if err != nil || n != len(Topics()) || n < 40 {
		t.Errorf("%d pages, %d topics, %v", n, len(Topics()), err)
	}
	for _, none := range []string{"", "runbook none", "cli", "README"} {
		if topic, ok := Find(none); ok {
			t.Errorf("%q is %s", none, topic.File)
		}
	}
}
