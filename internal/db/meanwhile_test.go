package db_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// meanwhile calls functions after round trips of these names, each once.
type meanwhile struct {
	slog.Handler
	after map[string]func()
}

func (m meanwhile) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if do := m.after[a.Value.String()]; a.Key == "name" && do != nil {
			delete(m.after, a.Value.String())
			do()
		}
		return true
	})
	return nil
}

func openWith(t *testing.T, url string, after map[string]func()) *db.DB {
	t.Helper()
	handler := slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})
	return open(t, db.Config{ConnString: url, MaxConns: 2, Logger: slog.New(meanwhile{handler, after})})
}

// An owner with fewer rights than a superuser takes the tables away between two looks, and puts views there, which call a function. A
// superuser reads none of them.
func TestTablesAreExchangedWhileTheyAreLookedAt(t *testing.T) {
	super, owner := ownedSite(t)
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, owner, "create view view_of_"+table+" as select * from "+table+" where ran()")
	}
	each := func(first, second func(table string) string) {
		for _, table := range db.UsedTables() {
			dbtest.Exec(t, owner, first(table))
			if second != nil {
				dbtest.Exec(t, owner, second(table))
			}
		}
	}
	hide := func(table string) string { return "alter table " + table + " rename to hidden_" + table }
	show := func(table string) string { return "alter table hidden_" + table + " rename to " + table }
	putView := func(table string) string { return "alter view view_of_" + table + " rename to " + table }
	takeView := func(table string) string { return "alter view " + table + " rename to view_of_" + table }
	for name, after := range map[string]map[string]func(){
		"there, gone, views":  {"schema": func() { each(hide, nil) }, "owners": func() { each(putView, nil) }},
		"there, views, views": {"schema": func() { each(hide, putView) }},
		"there, there, views": {"owners": func() { each(hide, putView) }},
	} {
		dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
		_, err := openWith(t, super, after).FindUsers(t.Context(), []string{"alice"})
		if errs.KindOf(err) != errs.Config || len(after) > 0 {
			t.Errorf("%s: %v, %d left", name, err, len(after))
		}
		wantNothingRun(t, super)
		each(takeView, show)
	}
}

// The owner of the schema that was chosen takes it away. What others have added to the tables of the next one was not looked at, so
// nothing there is read.
func TestAnotherSchemaIsFoundMeanwhile(t *testing.T) {
	super, owner := ownedSite(t)
	role := "owner_of_" + database(super)
	dbtest.Exec(t, super, "reassign owned by "+role+" to postgres; create schema uz authorization "+role+"; grant create on database "+database(super)+" to "+role)
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, super, "create table uz."+table+" (like public."+table+"); grant trigger on public."+table+" to "+role)
	}
	both := super + "&search_path=uz,public"
	after := map[string]func(){"schema": func() { dbtest.Exec(t, owner, "alter schema uz rename to gone") }}
	for range 2 { // the second one finds the next schema at once
		_, err := openWith(t, both, after).FindUsers(t.Context(), []string{"alice"})
		if errs.KindOf(err) != errs.Config || len(after) > 0 {
			t.Error(err)
		}
	}
}

// What is missing while the tables are looked at somebody can make afterwards who may make tables in the schema, a view that calls a
// function. A superuser reads nothing where a table is missing, and the table of audit lines only if it was looked at.
func TestAMissingTableIsMadeMeanwhile(t *testing.T) {
	for _, table := range append(db.UsedTables(), "audit_lines") {
		super, owner := ownedSite(t) // who owns nothing any more
		dbtest.Exec(t, super, "reassign owned by owner_of_"+database(super)+" to postgres; grant all on ran to public")
		dbtest.Exec(t, owner, "create function evil() returns boolean language plpgsql as 'begin perform nextval(''public.ran''); return true; end'")
		dbtest.Exec(t, super, "grant select on "+table+" to public; alter table "+table+" rename to hidden")
		dbtest.Exec(t, owner, "create view view_of_it as select * from hidden where public.evil()")
		put := func() { dbtest.Exec(t, owner, "alter view view_of_it rename to "+table) }
		d := openWith(t, super, map[string]func(){"owners": put})
		d.Expect([]string{"alice"}, switchNames())
		_, first := d.FindUsers(t.Context(), []string{"alice"})
		_, second := d.Details(t.Context(), []string{"alice"})
		_, third := d.Logins().Read(t.Context(), history.Query{Usernames: []string{"alice"}})
		if table != "audit_lines" && (first == nil || second == nil) || third == nil {
			t.Errorf("%s: %v, %v, %v", table, first, second, third)
		}
		wantNothingRun(t, super)
	}
}

// A change while the answers come makes them old: they are not kept.
func TestExpectedWhileSomethingChanges(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	var d *db.DB
	alice := find(t, open(t, db.Config{ConnString: url}), "alice")
	sid := "YF00000000000000000000000000000001"
	becomes := mfa.Row{UUID: alice.UUID, SID: &sid}
	after := map[string]func(){"find_users": func() {
		if err := d.CompareAndSet(t.Context(), "alice", alice.Row, becomes); err != nil {
			t.Error(err)
		}
	}}
	d = openWith(t, url, after)
	d.Expect([]string{"alice"}, switchNames())
	if _, err := d.InjectorClasses(t.Context(), switchNames()); err != nil { // brings alice too
		t.Fatal(err)
	}
	if got := find(t, d, "alice"); !got.Equal(becomes) || len(after) > 0 {
		t.Errorf("alice is as before the change: %+v", got)
	}
}
