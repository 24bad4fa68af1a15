package sessionfile

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/phpsession"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sharedtest"
)

const (
	ofAlice = `injectorclass|a:1:{i:-1;a:1:{s:12:"LoginHandler";s:1:"H";}}username|s:5:"alice";loggedin|b:1;`
	ofBob   = `username|s:3:"bob";loggedin|b:1;`
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// The owner of the directory puts there what leads elsewhere, what never ends and what is no session. None of it is opened,
// listed as somebody's session or removed, and nothing outside is.
func TestHostileDirectory(t *testing.T) {
	root := t.TempDir()
	dir, outside := filepath.Join(root, "sessions"), filepath.Join(root, "outside")
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, outside, ofAlice)
	write(t, at("sess_a1"), ofAlice)
	write(t, at("sess_hard"), ofAlice)
	write(t, at("sess_dir/sess_x"), ofAlice)
	write(t, at("sess_"), ofAlice)
	write(t, at("sess_a b"), ofAlice)
	write(t, at("sess_a.php"), ofAlice)
	write(t, at("SESS_a"), ofAlice)
	write(t, at("notes"), ofAlice)
	write(t, at("a/sess_a2"), ofAlice) // the path has no levels
	write(t, at("sess_broken"), ofAlice+"x")
	write(t, at("sess_empty"), "")
	write(t, at("sess_large"), "")
	err := errors.Join(os.Symlink(outside, at("sess_link")), os.Symlink("nothing", at("sess_gone")), os.Symlink(at("sess_a1"), at("sess_loop")),
		os.Link(at("sess_hard"), filepath.Join(root, "second")), syscall.Mkfifo(at("sess_pipe"), 0o600), os.Truncate(at("sess_large"), 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	l := list(t, f)
	if len(l.Sessions) != 1 || l.Sessions[0].User != "alice" {
		t.Errorf("%+v", l.Sessions)
	}
	slices.SortFunc(l.NotRead, func(a, b session.NotRead) int { return cmp.Compare(a.Why, b.Why) })
	want := []session.NotRead{{Path: dir, Why: session.Malformed, Files: 1}, {Path: dir, Why: session.Odd, Files: 5},
		{Path: dir, Why: session.TooLarge, Files: 1, Bytes: 1 << 40}, {Path: dir, Why: session.TwoNames, Files: 1}}
	if !slices.Equal(l.NotRead, want) {
		t.Errorf("%+v", l.NotRead)
	}
	before := names(t, dir)
	if _, err := session.End(t.Context(), f, session.Selection{All: true}, time.Now); errs.KindOf(err) != errs.Refused {
		t.Error(err) // whose the large file and the one with two names are is not known
	}
	if got := strings.ReplaceAll(before, "sess_a1 ", ""); names(t, dir) != got {
		t.Errorf("%s, want %s", names(t, dir), got)
	}
	for _, path := range []string{outside, filepath.Join(root, "second"), at("sess_dir/sess_x"), at("notes")} {
		if text, err := os.ReadFile(path); err != nil || string(text) != ofAlice {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}

// A file that is exchanged between the list and the end is another one: it is judged and read anew.
func TestExchanged(t *testing.T) {
	for name, exchange := range map[string]func(path, outside string) error{
		"another user's": func(path, _ string) error { return os.WriteFile(path, []byte(ofBob), 0o600) },
		"moved away": func(path, outside string) error {
			return errors.Join(os.Rename(path, outside+"2"), os.WriteFile(path, []byte(ofBob), 0o600))
		},
		"a link":        func(path, outside string) error { return errors.Join(os.Remove(path), os.Symlink(outside, path)) },
		"a second name": func(path, outside string) error { return errors.Join(os.Remove(path), os.Link(outside, path)) },
		"a pipe":        func(path, _ string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
		"a directory":   func(path, _ string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		for _, late := range []bool{false, true} { // before it is opened, or when its lock is held already
			root := t.TempDir()
			dir, outside := filepath.Join(root, "sessions"), filepath.Join(root, "outside")
			path := filepath.Join(dir, "sess_a1")
			write(t, outside, ofAlice)
			write(t, path, ofAlice)
			f := open(t, dir)
			l := list(t, f)
			change := func() {
				if err := exchange(path, outside); err != nil {
					t.Fatal(err)
				}
			}
			if f.locked = change; !late {
				f.locked = nil
				change()
			}
			if ended, err := f.End(t.Context(), "alice", l.Sessions); err != nil || ended != 0 {
				t.Errorf("%s, late %t: %d ended, %v", name, late, ended, err)
			}
			if text, err := os.ReadFile(outside); err != nil || string(text) != ofAlice {
				t.Errorf("%s, late %t: the file outside is %q, %v", name, late, text, err)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("%s, late %t: what was put there was removed: %v", name, late, err)
			}
		}
	}
	// One that vanishes is no error.
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sess_a1"), ofAlice)
	f := open(t, dir)
	l := list(t, f)
	if err := os.Remove(filepath.Join(dir, "sess_a1")); err != nil {
		t.Fatal(err)
	}
	if ended, err := f.End(t.Context(), "alice", l.Sessions); err != nil || ended != 0 {
		t.Error(ended, err)
	}
}

// While the owner exchanges a file for a link and back as fast as possible, what the link leads to stays as it is.
func TestExchangedAllTheTime(t *testing.T) {
	root := t.TempDir()
	dir, outside := filepath.Join(root, "sessions"), filepath.Join(root, "outside")
	path := filepath.Join(dir, "sess_a1")
	write(t, outside, ofAlice)
	write(t, filepath.Join(dir, "sess_b1"), ofBob)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Remove(path)
			switch i % 3 {
			case 0:
				_ = os.WriteFile(path, []byte(ofAlice), 0o600)
			case 1:
				_ = os.Symlink(outside, path)
			case 2:
				_ = os.Link(outside, path)
			}
		}
	}()
	f := open(t, dir)
	for range 200 {
		if _, err := f.End(t.Context(), "alice", list(t, f).Sessions); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	<-done
	if text, err := os.ReadFile(outside); err != nil || string(text) != ofAlice {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sess_b1")); err != nil {
		t.Error(err)
	}
}

// With levels, a session is in the directories that the first characters of its id name, and nowhere else.
func TestLevels(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("a/b/sess_ab1"), ofAlice)
	write(t, at("a/,/sess_a,1"), ofAlice)
	write(t, at("a/b/sess_ba1"), ofBob)
	write(t, at("a/sess_a1"), ofBob)
	write(t, at("sess_ab2"), ofBob)
	write(t, at("ab/b/sess_abb"), ofBob)
	if err := os.Symlink(at("a"), at("c")); err != nil {
		t.Fatal(err)
	}
	f := open(t, "2;0600;"+dir)
	l := list(t, f)
	if len(l.Sessions) != 2 || len(l.LoggedIn([]string{"alice"})) != 2 || l.Places[0].Path != dir {
		t.Errorf("%+v", l)
	}
	// PHP goes where the link leads. We don't, and say so.
	if len(l.NotRead) != 1 || l.NotRead[0].Why != session.Untrusted || errs.HintOf(l.Complete()).Reason != session.ReasonUntrusted {
		t.Errorf("%+v, %v", l.NotRead, l.Complete())
	}
	if n, err := f.End(t.Context(), "alice", l.Sessions); err != nil || n != 2 || names(t, at("a/b")) != "sess_ba1" {
		t.Error(n, err)
	}
}

// A session of any size that PHP can read with its usual settings is read. A larger one may be anybody's, and so may one with a
// second name: nobody says then that none is open, and the files stay.
func TestNobodyKnowsWhose(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("sess_a1"), `x|s:41943040:"`+strings.Repeat("x", 40<<20)+`";`+ofAlice)
	f := open(t, dir)
	if l := list(t, f); len(l.Sessions) != 1 || l.Sessions[0].User != "alice" || l.Readable() != nil {
		t.Errorf("%+v", l)
	}
	for why, change := range map[session.Why]func(path string) error{
		session.TooLarge: func(path string) error { return os.Truncate(path, phpsession.MaxSize+1) },
		session.TwoNames: func(path string) error { return os.Link(path, filepath.Join(t.TempDir(), "second")) },
		session.Unclear: func(path string) error {
			return os.WriteFile(path, []byte(`c|C:1:"A":3:{i:1}x|s:5:"alice";username|R:2;loggedin|b:1;`), 0o600)
		},
	} {
		for _, late := range []bool{false, true} { // before it is opened, or when its lock is held already
			write(t, at("sess_a1"), ofAlice)
			f := open(t, dir)
			l := list(t, f)
			done := false
			f.locked = func() {
				if err := change(at("sess_a1")); err != nil && !done {
					t.Error(err)
				}
				done = true
			}
			if !late {
				f.locked()
				f.locked = nil
			}
			if n, err := f.End(t.Context(), "alice", l.Sessions); n != 0 || err != nil {
				t.Errorf("%s, late %t: %d ended, %v", why, late, n, err)
			}
			ended, err := session.End(t.Context(), f, session.Selection{Users: []string{"alice"}}, time.Now)
			if len(ended) != 0 || errs.KindOf(err) != errs.Refused || names(t, dir) != "sess_a1" {
				t.Errorf("%s, late %t: %+v, %v, %s", why, late, ended, err, names(t, dir))
			}
			if l, err := f.List(t.Context()); err != nil || len(l.NotRead) != 1 || l.NotRead[0].Why != why {
				t.Errorf("%s, late %t: %+v, %v", why, late, l, err)
			}
			if err := os.Remove(at("sess_a1")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A stranger's file makes nothing uncertain, whatever it is: PHP takes no session from it.
func TestStrangersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	root := t.TempDir()
	dir := filepath.Join(root, "sessions")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"sess_large", "sess_two", "sess_none"} {
		write(t, at(name), ofAlice)
	}
	if err := errors.Join(os.Chmod(dir, os.ModeSticky|0o733), os.Link(at("sess_two"), at("sess_two2")), os.Truncate(at("sess_large"), 1<<40),
		os.Chown(at("sess_large"), 65534, 65534), os.Chown(at("sess_two"), 65534, 65534), os.Chown(at("sess_none"), 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	l := list(t, open(t, dir))
	if len(l.NotRead) != 1 || l.NotRead[0].Why != session.Foreign || l.NotRead[0].Files != 4 || l.Readable() != nil {
		t.Errorf("%+v", l)
	}
}

// A pool runs as a user with or without a name. Files of one who is not known here are nobody's, and that is said.
func TestPoolUser(t *testing.T) {
	for text, want := range map[string]struct {
		trusted int
		known   bool
	}{"54321": {54321, true}, "0": {0, true}, "nobody": {65534, true}, "65534": {65534, true}, "ghost of nobody": {-1, false}, "99999999999": {-1, false},
		"4294967295": {-1, false}} {
		root := t.TempDir()
		write(t, filepath.Join(root, "etc/php/8.2/fpm/php.ini"), "session.save_path="+root)
		write(t, filepath.Join(root, "etc/php/8.2/fpm/pool.d/www.conf"), "[www]\nuser = "+text+"\n")
		f, err := Open(Settings{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if want.known != (len(f.elsewhere) == 0) || want.known && want.trusted != 0 && !slices.Contains(f.trust.UIDs, want.trusted) {
			t.Errorf("%s: %+v, believed are %v", text, f.elsewhere, f.trust.UIDs)
		}
		l, err := f.List(t.Context())
		if err != nil || (l.Complete() == nil) != want.known || !want.known && !strings.Contains(l.Complete().Error(), text) {
			t.Errorf("%s: %v, %v", text, l.Complete(), err)
		}
	}
}

// Who may not list or read the files is told to be root.
func TestNotReadable(t *testing.T) {
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root can give files away"))
	}
	root := t.TempDir()
	dir := filepath.Join(root, "sessions")
	write(t, filepath.Join(dir, "sess_a1"), ofAlice)
	write(t, filepath.Join(dir, "sess_b1"), ofBob)
	write(t, filepath.Join(dir, "sess_c1"), ofBob)
	if err := errors.Join(os.Chmod(dir, os.ModeSticky|0o733),
		os.Chown(filepath.Join(dir, "sess_a1"), 33, 33), os.Chown(filepath.Join(dir, "sess_c1"), 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	f.trust.UIDs = append(f.trust.UIDs, 33)
	l := list(t, f)
	if len(l.Sessions) != 2 || len(l.NotRead) != 1 || l.NotRead[0].Why != session.Foreign || !strings.Contains(l.NotRead[0].Owner, "65534") {
		t.Errorf("%+v", l)
	}
	// A directory that strangers may change is not believed.
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := f.List(t.Context()); errs.KindOf(err) != errs.Config || strings.Contains(err.Error(), "sess_") {
		t.Error(err)
	}
	if err := listError(dir, &fs.PathError{Op: "open", Path: dir + "/sess_a1", Err: fs.ErrPermission}); errs.HintOf(err).Reason != session.ReasonNotListed ||
		strings.Contains(err.Error(), "sess_a1") {
		t.Error(err)
	}
}

// Settings say where sessions are, or why that is not known.
func TestOpen(t *testing.T) {
	for name, tt := range map[string]struct {
		files     map[string]string
		kind      errs.Kind
		reason    errs.Reason
		places    int
		elsewhere int
	}{
		"none":     {nil, errs.Config, session.ReasonNoPlace, 0, 0},
		"only cli": {map[string]string{"8.2/cli/php.ini": "x=1"}, errs.Config, session.ReasonNoPlace, 0, 0},
		"redis": {map[string]string{"8.2/fpm/php.ini": "session.save_handler=redis\nsession.save_path=tcp://x?auth=SECRET"},
			errs.Refused, session.ReasonNoFiles, 0, 0},
		"unknown": {map[string]string{"8.2/fpm/php.ini": "session.save_path=${X}"}, errs.Config, session.ReasonNoPlace, 0, 0},
		"one of each": {map[string]string{"8.2/fpm/php.ini": "session.save_handler=redis", "8.3/fpm/php.ini": "x=1",
			"8.1/fpm/php.ini": "session.save_path=${X}"}, 0, "", 1, 2},
		"two places": {map[string]string{"8.2/fpm/php.ini": "session.save_path=/a", "8.2/apache2/php.ini": "session.save_path=/b/",
			"8.3/fpm/php.ini": "session.save_path=/b"}, 0, "", 2, 0},
	} {
		root := t.TempDir()
		for file, text := range tt.files {
			write(t, filepath.Join(root, "etc/php", file), text)
		}
		f, err := Open(Settings{Root: root})
		if tt.places == 0 {
			if errs.KindOf(err) != tt.kind || errs.HintOf(err).Reason != tt.reason || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(f.places) != tt.places || len(f.elsewhere) != tt.elsewhere {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// Settings that were not read are told: they may name more places. What is known is listed all the same.
func TestSettingsAreNotRead(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "s"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "etc/php/8.2/fpm/php.ini"), "session.save_path="+filepath.Join(root, "s"))
	write(t, filepath.Join(root, "etc/default/php8.2-fpm"), "PHPRC=/srv\n")
	f, err := Open(Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := f.List(t.Context())
		if err != nil || len(l.NotRead) != 1 || l.NotRead[0].Why != session.Settings || l.NotRead[0].Reason == "" || errs.KindOf(l.Complete()) != errs.Config {
			t.Errorf("%+v, %v, %v", l, err, l.Complete())
		}
	}
}

// A place that is not there is told: nobody may take it for one where nobody is logged in.
func TestPlaceIsMissing(t *testing.T) {
	root := t.TempDir()
	gone := filepath.Join(root, "gone")
	write(t, filepath.Join(root, "etc/php/8.2/fpm/php.ini"), "session.save_path="+gone)
	f, err := Open(Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.List(t.Context())
	if err != nil || len(l.NotRead) != 1 || l.NotRead[0].Path != gone || l.NotRead[0].Why != session.Missing {
		t.Errorf("%+v, %v", l, err)
	}
}

// A session that is free ends before a busy one is waited for: a thief must not go on meanwhile in the other.
func TestFreeOnesFirst(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("sess_a1"), ofAlice)
	write(t, at("sess_a2"), ofAlice)
	f := open(t, dir)
	l := list(t, f)
	busy := f.listed[l.Sessions[0].Ref].name // the one that End comes to first
	held, err := os.OpenFile(at(busy), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if free, err := filelock.Try(held); err != nil || !free {
		t.Fatal(free, err)
	}
	f.wait = 10 * time.Millisecond
	var left []string
	f.locked = func() { left = append(left, names(t, dir)) }
	n, err := f.End(t.Context(), "alice", l.Sessions)
	if n != 2 || errs.HintOf(err).Reason != session.ReasonRequestGoesOn || len(left) != 2 || left[0] != "sess_a1 sess_a2" || left[1] != busy {
		t.Error(n, err, left)
	}
}
