package db_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// ownedSite returns a superuser's URL and the URL of the role that owns uzERP's tables and may make objects.
func ownedSite(t *testing.T) (super, owner string) {
	t.Helper()
	super = dbtest.New(t, dbtest.Sample)
	role := "owner_of_" + database(super)
	dbtest.Exec(t, super, "create role "+role+" login; grant all on schema public to "+role)
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, super, "alter table "+table+" owner to "+role)
	}
	// A copy of what reaches a superuser's rights: it counts, and a rollback doesn't take that back.
	dbtest.Exec(t, super, `create sequence ran; grant all on ran to public;
		create function harmless() returns trigger language plpgsql as 'begin return new; end'`)
	owner = dbtest.As(t, super, role)
	dbtest.Exec(t, owner, `
		create function ran() returns boolean language plpgsql as 'begin perform nextval(''public.ran''); return true; end';
		create function fixed(text) returns text language plpgsql immutable as 'begin perform public.ran(); return $1; end';
		create function fire() returns trigger language plpgsql as 'begin perform public.ran(); return new; end'`)
	return super, owner
}

func wantNothingRun(t *testing.T, super string) {
	t.Helper()
	var called bool
	if err := dbtest.Connect(t, super).QueryRow(t.Context(), "select is_called from public.ran").Scan(&called); err != nil {
		t.Fatal(err)
	}
	if called {
		t.Error("the owner's code has run")
	}
}

// What the tables' owner lays on them runs with the rights of the role that connects. So nothing of it runs for a
// superuser, who is refused. For the owner, and for the role of grants, all is as it was.
func TestTheOwnersCodeDoesNotRunForASuperuser(t *testing.T) {
	tests := map[string]struct {
		lay   string // by the owner
		reads bool   // it would run if the tables are only read, too
		words string // of the error
	}{
		"trigger": {lay: "create trigger t before update on users for each row execute function fire()",
			words: `the trigger "t" on table "users"`},
		"trigger of a statement": {lay: "create trigger t after insert or update on injector_classes for each statement execute function fire()",
			words: `the trigger "t" on table "injector_classes"`},
		"trigger with a condition": {lay: "create trigger t before update on users for each row when (ran()) execute function harmless()",
			words: `the trigger "t"`},
		"trigger with any SQL": {lay: `create trigger t before update on users for each row
				when (query_to_xml('select public.ran()', true, true, '') is not null) execute function harmless()`,
			words: `the trigger "t"`},
		"rule": {lay: "create rule r as on update to users do also select ran()", words: `the rule "r"`},
		"check": {lay: "alter table users add constraint c check (ran()) not valid",
			words: `the check constraint "c"`, reads: true},
		"check with any SQL": {lay: "alter table users add constraint c check (query_to_xml('select public.ran()', true, true, '') is not null) not valid",
			words: `the check constraint "c"`},
		"default": {lay: "alter table injector_classes alter description set default ran()::text",
			words: `the default of the column "description"`, reads: true},
		"default with any SQL": {lay: "alter table injector_classes alter description set default query_to_xml('select public.ran()', true, true, '')::text",
			words: `the default of the column "description"`},
		"index":      {lay: "create index i on users (fixed(email)) where fixed('x') = 'y'", words: `the index "i"`, reads: true},
		"statistics": {lay: "create statistics s on (fixed(email)), username from users", words: `the statistics "s"`, reads: true},
		"generated column": {lay: "alter table users add column g text generated always as (fixed(mfa_sid)) stored",
			words: `the default of the column "g"`, reads: true},
		"type": {lay: "create domain sid as varchar(255) check (ran()); alter table users alter mfa_sid type sid",
			words: `the type of the column "mfa_sid"`, reads: true},
		"child table": {lay: "create table child () inherits (users)", words: `the child table "child"`, reads: true},
		"foreign key": {lay: `create table mine (name varchar, class_name varchar,
				foreign key (name, class_name) references injector_classes (name, class_name) on update cascade);
			create constraint trigger later after update on mine deferrable initially deferred for each row execute function fire();
			insert into mine select name, class_name from injector_classes`,
			words: `the foreign key "mine_name_class_name_fkey"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			super, owner := ownedSite(t)
			dbtest.Exec(t, owner, tt.lay)
			dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
			d := open(t, db.Config{ConnString: super})
			users, err := d.FindUsers(t.Context(), []string{"alice"})
			switch {
			case tt.reads && strings.Contains(tt.words, "column \"description\""):
				_, err = d.InjectorClasses(t.Context(), switchNames())
				fallthrough
			case tt.reads:
				wantError(t, err, errs.Config, tt.words)
			case err != nil || len(users) != 1:
				t.Fatal("to read is safe:", err)
			}
			wantNothingRun(t, super)
			for _, err := range []error{useAllRights(t, d), d.Detach(t.Context(), 9, func() string { return "22222222-2222-4222-8222-222222222222" })} {
				if err != nil && !strings.Contains(err.Error(), "changed meanwhile") {
					wantError(t, err, errs.Config, tt.words)
				}
			}
			_, err = d.MissingRights(t.Context())
			wantError(t, err, errs.Config, tt.words)
			if err := useAllRights(t, d); err == nil {
				t.Error("it was written")
			}
			wantNothingRun(t, super)

			// As the owner everything works as before.
			everyone := open(t, db.Config{ConnString: owner})
			if err := useAllRights(t, everyone); err != nil {
				t.Error("as the owner:", err)
			}
		})
	}
}

// What can't do harm is no reason to refuse: a superuser's own functions, PostgreSQL's in an index, views of the tables.
func TestASuperusersOwnCodeIsTrusted(t *testing.T) {
	super, owner := ownedSite(t)
	dbtest.Exec(t, super, `create function logged() returns trigger language plpgsql as 'begin perform nextval(''public.ran''); return new; end';
		create trigger logged before update on users for each row when (old.uuid is not null) execute function logged()`)
	dbtest.Exec(t, owner, `create index on person (lower(surname)) where surname <> '';
		alter table users add constraint plain check (length(username) > 0), add column created timestamp default now(), add column day date default current_date;
		alter table injector_classes alter description set default 'none';
		create view usersoverview as select username, ran() from users;
		create trigger off before update on users for each row execute function fire();
		alter table users disable trigger off`)
	d := open(t, db.Config{ConnString: super})
	if err := useAllRights(t, d); err != nil {
		t.Error(err)
	}
	if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}
}

// A role that is a member of more roles than the owner has more to lose, too.
func TestAMemberOfMoreThanTheOwner(t *testing.T) {
	super, owner := ownedSite(t)
	dbtest.Exec(t, owner, "create trigger t before update on users for each row execute function fire()")
	role := "member_in_" + database(super)
	dbtest.Exec(t, super, fmt.Sprintf("create role %[1]s login in role owner_of_%[2]s", role, database(super)))
	connect := dbtest.As(t, super, role)
	if err := useAllRights(t, open(t, db.Config{ConnString: connect})); err != nil {
		t.Error("a member of the owner only:", err)
	}
	dbtest.Exec(t, super, "grant pg_write_server_files to "+role+"; select setval('public.ran', 1, false)")
	wantError(t, useAllRights(t, open(t, db.Config{ConnString: connect})), errs.Config, `the trigger "t"`)
	wantNothingRun(t, super)
}

// The owner makes and drops the trigger again and again. No moment is the right one.
func TestNoTriggerComesBetweenTheCheckAndTheChange(t *testing.T) {
	super, owner := ownedSite(t)
	d := open(t, db.Config{ConnString: super})
	conn := dbtest.Connect(t, owner)
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil && !stop.Load() {
			_, err = conn.Exec(background(), "create trigger t before update on users for each row execute function fire(); "+
				"commit; drop trigger t on users", pgx.QueryExecModeSimpleProtocol)
		}
		done <- err
	}()
	alice := find(t, d, "alice")
	for range 200 {
		if err := d.CompareAndSet(t.Context(), "alice", alice.Row, alice.Row); err != nil {
			if _, ok := err.(*errs.Error); !ok || errs.KindOf(err) != errs.Config {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantNothingRun(t, super)
}

// A view in place of a table is refused for every role.
func TestAViewIsNoTable(t *testing.T) {
	super, owner := ownedSite(t)
	dbtest.Exec(t, owner, "alter table person rename to person2; create view person as select * from person2 where ran()")
	for _, url := range []string{super, owner} {
		d := open(t, db.Config{ConnString: url})
		_, err := d.FindUsers(t.Context(), []string{"alice"})
		wantError(t, err, errs.Config, `view or a foreign table: "person"`)
	}
	wantNothingRun(t, super)
}

// uzERP's tables are those that the search_path of the role or the database gives, as for uzERP.
func TestTheSchemaIsTheSearchPaths(t *testing.T) {
	super, owner := ownedSite(t)
	name := database(super)
	dbtest.Exec(t, super, `alter schema public rename to "Odd \ ""name"; create schema public`)
	dbtest.Exec(t, super, `alter database `+name+` set search_path = nowhere, "Odd \ ""name", public`)
	alice := find(t, open(t, db.Config{ConnString: super}), "alice")
	if err := open(t, db.Config{ConnString: super}).CompareAndSet(t.Context(), "alice", alice.Row, alice.Row); err != nil {
		t.Error(err)
	}
	if missing, err := open(t, db.Config{ConnString: super}).MissingRights(t.Context()); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}

	// A users of the same owner in a later schema is no matter; one of another owner's may be a trap, before or after.
	role := "stranger_in_" + name
	dbtest.Exec(t, super, "create table public.users (); alter table public.users owner to owner_of_"+name)
	find(t, open(t, db.Config{ConnString: super}), "alice")
	find(t, open(t, db.Config{ConnString: owner}), "alice")
	dbtest.Exec(t, super, "create role "+role+"; alter table public.users owner to "+role)
	_, err := open(t, db.Config{ConnString: super}).FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, `their owners differ: "Odd \\ \"name", "public"`)

	// So may a schema with the name of the superuser, which "$user" puts first.
	dbtest.Exec(t, super, `drop table public.users; create schema postgres; create table postgres.users (username text);
		alter table postgres.users owner to `+role)
	_, err = open(t, db.Config{ConnString: super + "&search_path=%22%24user%22,%22Odd%20%5C%20%22%22name%22"}).FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, `their owners differ: "postgres"`)
	find(t, open(t, db.Config{ConnString: super + "&search_path=%22Odd%20%5C%20%22%22name%22"}), "alice")
}

// Row-level security hides no user in silence.
func TestRowLevelSecurityIsAnError(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	role := "role_of_" + database(url)
	early := open(t, db.Config{ConnString: least})
	find(t, early, "alice") // knows the schema before the policy comes
	dbtest.Exec(t, url, "alter table users enable row level security; create policy few on users using (username = 'bob')")
	dbtest.Exec(t, url, "alter database "+database(url)+" set row_security = on")
	late := open(t, db.Config{ConnString: least + "&options=-c%20row_security%3Don"})
	words := `row-level security hides rows from role "` + role + `" in "users"`
	for name, d := range map[string]*db.DB{"early": early, "late": late} {
		_, err := d.FindUsers(t.Context(), []string{"alice"})
		wantError(t, err, errs.Config, words)
		_, err = d.TargetDatabase(t.Context())
		wantError(t, err, errs.Config, words)
		wantError(t, d.Detach(t.Context(), 0, func() string { return "" }), errs.Config, words)
		wantError(t, d.CompareAndSet(t.Context(), "alice", mfa.Row{}, mfa.Row{}), errs.Config, words)
		for _, err = range d.Users(t.Context(), db.ByUsername) { // a failed test must not end in here, with a connection in use
		}
		wantError(t, err, errs.Config, words)
		schema, err := d.CheckSchema(t.Context())
		if err != nil {
			t.Error(name, err)
		}
		wantError(t, schema.Problem(), errs.Config, words)
	}
	dbtest.Exec(t, url, "alter role "+role+" bypassrls")
	find(t, open(t, db.Config{ConnString: least}), "alice")
}
