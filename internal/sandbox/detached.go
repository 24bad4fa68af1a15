package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	PID int `json:"pid"`
}

// Detach says in the sandbox's directory that this process holds it, so that another one can end it (StopDetached). The lock ends with
// this process.
func (s *Sandbox) Detach() error {
	dir, err := safepath.OpenDir(s.root, safepath.Ourselves())
	if err != nil {
		return failure("open the sandbox's directory", err)
	}
	defer func() { _ = dir.Close() }()
	f, err := dir.Open(stateFile, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failure("write the sandbox's state", err)
	}
	taken, err := filelock.Try(f)
	if err == nil && !taken {
		err = errors.New("another process has it")
	}
	if err == nil {
		err = json.NewEncoder(f).Encode(state{PID: os.Getpid()})
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

// StopDetached ends the detached sandbox whose uzERP directory is root, and no other, and waits until it is gone. It fails with
// errs.Config if others may have changed the directory, with errs.Refused if it is no detached sandbox's, and with errs.Unavailable
// if the sandbox does not end.
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
	dead := func() (bool, error) { return filelock.Try(f) }
	free, err := dead()
	if err != nil {
		return "", failure("read the sandbox's state", err)
	}
	how := WasDead
	if !free {
		how = StoppedNow
		if err := end(f); err != nil {
			return "", err
		}
		limited, cancel := context.WithTimeoutCause(ctx, longestEnd, errs.New(errs.Unavailable, "the sandbox did not end", ""))
		defer cancel()
		if err := filelock.Wait(limited, dead); err != nil {
			return "", err
		}
	}
	if err := os.RemoveAll(root); err != nil { // nobody else may change it; a sandbox that ended in order has removed it
		return "", failure("remove the sandbox's directory", err)
	}
	return how, nil
}

// longestEnd is longer than PostgreSQL takes to end on a busy machine.
const longestEnd = 2 * time.Minute

// end asks the process to end that holds the lock of f.
func end(f *os.File) error {
	var st state
	text, err := safepath.ReadAll(f, longestState)
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err != nil || st.PID <= 1 {
		return failure("read the sandbox's state", errState)
	}
	if err := syscall.Kill(st.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return failure("end the sandbox", err)
	}
	return nil
}

var errState = errors.New("it is not what a sandbox writes")

// OnlyDetached returns the directory of this user's detached sandbox, also of one that was killed, or "" if there is none. It fails
// with errs.Usage if there are several.
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

func findDetached() (roots []string) {
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		files, _ := filepath.Glob(filepath.Join(parent, rootPrefix+"*", stateFile)) // nobody else's: their mode is 0700
		for _, file := range files {
			root := filepath.Dir(file)
			if safepath.JudgePath(root, safepath.Ourselves()) == nil && !slices.Contains(roots, root) {
				roots = append(roots, root)
			}
		}
	}
	return roots
}
