package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// Every page of docs/ that code, tests, scripts and pages name exists, and so does every section (§) of it. Forms: a path
// that begins with docs/, a link in a page (with the heading that it names), and a § behind a path (or several, "§3 and §6"). A § alone belongs to the
// page it stands in, and elsewhere to the page that the doc.go beside it names first.
func TestCitations(t *testing.T) {
	problems, found := checkCitations(t, os.DirFS("."))
	for _, p := range problems {
		t.Error(p)
	}
	if found.pages < 100 || found.sections < 100 || found.links < 50 {
		t.Errorf("only %+v were found", found)
	}
}

// A check that can't fail holds nothing: each kind of citation is broken here on purpose.
func TestCitationsFailWhenBroken(t *testing.T) {
	const facts = "docs/facts/uzerp.md"
	good := map[string]string{
		facts:               "# X\n\n## 1. One\n\n1. first\n2. second\n\n### 1.2 Deeper\n\n## 2. Two (not §1)\n\n[back](../y.md#y)\n",
		"docs/y.md":         "# Y\n",
		"internal/a/doc.go": "// Package a stands on\n// docs/facts/uzerp.md.\npackage a\n",
	}
	broken := []struct{ file, text, problem string }{
		{"a.go", "// as docs/none.md says", "docs/none.md"},
		{"a.go", "// docs/none/ has it", "docs/none"},
		{"a.go", "// facts|x.md §1", "facts|x.md"},
		{"a.go", "// ../shared|facts|x.md §1", "shared|facts"},
		{"a.md", "see design|cli.md", "design|cli.md"},
		{"a.go", "// docs/facts/uzerp.md §3", "§3"},
		{"a.go", "// docs/facts/uzerp.md §1.3", "§1.3"},
		{"a.go", "// docs/facts/uzerp.md §2.1", "§2.1"},
		{"a.go", "// docs/facts/uzerp.md §1 and §4", "§4"},
		{"a.go", "// docs/facts/uzerp.md\n// §1, §1.2,\n// §9", "§9"},
		{"a.go", "// docs/y.md §1", "§1"},
		{"a.sql", "-- docs/facts/uzerp.md §7", "§7"},
		{"a.sh", "# docs/facts/uzerp.md §7", "§7"},
		{"Makefile", "# docs/facts/uzerp.md §7", "§7"},
		{"a/testdata/script/a.txtar", "# docs/facts/uzerp.md §7", "§7"},
		{"internal/a/a.go", "// a law (§8)", "§8"},
		{"internal/b/b.go", "// a law (§1)", "§1 of no page"},
		{"docs/z.md", "# Z\n\n[x](facts|z.md)", "facts|z.md"},
		{"docs/z.md", "# Z\n\n## 1. One\n\nas §2 says", "§2"},
		{"docs/z.md", "# Z\n\n## 1. One\n\nas docs/facts/uzerp.md §2 says; but here §2 holds", "docs/z.md has no §2"},
		{"README.md", "[x](docs/z.md)", "docs/z.md"},
		{"README.md", "[x](docs/y.md#z)", "docs/y.md has no heading #z"},
		{"README.md", "# A (b)\n\n[x](#a)", "README.md has no heading #a"},
	}
	for _, b := range broken {
		// Written with | for /: a search for such citations in the Go files finds none.
		b.text, b.problem = strings.ReplaceAll(b.text, "|", "/"), strings.ReplaceAll(b.problem, "|", "/")
		tree := fstest.MapFS{b.file: {Data: []byte(b.text)}}
		for file, text := range good {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		problems, _ := checkCitations(t, tree)
		if len(problems) == 0 || !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, b.problem) }) {
			t.Errorf("%s: %q: want a problem with %s, got %q", b.file, b.text, b.problem, problems)
		}
	}
	fine := fstest.MapFS{
		"a.go":            {Data: []byte("// docs/facts/uzerp.md §1.1, §1.2 and\n\t// §2; docs/y.md, docs/facts and RFC 6238 §5.2. Artefacts/x is no page.")},
		"internal/a/a.go": {Data: []byte("// a law (§1.2)")},
	}
	for file, text := range good {
		fine[file] = &fstest.MapFile{Data: []byte(text)}
	}
	if problems, _ := checkCitations(t, fine); len(problems) > 0 {
		t.Error(problems)
	}
}

// citations counts what was checked.
type citations struct{ pages, sections, links int }

var (
	// cited finds, one after the other: a path, a section of an RFC, and a section.
	cited = regexp.MustCompile(`[\w./:-]*\b(?:docs/[\w./-]*|(?:facts|design)/[\w.*{…][\w./-]*)|RFC [0-9]+,? §[0-9.]+|§[0-9]+(?:\.[0-9]+)*`)
	// between stands between a page and its sections, and between these.
	between = regexp.MustCompile(`^(?:[\s/,;*#-]|and|or|to|"[^"\n]*")*$`)
	link    = regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`^#+ ([0-9]+(?:\.[0-9]+)*)\.? `)
	item    = regexp.MustCompile(`^([0-9]+)\. `)
	pageEnd = regexp.MustCompile(`[./]+$`)
)

// checkCitations reads every file that people write.
func checkCitations(t *testing.T, tree fs.FS) (problems []string, found citations) {
	t.Helper()
	sections := map[string]map[string]bool{} // page -> its sections
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".":
			return fs.SkipDir
		case d.IsDir() || !citing(name):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		problems = append(problems, checkFile(tree, name, string(text), sections, &found)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems, found
}

// citing reports whether a file is one that cites. This one has citations that are broken on purpose.
func citing(name string) bool {
	return name != "docs_test.go" && (path.Base(name) == "Makefile" || slices.Contains([]string{".go", ".md", ".sql", ".sh", ".txtar"}, path.Ext(name)))
}

// checkFile returns what is wrong with the citations of one file.
func checkFile(tree fs.FS, name, text string, sections map[string]map[string]bool, found *citations) (problems []string) {
	at := func(offset int) string { return fmt.Sprintf("%s:%d", name, 1+strings.Count(text[:offset], "\n")) }
	page, end := "", -1 // that the last citation was of, and where it ended
	for _, loc := range cited.FindAllStringIndex(text, -1) {
		word := text[loc[0]:loc[1]]
		file := pageEnd.ReplaceAllString(strings.TrimLeft(word, "./"), "")
		switch {
		case strings.HasPrefix(word, "§"):
			if end < 0 || !between.MatchString(text[end:loc[0]]) {
				page = home(tree, name)
			}
			end = loc[1]
			found.sections++
			switch {
			case page == "":
				problems = append(problems, at(loc[0])+": "+word+" of no page")
			case !sectionsOf(tree, page, sections)[strings.TrimPrefix(word, "§")]:
				problems = append(problems, at(loc[0])+": "+page+" has no "+word)
			}
			continue
		case strings.HasPrefix(word, "RFC "), strings.HasSuffix(text[:loc[0]], "]("): // a link is looked at below
			end = -1
			continue
		}
		page, end = file, loc[1]
		found.pages++
		switch inDocs := file == "docs" || strings.HasPrefix(file, "docs/"); {
		case inDocs && !exists(tree, file):
			problems = append(problems, at(loc[0])+": there is no "+file)
		case !inDocs && !strings.Contains(word, "docs/"): // which would be a page of somebody else's
			problems = append(problems, at(loc[0])+": "+word+" is not in docs/")
		}
	}
	if path.Ext(name) != ".md" {
		return problems
	}
	for _, loc := range link.FindAllStringSubmatchIndex(text, -1) {
		found.links++
		target, anchor := name, ""
		if loc[2] < loc[3] {
			target = path.Join(path.Dir(name), text[loc[2]:loc[3]])
		}
		if loc[4] >= 0 {
			anchor = text[loc[4]:loc[5]]
		}
		switch {
		case !exists(tree, target):
			problems = append(problems, at(loc[0])+": a link to "+target+", which does not exist")
		case anchor != "" && !slices.Contains(anchorsOf(tree, target), anchor):
			problems = append(problems, at(loc[0])+": "+target+" has no heading #"+anchor)
		}
	}
	return problems
}

// anchorsOf returns the names of a page's headings in links, as GitHub makes them.
func anchorsOf(tree fs.FS, page string) (anchors []string) {
	text, _ := fs.ReadFile(tree, page)
	seen := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		seen[anchor]++
		if n := seen[anchor]; n > 1 {
			anchor += "-" + strconv.Itoa(n-1)
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}

// internal/release/VERSION has the number of the version. The newest one in CHANGELOG.md is that, with its day, and so is every
// package that a page names.
func TestVersion(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	version := strings.TrimSpace(read("internal/release/VERSION"))
	newest := regexp.MustCompile(`(?m)^## \[([0-9][^]]*)\] - \d{4}-\d\d-\d\d$`).FindStringSubmatch(read("CHANGELOG.md"))
	if newest == nil || newest[1] != version {
		t.Errorf("the newest version in CHANGELOG.md is %q, and the program's is %q", newest, version)
	}
	named := 0
	for _, page := range []string{"README.md", "docs/install.md"} {
		for _, m := range regexp.MustCompile(`uzerp-mfa[-_](\d+\.\d+\.\d+)`).FindAllStringSubmatch(read(page), -1) {
			named++
			if m[1] != version {
				t.Errorf("%s names %s, and the version is %s", page, m[0], version)
			}
		}
	}
	if named < 3 {
		t.Errorf("only %d packages are named", named)
	}
}

// A reader who begins with README.md finds every page by its links.
func TestNoOrphanPage(t *testing.T) {
	tree := os.DirFS(".")
	for _, page := range orphans(t, tree) {
		t.Errorf("no link leads from README.md to %s", page)
	}
	broken := fstest.MapFS{
		"README.md": {Data: []byte("[a](docs/a.md) [b](docs/)")}, "docs/a.md": {Data: []byte("[c](cli/c.md#x)")}, "docs/cli/c.md": {},
		"docs/b.md": {Data: []byte("[b](b.md)")},
	}
	if got := orphans(t, broken); !slices.Equal(got, []string{"docs/b.md"}) {
		t.Errorf("the orphans are %q", got)
	}
}

// orphans returns the pages beside README.md and in docs/ to which no link leads.
func orphans(t *testing.T, tree fs.FS) (pages []string) {
	t.Helper()
	reached := map[string]bool{"README.md": true}
	for todo := []string{"README.md"}; len(todo) > 0; todo = todo[1:] {
		text, err := fs.ReadFile(tree, todo[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := path.Join(path.Dir(todo[0]), m[1])
			if m[1] != "" && path.Ext(target) == ".md" && exists(tree, target) && !reached[target] {
				reached[target] = true
				todo = append(todo, target)
			}
		}
	}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := fs.Glob(tree, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !reached[name] {
				pages = append(pages, name)
			}
		}
	}
	return pages
}

func exists(tree fs.FS, name string) bool {
	_, err := fs.Stat(tree, name)
	return err == nil
}

// home returns the page that a § alone belongs to; "" if there is none.
func home(tree fs.FS, name string) string {
	if path.Ext(name) == ".md" {
		return name
	}
	doc, err := fs.ReadFile(tree, path.Join(path.Dir(name), "doc.go"))
	if err != nil {
		return ""
	}
	return pageEnd.ReplaceAllString(regexp.MustCompile(`docs/[\w/-]+\.md`).FindString(string(doc)), "")
}

// sectionsOf returns the numbered headings of a page, and the numbered items of its sections as sections of their own.
func sectionsOf(tree fs.FS, page string, known map[string]map[string]bool) map[string]bool {
	if known[page] != nil {
		return known[page]
	}
	text, _ := fs.ReadFile(tree, page) // a page that is missing has no section, and is told of by itself
	has, section := map[string]bool{}, ""
	for line := range strings.Lines(string(text)) {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
			has[section] = true
		} else if m := item.FindStringSubmatch(line); m != nil && section != "" {
			has[section+"."+m[1]] = true
		}
	}
	known[page] = has
	return has
}

// docs/security.md names a test for each attack. A test that is renamed or deleted must not stay there.
func TestSecurityPageNamesTests(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for name := range goFiles(t, os.DirFS(".")) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[found[1]] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !tests[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
	rows := regexp.MustCompile(`(?m)^\| ([0-9]+) \|.*$`).FindAllStringSubmatch(string(page), -1)
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) || !strings.Contains(row[0], "`Test") {
			t.Errorf("attack %s stands in row %d, or has no test", row[1], i+1)
		}
	}
	if len(rows) < 19 {
		t.Errorf("only %d attacks", len(rows))
	}
}
