package installation

import (
	"slices"
	"strconv"

	"uzerp-mfa/internal/account"
)

// usualWebUsers are the users as whom web servers run on the usual systems.
var usualWebUsers = []string{"www-data", "apache", "httpd", "nginx", "http", "wwwrun", "www", "_www"}

// WebUser is a user of this machine as whom a web server may run.
type WebUser struct {
	Name  string
	UID   int
	Group string // the name of the primary group, or its number if it has no name
	GID   int    // the primary group
	// Groups returns all groups. It may ask a directory such as LDAP, in a process of its own.
	Groups func() []int
	// OwnGroup reports whether the primary group is made for web servers: it has the name of such a user. Another one,
	// such as users, has other members too.
	OwnGroup bool
}

// webGroup returns the group that a new conf/.env should have.
func webGroup() string {
	for _, web := range WebUsers(nil) {
		if web.OwnGroup {
			return web.Group
		}
	}
	return usualWebUsers[0]
}

// WebUsers returns the users as whom a web server may run on this machine: those of the names, and then the usual ones.
// The first one is the most likely. It returns none if the machine has none. A directory such as LDAP is asked for the usual names
// only if the machine's own users have none of them: there anybody may be called so.
func WebUsers(named []string) []WebUser {
	names := slices.Concat(named, usualWebUsers)
	found := lookUp(named, account.ByName, names)
	usual := lookUp(usualWebUsers, account.Local, names)
	if len(usual) == 0 && len(found) == 0 {
		usual = lookUp(usualWebUsers, account.ByName, names)
	}
	return append(found, usual...)
}

// lookUp returns those of the users that there are. A group is made for web servers if it has one of the names in all.
func lookUp(names []string, by func(string) (account.User, error), all []string) (found []WebUser) {
	for _, name := range names {
		u, err := by(name)
		if err != nil {
			continue // there is no such user here
		}
		w := WebUser{Name: name, UID: u.UID, Group: strconv.Itoa(u.GID), GID: u.GID, Groups: u.Groups}
		if g, err := account.GroupByGID(u.GID); err == nil {
			w.Group, w.OwnGroup = g.Name, slices.Contains(all, g.Name)
		}
		found = append(found, w)
	}
	return found
}
