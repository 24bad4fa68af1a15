package installation

import (
	"os/user"
	"slices"
	"strconv"
)

// usualWebUsers are the users as whom web servers run on the usual systems.
var usualWebUsers = []string{"www-data", "apache", "httpd", "nginx", "http", "wwwrun", "www", "_www"}

// WebUser is a user of this machine as whom a web server may run.
type WebUser struct {
	Name  string
	UID   int
	Group string // the name of the primary group, or its number if it has no name
	GID   int    // the primary group
	GIDs  []int  // all groups
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
// The first one is the most likely. It returns none if the machine has none.
func WebUsers(named []string) []WebUser {
	var found []WebUser
	names := slices.Concat(named, usualWebUsers)
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue // there is no such user here
		}
		uid, noUID := strconv.Atoi(u.Uid)
		gid, noGID := strconv.Atoi(u.Gid)
		if noUID != nil || noGID != nil {
			continue
		}
		w := WebUser{Name: name, UID: uid, Group: u.Gid, GID: gid, GIDs: []int{gid}}
		if g, err := user.LookupGroupId(u.Gid); err == nil {
			w.Group, w.OwnGroup = g.Name, slices.Contains(names, g.Name)
		}
		groups, _ := u.GroupIds() // without them, the primary group is known
		for _, g := range groups {
			if gid, err := strconv.Atoi(g); err == nil && !slices.Contains(w.GIDs, gid) {
				w.GIDs = append(w.GIDs, gid)
			}
		}
		found = append(found, w)
	}
	return found
}
