// Package docs holds the pages of this directory, so that the program can show them where they are not installed.
//
// Its law: every page is a topic, under the name of its file. docs/cli is not here, for it says what the commands' own help
// says. Nothing is read before it is asked for.
package docs

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed *.md runbooks/*.md
//go:embed facts
var pages embed.FS

// A Topic is what one page is about.
type Topic struct {
	Name string // "doctor", "runbook lost-phone", "facts uzerp"
	File string // "doctor.md", "runbooks/lost-phone.md"
}

// folders are the first words of the topics in each directory. Its README.md is the topic of this word alone.
var folders = map[string]string{".": "", "runbooks": "runbook", "facts": "facts"}

// Topics returns every topic, in the order of their names.
func Topics() (all []Topic) {
	for dir, word := range folders {
		entries, err := pages.ReadDir(dir)
		if err != nil {
			continue // it is embedded
		}
		for _, e := range entries {
			name, isPage := strings.CutSuffix(e.Name(), ".md")
			switch {
			case !isPage:
				continue
			case name == "README":
				name = ""
			}
			all = append(all, Topic{Name: strings.TrimSpace(word + " " + name), File: path.Join(dir, e.Name())})
		}
	}
	slices.SortFunc(all, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the topic of a name.
func Find(name string) (Topic, bool) { return find(func(t Topic) bool { return t.Name == name }) }

// OfFile returns the topic whose page is a file, as a path below docs/.
func OfFile(file string) (Topic, bool) {
	return find(func(t Topic) bool { return t.File == path.Clean(file) })
}

func find(is func(Topic) bool) (Topic, bool) {
	all := Topics()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Topic{}, false
}

// Text returns the page.
func (t Topic) Text() string {
	text, err := pages.ReadFile(t.File)
	if err != nil {
		return "" // it is embedded
	}
	return string(text)
}

// Title returns the heading of the page.
func (t Topic) Title() string {
	first, _, _ := strings.Cut(t.Text(), "\n")
	return strings.ReplaceAll(strings.TrimPrefix(first, "# "), "`", "")
}
