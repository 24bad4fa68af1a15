//go:build unix

package safepath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/account"
)

// Trust says whose files and directories are believed. User 0 (root) and group 0 always are.
type Trust struct {
	UIDs []int
	GIDs []int // groups whose members may change a directory or a file
	// Through names directories of root's that their group may change, such as /var/log of Ubuntu. They are walked through
	// as if their sticky bit was set: what is taken from them must belong to a trusted user.
	Through []string
	// Anyone believes everybody. It is for a file that the caller has named and whose content is no reason to trust it.
	// What holds still is that nobody's link, and no second name, leads to a file of somebody else's.
	Anyone bool

	anyGroup bool // whatever group may change it
}

// Ourselves trusts the user of this process, as User does.
func Ourselves() Trust { return User(os.Geteuid(), os.Getegid()) }

// User trusts a user with this primary group, and the group if it is the user's private one. The primary group of a user is
// often one that many are in, such as users: its members are strangers.
func User(uid, gid int) Trust {
	t := Trust{UIDs: []int{uid}}
	if isPrivateGroup(uid, gid) {
		t.GIDs = []int{gid}
	}
	return t
}

// isPrivateGroup reports whether a group has the name of the user, and so that user alone in it. Where each user has such
// a group, directories are often made so that it may write to them.
func isPrivateGroup(uid, gid int) bool {
	u, err := account.ByUID(uid)
	if err != nil {
		return false
	}
	g, err := account.GroupByGID(gid)
	return err == nil && g.Name == u.Name
}

// UntrustedError says that somebody who is not trusted could have put something there or could change it.
type UntrustedError struct {
	Path   string
	Reason string // such as "it belongs to user 1000 (alice)"
}

// Error names the path and the reason.
func (e *UntrustedError) Error() string { return e.Path + ": " + e.Reason }

// IsUntrusted reports whether err is, or wraps, an *UntrustedError.
func IsUntrusted(err error) bool {
	_, is := errors.AsType[*UntrustedError](err)
	return is
}

func (t Trust) uid(id int) bool { return id == 0 || slices.Contains(t.UIDs, id) }

func (t Trust) gid(id int) bool { return id == 0 || slices.Contains(t.GIDs, id) }

const (
	groupMayWrite = 0o020
	othersMay     = 0o002
	sticky        = unix.S_ISVTX
)

// judge returns a *UntrustedError if somebody who is not trusted owns or may change what has this stat. fd is what is
// judged, for its access list; -1 for a link, which has none.
func (t Trust) judge(path string, stat *unix.Stat_t, fd int) error {
	mode := uint32(stat.Mode) //nolint:unconvert // it is a uint16 on other systems
	isLink := mode&unix.S_IFMT == unix.S_IFLNK
	isDir := mode&unix.S_IFMT == unix.S_IFDIR
	isSocket := mode&unix.S_IFMT == unix.S_IFSOCK
	switch uid, gid := int(stat.Uid), int(stat.Gid); {
	case t.Anyone:
		return nil
	case !t.uid(uid):
		return &UntrustedError{path, "it belongs to " + UserName(uid)}
	case isLink, isSocket, isDir && mode&sticky != 0:
		return nil // a link's mode means nothing, a socket's only who may send; in a sticky directory only owners rename and remove
	case mode&othersMay != 0:
		return &UntrustedError{path, "everybody may change it"}
	case t.anyGroup, isDir && uid == 0 && slices.Contains(t.Through, path):
		return nil
	case mode&groupMayWrite == 0:
		return nil // the group's bits are also the mask of an access list
	default:
		return t.judgeGroup(path, gid, fd)
	}
}

// judgeGroup judges what more than its owner may change: its group, or who is in its access list.
func (t Trust) judgeGroup(path string, gid, fd int) error {
	list, err := accessList(fd)
	if err != nil {
		return &fs.PathError{Op: "read access list", Path: path, Err: err}
	}
	if list == nil {
		list = []aclEntry{{aclGroupObject, aclWrite, 0}}
	}
	for _, e := range list {
		if e.perm&aclWrite == 0 {
			continue
		}
		switch id := int(e.id); {
		case e.tag == aclUser && !t.uid(id):
			return &UntrustedError{path, UserName(id) + " may change it"}
		case e.tag == aclGroupObject && !t.gid(gid):
			return &UntrustedError{path, "the members of " + groupName(gid) + " may change it"}
		case e.tag == aclGroup && !t.gid(id):
			return &UntrustedError{path, "the members of " + groupName(id) + " may change it"}
		}
	}
	return nil
}

// UserName returns how a user is named in errors: number and, if there is one, name.
func UserName(id int) string {
	if u, err := account.ByUID(id); err == nil {
		return fmt.Sprintf("user %d (%s)", id, account.Shown(u.Name))
	}
	return fmt.Sprintf("user %d", id)
}

func groupName(id int) string {
	if g, err := account.GroupByGID(id); err == nil {
		return fmt.Sprintf("group %d (%s)", id, account.Shown(g.Name))
	}
	return fmt.Sprintf("group %d", id)
}
