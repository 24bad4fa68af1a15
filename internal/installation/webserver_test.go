package installation

import (
	"os/user"
	"slices"
	"syscall"
	"testing"
)

func groups(gids ...int) func() []int { return func() []int { return gids } }

// Nobody is asked for the groups of a user whom the machine's own files have, before they are needed: that takes a process. Of a
// process that has ended the system knows how many pages it touched.
func TestWebUsersStartsNothing(t *testing.T) {
	touched := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
			t.Fatal(err)
		}
		return u.Minflt
	}
	before := touched()
	users := WebUsers([]string{"daemon"})
	if after := touched(); len(users) == 0 || after != before {
		t.Errorf("%d users, and a process has touched %d pages", len(users), after-before)
	}
}

// What the administrator's policy names comes first, because www-data is on every Debian machine, whatever runs there. A
// group that other users are in too is not the web server's own.
func TestWebUsers(t *testing.T) {
	if _, err := user.Lookup("nobody"); err != nil {
		t.Fatal(err)
	}
	got := WebUsers([]string{"nobody-of-this-name", "nobody"})
	if len(got) == 0 || got[0].Name != "nobody" || !slices.Contains(got[0].Groups(), got[0].GID) {
		t.Fatalf("%+v", got)
	}
	if want := got[0].Group == "nobody"; got[0].OwnGroup != want { // Debian's nobody is in nogroup
		t.Errorf("%+v", got[0])
	}
	usual := WebUsers(nil)
	for _, u := range usual {
		if !slices.Contains(usualWebUsers, u.Name) || u.Group == "" || u.OwnGroup != slices.Contains(usualWebUsers, u.Group) {
			t.Errorf("%+v", u)
		}
	}
	if len(usual) > 0 && webGroup() != usual[0].Group {
		t.Errorf("%q, %+v", webGroup(), usual)
	}
}
