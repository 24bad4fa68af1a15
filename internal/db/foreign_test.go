package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/sharedtest"
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

// What the owner of the tables, or of their schema, makes there runs with the rights of the role that connects. So a
// superuser is not connected to what belongs to others, whatever is there now: they could exchange it at any moment. For
// the owner all is as it was.
func TestTheOwnersCodeDoesNotRunForASuperuser(t *testing.T) {
	tests := map[string]struct {
		lay   string // by the superuser: PLAIN owns some things, and makes some as the superuser's lines say
		as    string // by PLAIN
		words string // of the error
	}{
		"owner of the tables": {as: "create trigger t before update on users for each row execute function fire()",
			words: `table "users" belongs to role "PLAIN", with fewer rights than role "postgres"`},
		"owner who has laid nothing yet": {words: `table "users" belongs to role "PLAIN"`},
		"owner of one table that is only read": {lay: "TAKE; alter table company owner to PLAIN",
			words: `table "company" belongs to role "PLAIN"`},
		"owner of a type of an unused column": {words: `table "users" belongs to role "PLAIN"`,
			as: "create domain odd as text check (ran()); alter table injector_classes add column odd odd"},
		"owner of the schema": {lay: "TAKE; alter schema public owner to PLAIN",
			words: `schema "public" belongs to role "PLAIN"`},
		"owner of the database, if that owns the schema": {lay: "TAKE; alter schema public owner to pg_database_owner; alter database DATABASE owner to PLAIN",
			words: `schema "public" belongs to role "PLAIN"`},
		"right to make triggers": {lay: "TAKE; grant trigger on users to PLAIN", as: "create trigger t before update on users for each row execute function fire()",
			words: `role "PLAIN" may put triggers or foreign keys on table "users"`},
		"everybody's right to make triggers": {lay: "TAKE; grant all on injector_classes to public",
			words: `every role may put triggers or foreign keys on table "injector_classes"`},
		"right to make foreign keys": {lay: "TAKE; grant references (name) on injector_classes to PLAIN",
			words: `role "PLAIN" may put triggers or foreign keys on table "injector_classes"`},
		"function of a superuser's trigger": {lay: "TAKE; create trigger t before update on users for each row execute function fire()",
			words: `function "fire()", which table "users" calls, belongs to role "PLAIN"`},
		"function in a superuser's check": {lay: "TAKE; alter table users add constraint c check (ran()) not valid",
			words: `function "ran()", which table "users" calls, belongs to role "PLAIN"`},
		"search_path of a superuser's trigger": {lay: "TAKE; create trigger t before update on users for each row execute function harmless()",
			words: `function "harmless()", which table "users" calls, would run with the rights of superuser "postgres"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			super, owner := ownedSite(t)
			var take strings.Builder
			for _, table := range db.UsedTables() {
				fmt.Fprintf(&take, "alter table %s owner to postgres; ", table)
			}
			named := strings.NewReplacer("TAKE", take.String(), "PLAIN", "owner_of_"+database(super), "DATABASE", database(super)).Replace
			if strings.Contains(tt.lay, "pg_database_owner") {
				needsVersion(t, super, 14)
			}
			if tt.lay != "" {
				dbtest.Exec(t, super, named(tt.lay))
			}
			if tt.as != "" {
				dbtest.Exec(t, owner, tt.as)
			}
			dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
			d := open(t, db.Config{ConnString: super})
			_, err := d.FindUsers(t.Context(), []string{"alice"})
			wantError(t, err, errs.Config, named(tt.words))
			wantError(t, useAllRights(t, d), errs.Config, named(tt.words))
			_, _, err = d.HoldTrial(t.Context(), time.Minute)
			wantError(t, err, errs.Config, named(tt.words))
			wantError(t, d.CheckReady(t.Context()), errs.Config, named(tt.words))
			_, err = d.MissingRights(t.Context())
			wantError(t, err, errs.Config, named(tt.words))
			wantNothingRun(t, super)
			if tt.lay == "" {
				if err := useAllRights(t, open(t, db.Config{ConnString: owner})); err != nil {
					t.Error("as the owner:", err)
				}
			}
		})
	}
}

// needsVersion leaves the test out if the server is older than this version of PostgreSQL.
func needsVersion(t *testing.T, url string, major int) {
	t.Helper()
	var version int
	if err := dbtest.Connect(t, url).QueryRow(t.Context(), "select current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < major {
		sharedtest.LeaveOut(t, sharedtest.Newer, fmt.Errorf("this is PostgreSQL %d, and %d has it", version, major))
	}
}

// The owner of the schema puts another one in its place between two statements, again and again. A superuser is never
// in there.
func TestASchemaIsExchanged(t *testing.T) {
	super, owner := ownedSite(t)
	role := "owner_of_" + database(super)
	dbtest.Exec(t, super, "create schema uz authorization "+role+"; grant create on database "+database(super)+" to "+role)
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, super, "alter table "+table+" owner to postgres; alter table "+table+" set schema uz")
	}
	dbtest.Exec(t, super, "grant select on all tables in schema uz to "+role)
	dbtest.Exec(t, owner, "create schema evil")
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, owner, "create table evil."+table+" (like uz."+table+")")
	}
	dbtest.Exec(t, owner, "insert into evil.users select * from uz.users")
	dbtest.Exec(t, owner, "create trigger t before update on evil.users for each row execute function fire()")
	swap := "alter schema uz rename to old; alter schema evil rename to uz"
	dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
	alice := mfa.Row{}
	for range 2 {
		d := open(t, db.Config{ConnString: super + "&search_path=uz"})
		wantError(t, d.CompareAndSet(t.Context(), "alice", alice, alice), errs.Config, ` belongs to role "`+role+`"`)
		dbtest.Exec(t, owner, swap)
		swap = "alter schema uz rename to evil; alter schema old rename to uz"
	}
	wantNothingRun(t, super)
}

// What can't do harm is no reason to refuse: a superuser's own functions with a search_path, and PostgreSQL's own; rights
// of those who may change rows only.
func TestASuperusersOwnCodeIsTrusted(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	role := "owner_of_" + database(url)
	dbtest.Exec(t, url, "create role "+role+`; create sequence ran; grant all on ran to public; grant select, insert, update, delete on users to `+role+`;
		create function logged() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
			as 'begin perform nextval(''public.ran''); return new; end';
		create function loose() returns trigger language plpgsql as 'begin return new; end';
		create trigger logged before update on users for each row when (old.uuid is not null) execute function logged();
		create trigger same before update on users for each row execute function suppress_redundant_updates_trigger();
		create trigger read_only before update on company for each row execute function loose();
		create trigger off before update on users for each row execute function loose();
		alter table users disable trigger off;
		create index on person (lower(surname)) where surname <> '';
		alter table users add constraint plain check (length(username) > 0), add column created timestamp default now(), add column day date default current_date`)
	d := open(t, db.Config{ConnString: url})
	if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}
	dbtest.Exec(t, url, "drop trigger same on users") // useAllRights changes nothing in the row
	if err := useAllRights(t, d); err != nil {
		t.Error(err)
	}
}

// A role that is a member of more roles than the owner, or may do more, has more to lose, too.
func TestAMemberOfMoreThanTheOwner(t *testing.T) {
	super, owner := ownedSite(t)
	dbtest.Exec(t, owner, "create trigger t before update on users for each row execute function fire()")
	role := "member_in_" + database(super)
	dbtest.Exec(t, super, fmt.Sprintf("create role %[1]s login in role owner_of_%[2]s", role, database(super)))
	connect := dbtest.As(t, super, role)
	if err := useAllRights(t, open(t, db.Config{ConnString: connect})); err != nil {
		t.Error("a member of the owner only:", err)
	}
	dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
	for give, take := range map[string]string{
		"grant pg_write_server_files to " + role: "revoke pg_write_server_files from " + role,
		"alter role " + role + " bypassrls":      "alter role " + role + " nobypassrls",
		"alter role " + role + " createdb":       "alter role " + role + " nocreatedb",
	} {
		dbtest.Exec(t, super, give)
		wantError(t, useAllRights(t, open(t, db.Config{ConnString: connect})), errs.Config, `belongs to role "owner_of_`)
		dbtest.Exec(t, super, take)
	}
	// The session of a superuser that only acts as the owner is still a superuser's.
	as := super + "&options=-crole%3Downer_of_" + database(super)
	wantError(t, useAllRights(t, open(t, db.Config{ConnString: as})), errs.Config, `belongs to role "owner_of_`)
	wantNothingRun(t, super)
	dbtest.Exec(t, super, "alter role owner_of_"+database(super)+" createdb; alter role "+role+" createdb")
	find(t, open(t, db.Config{ConnString: connect}), "alice") // the owner may do the same
}

// A role that is nobody's member has more than the owner too, if it has a right over the whole server that the owner lacks.
func TestARoleOfMoreThanTheOwner(t *testing.T) {
	super, _ := ownedSite(t)
	role := "apart_in_" + database(super)
	dbtest.Exec(t, super, fmt.Sprintf("create role %[1]s login; grant select on all tables in schema public to %[1]s", role))
	connect := dbtest.As(t, super, role)
	find(t, open(t, db.Config{ConnString: connect}), "alice")
	for _, right := range []string{"createrole", "createdb", "replication", "bypassrls"} {
		dbtest.Exec(t, super, "alter role "+role+" "+right)
		_, err := open(t, db.Config{ConnString: connect}).FindUsers(t.Context(), []string{"alice"})
		wantError(t, err, errs.Config, `belongs to role "owner_of_`)
		dbtest.Exec(t, super, "alter role owner_of_"+database(super)+" "+right)
		find(t, open(t, db.Config{ConnString: connect}), "alice") // the owner may do the same
		dbtest.Exec(t, super, "alter role "+role+" no"+right)
	}
}

// Since PostgreSQL 16 the owner can be a member of all our roles and have none of their rights. Then it has less than we.
// Who has them in one way or another has not less.
func TestAMemberWithoutRights(t *testing.T) {
	super, owner := ownedSite(t)
	needsVersion(t, super, 16)
	dbtest.Exec(t, owner, "create trigger t before update on users for each row execute function fire()")
	more, role, owns := "more_in_"+database(super), "member_in_"+database(super), "owner_of_"+database(super)
	dbtest.Exec(t, super, fmt.Sprintf("create role %[1]s; create role %[2]s login in role %[1]s, %[3]s", more, role, owns))
	connect := dbtest.As(t, super, role)
	for options, trusted := range map[string]bool{
		"inherit false, set false, admin false": false,
		"inherit true, set false, admin false":  true,
		"inherit false, set true, admin false":  true,
		"inherit false, set false, admin true":  true,
	} {
		dbtest.Exec(t, super, "select setval('public.ran', 1, false)")
		dbtest.Exec(t, super, fmt.Sprintf("grant %s to %s with %s", more, owns, options))
		d := open(t, db.Config{ConnString: connect})
		if trusted {
			if _, err := d.FindUsers(t.Context(), []string{"alice"}); err != nil {
				t.Errorf("%s: %v", options, err)
			}
			continue
		}
		wantError(t, useAllRights(t, d), errs.Config, `belongs to role "`+owns)
		wantNothingRun(t, super)
	}
}

// Each connection looks for itself: the second one may reach another server, or another database of the same name.
func TestEachConnectionLooks(t *testing.T) {
	super, _ := ownedSite(t)
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, super, "alter table "+table+" owner to postgres")
	}
	d := open(t, db.Config{ConnString: super})
	find(t, d, "alice")
	var found error
	for _, err := range d.Users(t.Context(), db.ByUsername) { // holds the first connection
		if found = err; err == nil {
			dbtest.Exec(t, super, "alter schema public owner to owner_of_"+database(super))
			_, found = d.FindUsers(t.Context(), []string{"alice"})
		}
		break
	}
	wantError(t, found, errs.Config, `schema "public" belongs to role`)
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
	for _, table := range db.UsedTables() {
		dbtest.Exec(t, super, "alter table "+table+" owner to postgres; grant select on "+table+" to owner_of_"+name)
	}
	dbtest.Exec(t, super, `alter schema public rename to "Odd \ ""name"; create schema public`)
	dbtest.Exec(t, super, `alter database `+name+` set search_path = nowhere, "Odd \ ""name", public`)
	alice := find(t, open(t, db.Config{ConnString: super}), "alice")
	if err := open(t, db.Config{ConnString: super}).CompareAndSet(t.Context(), "alice", alice.Row, alice.Row); err != nil {
		t.Error(err)
	}
	if missing, err := open(t, db.Config{ConnString: super}).MissingRights(t.Context()); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}

	// Neither does a table users of a stranger before it lead elsewhere, nor one behind it end a command, even with all the
	// tables that uzERP has.
	role := "stranger_in_" + name
	dbtest.Exec(t, super, "create role "+role+` login; create schema nowhere; create table nowhere.users (username text);
		alter table nowhere.users owner to `+role)
	tables := "create table PLACE.users (username text); create table PLACE.person (); create table PLACE.injector_classes (); " +
		"alter table PLACE.users owner to " + role
	dbtest.Exec(t, super, strings.ReplaceAll(tables, "PLACE", "public"))
	for _, url := range []string{super, owner} {
		find(t, open(t, db.Config{ConnString: url}), "alice")
	}

	// A schema with the role's name, which "$user" puts first, is not where uzERP looks: that may be a trap.
	odd := "&search_path=%22%24user%22,%22Odd%20%5C%20%22%22name%22"
	mine := "owner_of_" + name
	dbtest.Exec(t, super, "create schema "+mine+"; grant usage on schema "+mine+" to "+mine)
	dbtest.Exec(t, super, "create table "+mine+".users (username text); alter table "+mine+".users owner to "+role)
	find(t, open(t, db.Config{ConnString: owner + odd}), "alice")
	dbtest.Exec(t, super, "drop table "+mine+".users; "+strings.ReplaceAll(tables, "PLACE", mine))
	_, err := open(t, db.Config{ConnString: owner + odd}).FindUsers(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, `their owners differ: "`+mine+`", "Odd \\ \"name"`)
	find(t, open(t, db.Config{ConnString: owner + "&search_path=%22Odd%20%5C%20%22%22name%22"}), "alice")
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
	words := `row-level security hides rows from role "` + role + `" (from the settings) in "users"`
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
