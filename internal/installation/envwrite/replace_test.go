package envwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/treetest"
	"uzerp-mfa/internal/safepath"
	"uzerp-mfa/internal/sharedtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(killEnv) != "" { // this process will be killed, so it can't tidy up
		os.Exit(m.Run())
	}
	os.Exit(sharedtest.Tests{M: m}.Run())
}

func replaceFile(ctx context.Context, path string, edit func([]byte) ([]byte, error)) (string, error) {
	return newReplacer().replace(ctx, path, edit)
}

func to(text string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(text), nil }
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// names returns what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func testReplacer(check func(string) error) *replacer {
	if check == nil {
		check = func(string) error { return nil }
	}
	r := newReplacer()
	r.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)) }
	r.wait, r.check = time.Second, check
	return r
}

func TestReplace(t *testing.T) {
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	owner, group := os.Geteuid(), os.Getegid()
	if owner == 0 {
		owner, group = 4321, 4322
		if err := os.Chown(path, owner, group); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(dir, "..env.uzerp-mfa-123")
	if err := os.WriteFile(left, []byte("killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := testReplacer(nil)
	backup, err := r.replace(t.Context(), path, to("new"))
	if err != nil || backup != path+".bak-20260102T020405Z" {
		t.Fatalf("%q, %v", backup, err)
	}
	if second, err := r.replace(t.Context(), path, to("newer")); err != nil || second != backup+"-2" || content(t, second) != "new" {
		t.Errorf("%q, %v", second, err)
	}
	if content(t, path) != "newer" || content(t, backup) != "old" {
		t.Error("the contents are wrong")
	}
	if facts, err := file.Stat(path); err != nil || facts.Mode != 0o644 || facts.UID != owner || facts.GID != group {
		t.Errorf("%+v, %v", facts, err)
	}
	// uzERP never reads the backup, and a web server may hand it out. So nobody but the caller can read it.
	if facts, err := file.Stat(backup); err != nil || facts.Mode != 0o600 || facts.UID != os.Geteuid() {
		t.Errorf("%+v, %v", facts, err)
	}
	if unchanged, err := r.replace(t.Context(), path, to("newer")); unchanged != "" || err != nil {
		t.Errorf("%q, %v", unchanged, err)
	}
	if found := names(t, dir); len(found) != 3 {
		t.Errorf("in the directory: %q", found)
	}
}

// A rehearsal finds out what would fail, and leaves everything as it was.
func TestRehearse(t *testing.T) {
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	edited := false
	if err := rehearse(t.Context(), path, func(old []byte) ([]byte, error) { edited = string(old) == "old"; return []byte("new"), nil }); err != nil || !edited {
		t.Errorf("%v, edited %v", err, edited)
	}
	if err := rehearse(t.Context(), path, to("old")); err != nil {
		t.Errorf("nothing to change: %v", err)
	}
	refused := errors.New("refused")
	if err := rehearse(t.Context(), path, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := rehearse(t.Context(), filepath.Join(dir, "nowhere"), to("new")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if content(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("%q, in the directory: %q", content(t, path), names(t, dir))
	}
}

func TestReplaceThroughLink(t *testing.T) {
	dir := treetest.Write(t, map[string]string{"real/env": "old", "conf/.env": "-> ../real/env"})
	path := filepath.Join(dir, "conf/.env")
	backup, err := replaceFile(t.Context(), path, to("new"))
	if err != nil || filepath.Base(filepath.Dir(backup)) != "real" {
		t.Fatalf("%q, %v", backup, err)
	}
	if facts, _ := file.Stat(path); !facts.Symlink || content(t, path) != "new" {
		t.Errorf("%+v", facts)
	}
}

func TestReplaceFailures(t *testing.T) {
	broken := errors.New("broken")
	for _, step := range []string{
		"create", "close to others", "write", "chown", "acl", "chmod", "label", "compare", "sync", "read back", "name backup", "rename", "exchange", "sync directory",
	} {
		for nth := 1; nth <= 2; nth++ { // of the new file and of the backup
			dir := treetest.Write(t, map[string]string{".env": "old"})
			path := filepath.Join(dir, ".env")
			seen := 0
			_, err := testReplacer(func(at string) error {
				if at == step {
					if seen++; seen == nth {
						return broken
					}
				}
				return nil
			}).replace(t.Context(), path, to("new"))
			if seen == 0 {
				t.Errorf("there is no step %s", step)
			}
			if seen < nth {
				continue
			}
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v", step, err)
			}
			want, files := "old", 1
			if step == "sync directory" {
				want, files = "new", 2
				if !errors.Is(err, ErrNotSynced) {
					t.Errorf("%s: %v", step, err)
				}
			}
			if got := content(t, path); got != want || len(names(t, dir)) != files {
				t.Errorf("%s: %q, %q", step, got, names(t, dir))
			}
		}
	}
}

// The new file and the backup are synced to the disk before the rename, and the directory after it. A power cut can't
// be tried here, so this test looks at what is synced and when.
func TestReplaceSyncs(t *testing.T) {
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	var synced []string
	r := testReplacer(nil)
	r.sync = func(f *os.File) error {
		if f.Name() == dir {
			synced = append(synced, "the directory, .env is "+content(t, path))
		} else {
			is, _, _ := strings.Cut(filepath.Base(f.Name()), "-") // the rest is random, or the time
			synced = append(synced, fmt.Sprintf("%s is %s, .env is %s", is, content(t, f.Name()), content(t, path)))
		}
		return f.Sync()
	}
	if _, err := r.replace(t.Context(), path, to("new")); err != nil {
		t.Fatal(err)
	}
	want := []string{"..env.uzerp is new, .env is old", "..env.uzerp is old, .env is old", "the directory, .env is new"}
	if !slices.Equal(synced, want) {
		t.Errorf("synced %q, want %q", synced, want)
	}
	// The function that Replace itself uses is fsync: it fails on a file that is closed.
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), newReplacer().sync(f)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sync of a closed file: %v", err)
	}
}

// Ctrl-C ends the wait for another process's lock.
func TestReplaceStopsWaiting(t *testing.T) {
	path := filepath.Join(treetest.Write(t, map[string]string{".env": "old"}), ".env")
	holder, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	if taken, err := filelock.Try(holder); !taken || err != nil {
		t.Fatalf("%v, %v", taken, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := replaceFile(ctx, path, to("new")); !errors.Is(err, context.DeadlineExceeded) || content(t, path) != "old" {
		t.Errorf("%v, %q", err, content(t, path))
	}
}

func TestReplaceRefuses(t *testing.T) {
	dir := treetest.Write(t, map[string]string{".env": "old"})
	path := filepath.Join(dir, ".env")
	if _, err := replaceFile(t.Context(), filepath.Join(dir, "none"), to("new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := replaceFile(t.Context(), dir, to("new")); !errors.Is(err, safepath.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	broken := errors.New("broken")
	if _, err := replaceFile(t.Context(), path, func([]byte) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("edit fails: %v", err)
	}
	_, err := testReplacer(func(step string) error {
		if step == "rename" {
			return os.WriteFile(path, []byte("theirs"), 0o600)
		}
		return nil
	}).replace(t.Context(), path, to("new"))
	if !errors.Is(err, ErrFileMoved) || content(t, path) != "theirs" {
		t.Errorf("changed meanwhile: %v", err)
	}
	_, err = replaceFile(t.Context(), path, func([]byte) ([]byte, error) {
		r := testReplacer(nil)
		r.wait = 0
		_, err := r.replace(t.Context(), path, to("inner"))
		return nil, err
	})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	said := problem(path, "", err)
	if errs.KindOf(said) != errs.Refused || !strings.Contains(errs.HintOf(said).Text, "with lslocks which process has locked "+dir) {
		t.Errorf("locked: %v: %v", said, errs.HintOf(said))
	}
	if found := names(t, dir); len(found) != 1 {
		t.Errorf("in the directory: %q", found)
	}
}

// Of several changes at the same time none is lost.
func TestReplaceConcurrently(t *testing.T) {
	const writers, turns = 4, 5
	path := filepath.Join(treetest.Write(t, map[string]string{"n": "0"}), "n")
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range turns {
				err := ErrLocked
				for errors.Is(err, ErrLocked) { // on a busy machine the wait for the lock can be too short
					_, err = replaceFile(t.Context(), path, func(old []byte) ([]byte, error) {
						n, err := strconv.Atoi(string(old))
						return []byte(strconv.Itoa(n + 1)), err
					})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := content(t, path); got != strconv.Itoa(writers*turns) {
		t.Errorf("counted to %s", got)
	}
}

const killEnv = "UZERP_MFA_TEST_REPLACE"

// killContent returns a content that shows whether it is whole.
func killContent(n int) string {
	return fmt.Sprintf("%d\n%s\n%d\n", n, strings.Repeat("x", 200_000), n)
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return n
}

// A process that is killed at any moment leaves the old file or the new one. The next call works and tidies up.
func TestReplaceKilled(t *testing.T) {
	if path := os.Getenv(killEnv); path != "" {
		for n := 1; ; n++ {
			if backup, err := replaceFile(t.Context(), path, to(killContent(n))); err != nil {
				t.Fatal(err)
			} else if backup != "" {
				_ = os.Remove(backup)
			}
		}
	}
	rounds := 25
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(treetest.Write(t, map[string]string{".env": killContent(0)}), ".env")
	for range rounds {
		var out bytes.Buffer
		child := exec.Command(os.Args[0], "-test.run=^TestReplaceKilled$")
		child.Env = append(os.Environ(), killEnv+"="+path)
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + rand.N(60*time.Millisecond))
		_ = child.Process.Kill()
		if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
			t.Fatalf("the child ended by itself: %v\n%s", err, out.String())
		}
		first, _, _ := strings.Cut(content(t, path), "\n")
		n, err := strconv.Atoi(first)
		if err != nil || content(t, path) != killContent(n) {
			t.Fatalf("the file is not whole")
		}
	}
	backup, err := replaceFile(t.Context(), path, to("end"))
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(backup)
	for _, name := range names(t, filepath.Dir(path)) {
		if name != ".env" && !strings.Contains(name, ".bak-") {
			t.Errorf("%s is left", name)
		}
		// A backup has its name only once it is whole.
		text := content(t, filepath.Join(filepath.Dir(path), name))
		if first, _, _ := strings.Cut(text, "\n"); name != ".env" && text != killContent(atoi(t, first)) {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
}
