package db_test

import (
	"testing"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/db/storetest"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// The rules of the users port, under the least rights. The fakes of other packages' tests are held to the same.
func TestUsersPort(t *testing.T) {
	url := dbtest.New(t, dbtest.Sandbox)
	admin := dbtest.Connect(t, url)
	d := open(t, db.Config{ConnString: roleFor(t, url)})
	storetest.Run(t, func(t *testing.T, users ...mfa.User) storetest.Store {
		if _, err := admin.Exec(t.Context(), "delete from users"); err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			if _, err := admin.Exec(t.Context(), `insert into users (username, password, uuid, mfa_sid, mfa_enrolled, mfa_enabled)
				values ($1, '*', $2, $3, $4, $5)`, u.Username, u.UUID, u.SID, u.Enrolled, u.Enabled); err != nil {
				t.Fatal(err)
			}
		}
		return d
	})
}
