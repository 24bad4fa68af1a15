package account

import (
	"os/user"
	"strconv"
	"strings"
)

const getentPath = "the system's directory"

// system asks macOS, which has no getent: its own library knows all users, in a static program too.
type system struct{}

func newDirectory() directory { return system{} }

func (system) user(key string) (User, error) {
	look := user.Lookup
	if !askable(key) { // a number
		look = user.LookupId
	}
	u, err := look(key)
	if err != nil {
		return User{}, ErrUnknown
	}
	found, ok := passwdLine(strings.Join([]string{u.Username, "x", u.Uid, u.Gid, "", u.HomeDir, ""}, ":"))
	if !ok {
		return User{}, errNoAnswer
	}
	return found, nil
}

func (system) group(gid string) (Group, error) {
	g, err := user.LookupGroupId(gid)
	if err != nil {
		return Group{}, ErrUnknown
	}
	found, _, ok := groupLine(strings.Join([]string{g.Name, "x", g.Gid, ""}, ":"))
	if !ok {
		return Group{}, errNoAnswer
	}
	return found, nil
}

func (system) groups(name string) ([]int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, ErrUnknown
	}
	ids, err := u.GroupIds()
	var all []int
	for _, id := range ids {
		if gid, err := strconv.ParseUint(id, 10, 32); err == nil {
			all = append(all, int(gid))
		}
	}
	return all, err
}
