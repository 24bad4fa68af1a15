package operator

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"uzerp-mfa/internal/account"
)

// Caller is the user who runs this program as root, through a program that gives out single rights.
type Caller struct {
	Via    string // "sudo", "doas" or "pkexec"
	UID    int    // never 0
	GID    int
	Groups []int  // all groups, GID included
	Name   string // the user's name in the operating system, or without one "uid 12345"
	Home   string // "/" where none is known
}

// ThroughSudo returns the caller, or nil if this process is not root, or if root runs it as root. It fails if the
// variables contradict each other or name nobody: then it is not known whose rights the process should have.
func ThroughSudo(getenv func(string) string) (*Caller, error) {
	return throughSudo(os.Geteuid(), getenv, lookup{account.ByUID, account.ByName, account.User.Groups})
}

// CalledBy is ThroughSudo for a process with any user's rights: it says whom to record, and decides nothing about rights. If only
// the caller's group is not known, it returns the caller beside the error.
func CalledBy(getenv func(string) string) (*Caller, error) {
	return throughSudo(0, getenv, lookup{account.ByUID, account.ByName, account.User.Groups})
}

// IsLent reports whether this process may have the rights of another user than the one who sits before it: root's or not. Such
// a process starts no program that the caller could choose, or get a shell out of. Where the variables say nothing clear, it
// counts as lent.
func IsLent(getenv func(string) string) bool {
	return slices.ContainsFunc([]string{sudoUID, sudoUser, doasUser, pkexecUID}, func(name string) bool { return getenv(name) != "" }) ||
		os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid()
}

// lookup are the functions that look users up.
type lookup struct {
	byUID  func(int) (account.User, error)
	byName func(string) (account.User, error)
	groups func(account.User) []int
}

// The variables that name the caller: a number, or for doas a name.
const (
	sudoUID   = "SUDO_UID"
	sudoGID   = "SUDO_GID"
	sudoUser  = "SUDO_USER"
	doasUser  = "DOAS_USER"
	pkexecUID = "PKEXEC_UID"
)

func throughSudo(euid int, getenv func(string) string, look lookup) (*Caller, error) {
	if euid != 0 {
		return nil, nil
	}
	var callers []*Caller
	add := func(via, variable, id string) error {
		uid, err := strconv.ParseUint(id, 10, 31)
		if err != nil {
			return fmt.Errorf("%s is no number of a user", variable)
		}
		if uid != 0 {
			callers = append(callers, &Caller{Via: via, UID: int(uid)})
		}
		return nil
	}
	if id := getenv(sudoUID); id != "" {
		if err := add("sudo", sudoUID, id); err != nil {
			return nil, err
		}
	}
	if id := getenv(pkexecUID); id != "" {
		if err := add("pkexec", pkexecUID, id); err != nil {
			return nil, err
		}
	}
	if name := getenv(doasUser); name != "" {
		u, err := look.byName(name)
		if errors.Is(err, account.ErrUnknown) {
			return nil, fmt.Errorf("%s names no user of this machine", doasUser)
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", doasUser, err)
		}
		if err := add("doas", doasUser, strconv.FormatUint(uint64(uint32(u.UID)), 10)); err != nil { //nolint:gosec // 32 bits
			return nil, err
		}
	}
	switch {
	case len(callers) == 0:
		return nil, nil
	case slices.ContainsFunc(callers, func(c *Caller) bool { return c.UID != callers[0].UID }):
		return nil, fmt.Errorf("%s, %s and %s name different users", sudoUID, pkexecUID, doasUser)
	}
	c := callers[0]
	return c, c.complete(getenv, look)
}

// complete fills in what the operating system knows about the user. A user that it does not know has the group that
// sudo names, and no other: fewer rights are the safe side.
func (c *Caller) complete(getenv func(string) string, look lookup) error {
	c.Name, c.Home = account.Unnamed(c.UID), "/"
	if u, err := look.byUID(c.UID); err == nil {
		c.Name, c.GID, c.Groups = u.Name, u.GID, look.groups(u)
		if u.Home != "" {
			c.Home = u.Home
		}
		return nil
	}
	if name := getenv(sudoUser); c.Via == "sudo" && name != "" {
		c.Name = name
	}
	gid, err := strconv.ParseUint(getenv(sudoGID), 10, 31)
	if err != nil {
		return fmt.Errorf("the group of user %d is not known", c.UID)
	}
	c.GID, c.Groups = int(gid), []int{int(gid)}
	return nil
}

// LeaveHome sets HOME to root's own directory. A caller may have been let keep HOME; but passwords and certificates for
// root's connections must not be read from the caller's files.
func (c *Caller) LeaveHome() error {
	home := "/root"
	if root, err := account.ByUID(0); err == nil && root.Home != "" {
		home = root.Home
	}
	return os.Setenv("HOME", home)
}

// Become makes this process the caller's, for good: its rights, and the variables that name the user and the home directory.
// What it starts has no more rights either. If it fails, the process may have lost some of its rights, and must end.
func (c *Caller) Become() error {
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(c.Groups) },
		func() error { return syscall.Setgid(c.GID) },
		func() error { return syscall.Setuid(c.UID) },
		func() error { return os.Setenv("HOME", c.Home) },
		func() error { return os.Setenv("USER", c.Name) },
		func() error { return os.Setenv("LOGNAME", c.Name) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("become user %d: %w", c.UID, err)
		}
	}
	if syscall.Setuid(0) == nil {
		return fmt.Errorf("become user %d: root's rights are still there", c.UID)
	}
	return nil
}
