package db_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// MissingRights looks for exactly the rights that the SQL of grants gives on a server.
func TestRightsAreThoseOfGrants(t *testing.T) { onInstallations(t, rightsAreThoseOfGrants) }

func rightsAreThoseOfGrants(t *testing.T, _ dbtest.Template, url string) {
	role := "role_of_" + database(url)
	roleFor(t, url)
	rows, err := dbtest.Connect(t, url).Query(t.Context(), `
		select lower(privilege_type) || ' on ' || table_name || '.' || column_name from information_schema.column_privileges where grantee = $1
		union all select lower(x.privilege_type) || ' on schema ' || n.nspname from pg_namespace n, aclexplode(n.nspacl) x where x.grantee = $1::regrole
		union all select lower(x.privilege_type) || case c.relkind when 'S' then ' on sequence ' else ' on table ' end || c.relname
			from pg_class c, aclexplode(c.relacl) x where x.grantee = $1::regrole`, role)
	if err != nil {
		t.Fatal(err)
	}
	given, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(given)), slices.Sorted(slices.Values(db.Rights()))); diff != "" {
		t.Error("given, but not looked for (-), or the other way round (+):", diff)
	}
	if len(given) < 40 {
		t.Errorf("only %d rights", len(given))
	}
}

// If one right is taken away, MissingRights returns that one alone, and a command fails without it.
func TestEachRightIsNeededAndMissed(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	role := "role_of_" + database(url)
	for _, right := range db.Rights() {
		privilege, object, _ := strings.Cut(right, " on ")
		on, column := privilege, object
		if table, name, ok := strings.Cut(object, "."); ok {
			on, column = privilege+" ("+name+")", table
		}
		dbtest.Exec(t, url, "revoke "+on+" on "+column+" from "+role)
		d, err := db.Open(t.Context(), db.Config{ConnString: least})
		if err != nil {
			t.Fatal(err)
		}
		if missing, err := d.MissingRights(t.Context()); err != nil || !slices.Equal(missing, []string{right}) {
			t.Errorf("without %s: %q, %v", right, missing, err)
		}
		words, hint := "permission denied", "rights-missing()"
		if object == "schema public" {
			words, hint = "is not uzERP's", "the role needs usage"
		}
		if right == "select on system_companies.access_enabled" { // without it, one thing is not known (TestClosedIsNotKnown)
			d.Close()
			dbtest.Exec(t, url, "grant "+on+" on "+column+" to "+role)
			continue
		}
		failure := useAllRights(t, d)
		if wantError(t, failure, errs.Config, words); !strings.Contains(errs.HintOf(failure).String(), hint) {
			t.Errorf("without %s: hint %s", right, errs.HintOf(failure))
		}
		d.Close()
		dbtest.Exec(t, url, "grant "+on+" on "+column+" to "+role)
	}
	d := open(t, db.Config{ConnString: least})
	if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) != 0 {
		t.Error(missing, err)
	}
	if err := useAllRights(t, d); err != nil {
		t.Error(err)
	}
}

// useAllRights does everything that needs a right, and returns the first error.
func useAllRights(t *testing.T, d *db.DB) error {
	ctx := t.Context()
	users, err := d.FindUsers(ctx, []string{"alice"})
	if err != nil {
		return err
	}
	if _, err := d.Details(ctx, []string{"alice"}); err != nil {
		return err
	}
	if _, err := d.PhoneContacts(ctx, "alice"); err != nil {
		return err
	}
	if _, err := d.MobileHolders(ctx, "alice", "0123"); err != nil {
		return err
	}
	change := d.CompareAndSet(ctx, "alice", users[0].Row, users[0].Row)
	if may := d.MayWrite(ctx, "alice", users[0].Row); (may == nil) != (change == nil) {
		t.Errorf("a user may be written: %v; and is: %v", may, change)
	}
	if change != nil {
		return change
	}
	classes, err := d.InjectorClasses(ctx, switchNames())
	if err != nil {
		return err
	}
	return d.ApplySwitch(ctx, switchNames(), injector.SwitchPlan{Was: classes, Changes: []injector.ClassChange{
		{Name: "MFAValidator", After: "TWValidator"},
		{ID: 6, Name: "LoginHandler", Before: "HTMLFormLoginHandler", After: "HTMLFormLoginHandlerMFA"},
	}})
}
