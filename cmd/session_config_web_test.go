package cmd

import (
	"os"
	"testing"
)

// The user that the administrator's policy names is the web server's, before www-data.
func TestSessionPlaceWebUser(t *testing.T) {
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	app.loader.WebUsers = []string{"nobody"}
	if at, err := app.sessionPlace("a.env", ""); err != nil || at.WebUser.Name != "nobody" {
		t.Errorf("%+v, %v", at.WebUser, err)
	}
}
