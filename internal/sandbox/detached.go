package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/filelock"
	"uzerp-mfa/internal/safepath"
)

// stateFile is in a sandbox's own directory, which only its user may change. A detached sandbox holds its lock as long as it runs: so
// the number of the process in it is never that of another one.
const stateFile = "detached"

// longestState is more than a state file has.
const longestState = 4096

// state is what a detached sandbox says about itself.
type state struct {
	PID      int    `json:"pid"`
	Postgres string `json:"postgres"` // the directory of its PostgreSQL, which is gone a little after a sandbox that was killed
}

// Detach says in the sandbox's directory that this process holds it, so that another one can end it (StopDetached). The lock ends with
// this process. The file has its name only when it is whole.
func (s *Sandbox) Detach() error { return s.detach(s.postgres.Dir()) }

func (s *Sandbox) detach(postgres string) error {
	dir, err := safepath.OpenDir(s.root, safepath.Ourselves())
	if err != nil {
		return failure("open the sandbox's directory", err)
	}
	defer func() { _ = dir.Close() }()
	const unfinished = stateFile + ".new"
	f, err := dir.Open(unfinished, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failure("write the sandbox's state", err)
	}
	taken, err := filelock.Try(f)
	if err == nil && !taken {
		err = errors.New("another process has it")
	}
	if err == nil {
		err = json.NewEncoder(f).Encode(state{PID: os.Getpid(), Postgres: postgres})
	}
	if err == nil {
		err = dir.Rename(unfinished, stateFile)
	}
	if err != nil {
		_ = f.Close()
		return failure("write the sandbox's state", err)
	}
	s.state = f // kept open: the lock belongs to it
	return nil
}

// Root returns the sandbox's uzERP directory.
func (s *Sandbox) Root() string { return s.root }

// Stopped says how a detached sandbox was found.
type Stopped string

// What StopDetached found.
const (
	StoppedNow Stopped = "stopped" // it ran, and has ended
	WasDead    Stopped = "tidied"  // its process was killed: what it left behind is removed
	WasNone    Stopped = "none"    // there is nothing to stop
)

// StopDetached ends the detached sandbox whose uzERP directory is root, and no other, and waits until all of it is gone. It fails
// with errs.Config if others may have changed the directory, with errs.Refused if it is no detached sandbox's, and with
// errs.Unavailable if the sandbox does not end, or if the directory of its PostgreSQL stays. That one it never removes: a server may
// still run in it.
func StopDetached(ctx context.Context, root string) (Stopped, error) {
	if !filepath.IsAbs(root) || !strings.HasPrefix(filepath.Base(root), rootPrefix) {
		return "", errs.NewWith(errs.Refused, fmt.Sprintf("%q is no sandbox's directory", root), ReasonOther.With())
	}
	root = filepath.Clean(root)
	dir, err := safepath.OpenDir(root, safepath.Ourselves())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return WasNone, nil
	case err != nil:
		return "", failure("open the sandbox's directory", err)
	}
	defer func() { _ = dir.Close() }()
	f, err := dir.OpenRegular(stateFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errs.NewWith(errs.Refused, fmt.Sprintf("the sandbox in %q is not detached: it ends with its own command", root), ReasonOther.With())
	case err != nil:
		return "", failure("read the sandbox's state", err)
	}
	defer func() { _ = f.Close() }()
	st, err := readState(f)
	if err != nil {
		return "", failure("read the sandbox's state", err)
	}
	dead := func() (bool, error) { return filelock.Try(f) }
	free, err := dead()
	if err != nil {
		return "", failure("read the sandbox's state", err)
	}
	how := WasDead
	if !free {
		how = StoppedNow
		if err := syscall.Kill(st.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return "", failure("end the sandbox", err)
		}
		if err := wait(ctx, dead, errs.New(errs.Unavailable, "the sandbox did not end", "")); err != nil {
			return "", err
		}
	}
	if err := wait(ctx, func() (bool, error) { return isGone(st.Postgres) }, stays(st.Postgres)); err != nil {
		return "", err
	}
	if err := os.RemoveAll(root); err != nil { // nobody else may change it; a sandbox that ended in order has removed it
		return "", failure("remove the sandbox's directory", err)
	}
	return how, nil
}

// longestEnd is longer than PostgreSQL takes to end on a busy machine.
const longestEnd = 2 * time.Minute

// wait waits until done, and gives late if that takes too long.
func wait(ctx context.Context, done func() (bool, error), late error) error {
	limited, cancel := context.WithTimeoutCause(ctx, longestEnd, late)
	defer cancel()
	return filelock.Wait(limited, done)
}

// readState reads what a sandbox wrote about itself.
func readState(f *os.File) (st state, err error) {
	text, err := safepath.ReadAll(f, longestState)
	if err != nil {
		return state{}, err
	}
	if json.Unmarshal(text, &st) != nil || st.PID <= 1 || !filepath.IsAbs(st.Postgres) {
		return state{}, errState
	}
	return st, nil
}

// isGone reports whether there is nothing at path. PostgreSQL ends by itself when its sandbox was killed, and then its directory is
// removed: the sandbox's own process can't say when.
func isGone(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, failure("see whether PostgreSQL's directory is gone", err)
	}
	return false, nil
}

// stays is the error for a directory of PostgreSQL's that nothing removes any more: not only the sandbox was killed.
func stays(path string) error {
	return errs.NewWith(errs.Unavailable, fmt.Sprintf("the sandbox has ended, but the directory %q of its PostgreSQL is still there", path),
		ReasonLeft.With(path))
}

var errState = errors.New("it is not what a sandbox writes")

// OnlyDetached returns the directory of this user's detached sandbox, also of one that was killed, or "" if there is none in the
// directory for temporary files. It fails with errs.Usage if there are several.
func OnlyDetached() (root string, err error) {
	switch all := findDetached(); len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	default:
		return "", errs.NewWith(errs.Usage, strconv.Itoa(len(all))+" sandboxes run, and UZERP_ROOT names none of them", ReasonSeveral.With())
	}
}

// Parent returns the directory in which a sandbox would be made now. OnlyDetached looks there, and nowhere else: a test must not find
// the tester's own.
func Parent() string { return safepath.TempParent(rootParent()) }

func findDetached() (roots []string) {
	parent := Parent()
	files, _ := fs.Glob(os.DirFS(parent), rootPrefix+"*/"+stateFile) // nobody else's: their mode is 0700. Parent's name is no pattern
	for _, file := range files {
		if root := filepath.Join(parent, filepath.Dir(file)); safepath.JudgePath(root, safepath.Ourselves()) == nil {
			roots = append(roots, root)
		}
	}
	return roots
}
