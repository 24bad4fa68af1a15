package handout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

func ourselves() Whose {
	return Whose{UID: os.Geteuid(), GID: os.Getegid(), As: func(f func() error) error { return f() }}
}

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, ourselves())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

var made = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

func page(username string) mfa.Handout {
	return mfa.Handout{Username: username, FactorSID: "YF1", Made: made, ValidUntil: made.Add(time.Hour)}
}

// Whatever a user is called, the page has a harmless name of its own.
func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"alice":                       "alice.html",
		"a.archer-2_x":                "a.archer-2_x.html",
		"Alice":                       "user-alice-3bc51062973c458d.html",
		"..":                          "",
		"../../etc/cron.d/x":          "",
		"/":                           "",
		".hidden":                     "",
		"-rf":                         "",
		"con":                         "",
		"nul.txt":                     "",
		"a b":                         "",
		"a\nb":                        "",
		"a\x00b":                      "",
		"":                            "",
		"müller":                      "",
		"pages.jsonl":                 "pages.jsonl.html",
		"alice-3bc51062973c458d":      "",
		"user-alice-3bc51062973c458d": "",
		strings.Repeat("x", 64):       strings.Repeat("x", 64) + ".html",
		strings.Repeat("x", 65):       "",
		strings.Repeat("long/", 999):  "",
		"x.":                          "",
	} {
		got := FileName(name)
		if want != "" && got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if want == "" && !strings.HasPrefix(got, "user-") {
			t.Errorf("%q has no hash: %s", name, got)
		}
		if got != filepath.Base(got) || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || len(got) > 80 || got[0] == '.' || got[0] == '-' {
			t.Errorf("%q: %s", name, got)
		}
	}
	seen := map[string]string{} // no two users have one, also where capital letters are not told apart
	for _, name := range []string{"bob", "Bob", "BOB", "bob ", " bob", "b\u200bob", "user-bob", "bob.html",
		FileName("Bob"), strings.TrimSuffix(FileName("Bob"), ".html")} {
		file := strings.ToLower(FileName(name))
		if other, taken := seen[file]; taken {
			t.Errorf("%q and %q are both %s", name, other, file)
		}
		seen[file] = name
	}
}

// What was made is found again by the next run; the page and the list are their owner's alone.
func TestPagesAreFoundAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages")
	d := open(t, path)
	hostile := []string{"alice", "../bob", "Alice", "a\nb", `q"q`, "\u202e"}
	for _, name := range hostile {
		file, err := d.Add(page(name), []byte("secret of "+name))
		if err != nil || file != FileName(name) {
			t.Fatalf("%q: %s, %v", name, file, err)
		}
	}
	if _, err := Open(path, ourselves()); !errors.Is(err, ErrInUse) {
		t.Errorf("two at a time: %v", err)
	}
	d.Close()
	d = open(t, path)
	for _, name := range hostile {
		h, ok, err := d.Find(name)
		want := page(name)
		if !ok || err != nil || h.FactorSID != want.FactorSID || !h.Made.Equal(want.Made) || !h.ValidUntil.Equal(want.ValidUntil) || h.File != FileName(name) {
			t.Errorf("%q: %+v, %v, %v", name, h, ok, err)
		}
		if text, err := os.ReadFile(filepath.Join(path, h.File)); string(text) != "secret of "+name || err != nil {
			t.Errorf("%q: %q, %v", name, text, err)
		}
	}
	if _, ok, err := d.Find("carol"); ok || err != nil {
		t.Errorf("carol: %v, %v", ok, err)
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != len(hostile)+1 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if list, err := os.ReadFile(filepath.Join(path, ListName)); err != nil || strings.Contains(string(list), "secret") {
		t.Errorf("%s, %v", list, err)
	}
	again := page("alice")
	again.FactorSID = "YF2"
	if _, err := d.Add(again, []byte("another secret")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(path, FileName("alice"))); string(text) != "another secret" || err != nil {
		t.Errorf("replaced: %q, %v", text, err)
	}
	d.Close()
	if h, ok, err := open(t, path).Find("alice"); !ok || err != nil || h.FactorSID != "YF2" {
		t.Errorf("the last line counts: %+v, %v, %v", h, ok, err)
	}
}

// Killed at any step: there is the whole page and its line, or no page. No half of a page stays, and the next run goes on.
func TestKilledAtEachStep(t *testing.T) {
	died := errors.New("killed")
	for _, step := range []string{"write", "list", "name"} {
		path := filepath.Join(t.TempDir(), "pages")
		d := open(t, path)
		if _, err := d.Add(page("bob"), []byte("bob's")); err != nil {
			t.Fatal(err)
		}
		func() { // as if the process died: nothing is cleaned up after the step
			defer func() { _ = recover() }()
			d.step = func(at string) error {
				if at == step {
					panic(died)
				}
				return nil
			}
			_, _ = d.Add(page("alice"), []byte("alice's"))
			t.Errorf("%s: was not reached", step)
		}()
		_ = d.list.Close()
		list, err := os.OpenFile(filepath.Join(path, ListName), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list.WriteString(`{"schema_version":1,"file":"a`); err != nil { // a torn line
			t.Fatal(err)
		}
		_ = list.Close()
		again := open(t, path)
		if _, ok, err := again.Find("alice"); ok || err != nil {
			t.Errorf("%s: %v, %v", step, ok, err)
		}
		if names, err := filepath.Glob(filepath.Join(path, ".page-*")); len(names) > 0 || err != nil {
			t.Errorf("%s: left %q, %v", step, names, err)
		}
		if _, err := again.Add(page("alice"), []byte("alice's")); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		again.Close()
		last := open(t, path)
		for _, name := range []string{"alice", "bob"} {
			if _, ok, err := last.Find(name); !ok || err != nil {
				t.Errorf("%s: %s: %v, %v", step, name, ok, err)
			}
		}
	}
}

// A step that fails leaves nothing of the page, and the directory as it was.
func TestFailsAtEachStep(t *testing.T) {
	full := errors.New("disk full")
	for _, step := range []string{"write", "list", "name", "last"} {
		path := filepath.Join(t.TempDir(), "pages")
		d := open(t, path)
		d.step = func(at string) error {
			if at == step {
				return full
			}
			return nil
		}
		if _, err := d.Add(page("alice"), []byte("x")); !errors.Is(err, full) {
			t.Errorf("%s: %v", step, err)
		}
		if _, ok, err := d.Find("alice"); ok || err != nil {
			t.Errorf("%s: %v, %v", step, ok, err)
		}
		if entries, err := os.ReadDir(path); len(entries) != 1 || err != nil {
			t.Errorf("%s: %v, %v", step, entries, err)
		}
	}
}

// What others have put there is not touched, and nothing is written through it.
func TestForeignFilesStay(t *testing.T) {
	path, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.WriteFile(filepath.Join(path, "alice.html"), []byte("mine"), 0o644),
		os.Symlink(target, filepath.Join(path, "bob.html")), os.Mkdir(filepath.Join(path, "carol.html"), 0o755)); err != nil {
		t.Fatal(err)
	}
	d := open(t, path)
	for _, name := range []string{"alice", "bob", "carol"} {
		if _, ok, err := d.Find(name); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if _, err := d.Add(page(name), []byte("x")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok, _ := d.Find(name); ok {
			t.Errorf("%s: the foreign file is taken for the page", name)
		}
	}
	if text, err := os.ReadFile(filepath.Join(path, "alice.html")); string(text) != "mine" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("written through a link")
	}
	if _, err := d.Add(page("d\xff"), nil); err == nil {
		t.Error("a name that the list can't hold")
	}
}

// A directory in which others may put something is not used, nor one that a stranger's link leads to, nor a foreign list.
func TestDirectoriesOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root gives files away"))
	}
	top := t.TempDir()
	for name, make := range map[string]func(dir string) error{
		"everybody's":            func(dir string) error { return os.Chmod(dir, 0o777) },
		"sticky, but no group's": func(dir string) error { return os.Chmod(dir, 0o703|fs.ModeSticky) },
		"sticky":                 func(dir string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) },
		"a group's":              func(dir string) error { return errors.Join(os.Chown(dir, 0, 33), os.Chmod(dir, 0o775)) },
		"a stranger's":           func(dir string) error { return os.Chown(dir, 33, 33) },
		"in a stranger's": func(dir string) error {
			return errors.Join(os.Mkdir(dir+"/x", 0o700), os.Chown(dir, 33, 33), os.Rename(dir, dir+"-x"), os.Symlink(dir+"-x/x", dir))
		},
		"a stranger's link": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"-x"), os.Symlink(dir+"-x", dir), os.Lchown(dir, 33, 33))
		},
		"a list of a stranger's": func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/"+ListName, nil, 0o600), os.Chown(dir+"/"+ListName, 33, 33))
		},
		"a list that everybody may write": func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/"+ListName, nil, 0o600), os.Chmod(dir+"/"+ListName, 0o666))
		},
		"a list that is a second name": func(dir string) error {
			return errors.Join(os.WriteFile(dir+"-other", nil, 0o600), os.Link(dir+"-other", dir+"/"+ListName))
		},
	} {
		dir := filepath.Join(top, strings.NewReplacer(" ", "-", "'", "", ",", "").Replace(name))
		if err := errors.Join(os.Mkdir(dir, 0o700), make(dir)); err != nil {
			t.Fatal(name, err)
		}
		for what, f := range map[string]func(string, Whose) (*Dir, error){"open": Open, "peek": Peek} {
			d, err := f(dir, ourselves())
			if !safepath.IsUntrusted(err) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			if d != nil {
				d.Close()
			}
		}
	}
	link := filepath.Join(top, "link")
	if err := errors.Join(os.Mkdir(link, 0o700), os.Symlink(filepath.Join(top, "target"), filepath.Join(link, ListName))); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(link, ourselves()); err == nil {
		d.Close()
		t.Error("the list is a link")
	}
	if _, err := os.Lstat(filepath.Join(top, "target")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a list was made through a link")
	}
}

// A line that is not the program's own ends it: what cannot be read might be a user who has a page.
func TestAForeignList(t *testing.T) {
	for _, line := range []string{"x\n", "{}\n", "\n", `{"schema_version":2,"file":"alice.html","username":"alice"}` + "\n",
		`{"schema_version":1,"file":"../alice.html","username":"alice"}` + "\n", `{"schema_version":1,"file":"bob.html","username":"alice"}` + "\n"} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, ListName), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(path, ourselves())
		if e, ok := errors.AsType[*ListError](err); !ok || e.Line != 1 {
			t.Errorf("%q: %v", line, err)
		}
		if d != nil {
			d.Close()
		}
	}
}

// Who only looks makes and changes nothing.
// The page that is there gives way when the new one is written, and not before. Whatever happens then, a page that is there is the
// one that the list names.
func TestReplacedAtEachStep(t *testing.T) {
	full := errors.New("disk full")
	for step, stays := range map[string]bool{"write": true, "list": false, "name": false, "last": false} {
		for _, kill := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "pages")
			d := open(t, path)
			if _, err := d.Add(page("alice"), []byte(page("alice").FactorSID)); err != nil {
				t.Fatal(err)
			}
			d.step = func(at string) error {
				if at == step && kill {
					panic(full)
				} else if at == step {
					return full
				}
				return nil
			}
			another := page("alice")
			another.FactorSID = "YF2"
			func() {
				defer func() { _ = recover() }()
				if _, err := d.Add(another, []byte("YF2")); !errors.Is(err, full) {
					t.Errorf("%s: %v", step, err)
				}
			}()
			d.Close()
			h, ok, err := open(t, path).Find("alice")
			text, _ := os.ReadFile(filepath.Join(path, FileName("alice")))
			if wanted := stays || step == "last" && kill; ok != wanted || err != nil || string(text) != h.FactorSID {
				t.Errorf("%s, killed %v: %+v, %v, %v, and on the page is %q", step, kill, h, ok, err, text)
			}
		}
	}
}

func TestPeek(t *testing.T) {
	top := t.TempDir()
	d, err := Peek(filepath.Join(top, "none"), ourselves())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := d.Find("alice"); ok || err != nil {
		t.Error(ok, err)
	}
	d.Close()
	if entries, err := os.ReadDir(top); len(entries) > 0 || err != nil {
		t.Error(entries, err)
	}
	path := filepath.Join(top, "pages")
	open := open(t, path)
	if _, err := open.Add(page("alice"), nil); err != nil {
		t.Fatal(err)
	}
	if d, err = Peek(path, ourselves()); err != nil { // also while another process works there
		t.Fatal(err)
	}
	defer d.Close()
	if _, ok, err := d.Find("alice"); !ok || err != nil {
		t.Error(ok, err)
	}
	if _, err := d.Add(page("bob"), nil); err == nil {
		t.Error("a page was made")
	}
}

// Several workers at a time: every page has its line.
func TestManyAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages")
	d := open(t, path)
	names := make([]string, 60)
	for i := range names {
		names[i] = fmt.Sprintf("user%d", i)
	}
	failures := mfa.Batch(t.Context(), names, func(_ context.Context, _ int, name string) error {
		_, err := d.Add(page(name), []byte(name))
		return err
	}, nil)
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = open(t, path)
	slices.Sort(names)
	for _, name := range names {
		if _, ok, err := d.Find(name); !ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}
