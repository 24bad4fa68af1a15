package installation

import (
	"os/user"
	"slices"
	"testing"
)

// What the administrator's policy names comes first, because www-data is on every Debian machine, whatever runs there. A
// group that other users are in too is not the web server's own.
func TestWebUsers(t *testing.T) {
	if _, err := user.Lookup("nobody"); err != nil {
		t.Fatal(err)
	}
	got := WebUsers([]string{"nobody-of-this-name", "nobody"})
	if len(got) == 0 || got[0].Name != "nobody" || !slices.Contains(got[0].GIDs, got[0].GID) {
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
