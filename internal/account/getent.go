//go:build unix && !darwin

package account

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const getentPath = "/usr/bin/getent"

// getent asks the program of that name. It knows all that /etc/nsswitch.conf names, which a static program can't ask itself.
type getent struct {
	path  string
	owner uint32 // who may have put the program there, beside root
	limit time.Duration

	mu   sync.Mutex
	slow bool // it did not answer in time
}

func newDirectory() directory { return &getent{path: getentPath, limit: patience} }

func (g *getent) user(key string) (User, error) {
	line, err := g.ask("passwd", key)
	if err != nil {
		return User{}, err
	}
	u, ok := passwdLine(line)
	if !ok {
		return User{}, errNoAnswer
	}
	return u, nil
}

func (g *getent) group(gid string) (Group, error) {
	line, err := g.ask("group", gid)
	if err != nil {
		return Group{}, err
	}
	found, _, ok := groupLine(line)
	if !ok {
		return Group{}, errNoAnswer
	}
	return found, nil
}

// groups returns what glibc's getent says: the name, blanks, and numbers. Others don't know this question.
func (g *getent) groups(name string) ([]int, error) {
	line, err := g.ask("initgroups", name)
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(line, name)
	if !ok || rest != "" && rest[0] != ' ' {
		return nil, errNoAnswer
	}
	var all []int
	for field := range strings.FieldsSeq(rest) {
		gid, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return nil, errNoAnswer
		}
		all = append(all, int(gid)) //nolint:gosec // 32 bits
	}
	return all, nil
}

// notThere is getent's exit code if there is no such key.
const notThere = 2

// ask returns the one line that getent answers with.
func (g *getent) ask(database, key string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slow || !g.judge() {
		return "", errNoAnswer
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.limit)
	defer cancel()
	c := exec.CommandContext(ctx, g.path, database, key) //nolint:gosec // one path, which was judged; the key is no option
	c.Env, c.Dir = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without our terminal, and a process group of its own
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	out := &limited{}
	c.Stdout = out
	err := c.Run()
	if ctx.Err() != nil {
		g.slow = true
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notThere && out.Len() == 0 && ctx.Err() == nil {
		return "", ErrUnknown
	}
	line, ended := strings.CutSuffix(out.String(), "\n")
	if err != nil || out.full || !ended || strings.Contains(line, "\n") {
		return "", errNoAnswer
	}
	return line, nil
}

// judge reports whether the program is there, and only root can have put it there.
func (g *getent) judge() bool {
	info, err := os.Stat(g.path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || stat.Uid == g.owner)
}

// limited keeps as much as an answer may have, and takes the rest.
type limited struct {
	bytes.Buffer
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > longestAnswer {
		l.full = true
		return len(p), nil
	}
	return l.Buffer.Write(p)
}
