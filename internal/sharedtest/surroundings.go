package sharedtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systemLog is where a program that root runs writes its audit log by default.
const systemLog = "/var/log/uzerp-mfa"

// Tests are the tests of a package, as a TestMain has them.
type Tests struct {
	*testing.M
	Done func(code int) int // if not nil: cleans up after the tests, and returns the exit code
}

// Run runs the tests with their own home directory and their own directory for temporary files, and returns the exit
// code. It fails the tests if one of the two directories is not empty at the end, or if the machine's audit log has
// changed.
//
// scripts/test.sh checks the same for packages without a TestMain, for all packages together.
func (t Tests) Run() int {
	s, err := settle(systemLog)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sharedtest:", err)
		return 1
	}
	code := t.M.Run()
	if t.Done != nil {
		code = t.Done(code)
	}
	if problems := s.leave(); len(problems) > 0 {
		fmt.Fprintf(os.Stderr, "FAIL: tests write outside of their own directories:\n%s\n", strings.Join(problems, "\n"))
		return 1
	}
	return code
}

// surroundings are the directories of one package's tests.
type surroundings struct {
	dir string // contains home and t
	log string
	was []string // the files of log at the start
}

// settle makes surroundings, and sets the environment of this process and of all that it starts to them.
func settle(log string) (*surroundings, error) {
	// The go command has its caches and settings in the home directory. Tests that build need them.
	// scripts/test.sh has set them.
	env := slices.DeleteFunc([]string{"GOCACHE", "GOENV", "GOMODCACHE", "GOPATH"}, func(name string) bool { return os.Getenv(name) != "" })
	if len(env) > 0 {
		out, err := exec.CommandContext(context.Background(), "go", append([]string{"env"}, env...)...).Output()
		if err == nil {
			for i, value := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
				if err := os.Setenv(env[i], value); err != nil {
					return nil, err
				}
			}
		} else if !errors.Is(err, exec.ErrNotFound) {
			return nil, err
		}
	}
	s := &surroundings{log: log}
	var err error
	if s.was, err = entries(log); err != nil {
		return nil, err
	}
	// The names are short because the path of a PostgreSQL socket has a limit. The directories are open to others,
	// because for root the server runs as another user.
	if s.dir, err = os.MkdirTemp("", "mfa-"); err != nil {
		return nil, err
	}
	home, temp := filepath.Join(s.dir, "home"), filepath.Join(s.dir, "t")
	err = errors.Join(os.Chmod(s.dir, 0o755), os.Mkdir(home, 0o700), os.Mkdir(temp, 0o700), os.Chmod(temp, 0o777|os.ModeSticky),
		os.Setenv("HOME", home), os.Setenv("TMPDIR", temp))
	for _, name := range []string{
		"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", // without them, these directories are below HOME
		"SUDO_UID", "SUDO_GID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID", // sudo make test: the tests are nobody's but root's
	} {
		err = errors.Join(err, os.Unsetenv(name))
	}
	for _, variable := range os.Environ() { // the tests' databases are not the developer's
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	return s, err
}

// leave removes what the tests left behind, and returns it.
func (s *surroundings) leave() (problems []string) {
	for _, name := range []string{"home", "t"} {
		left, err := entries(filepath.Join(s.dir, name))
		if err != nil {
			problems = append(problems, err.Error())
		}
		problems = append(problems, left...)
	}
	now, err := entries(s.log)
	if err != nil {
		problems = append(problems, err.Error())
	}
	if !slices.Equal(now, s.was) {
		problems = append(problems, fmt.Sprintf("%s was changed, by a test or by somebody who used uzerp-mfa meanwhile: it was %q, is %q", s.log, s.was, now))
	}
	if err := os.RemoveAll(s.dir); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

// entries returns every file below dir with its size and the time of its last change. It returns none if dir does not
// exist or may not be read.
func entries(dir string) (all []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		below, _ := filepath.Rel(dir, path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case below == "." || below == ".config": // the directory that contains the next one
			return nil
		case below == ".config/go": // the go command counts its calls there
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all = append(all, fmt.Sprintf("%s %v %d bytes %v", path, info.Mode(), info.Size(), info.ModTime()))
		return nil
	})
	return all, err
}
