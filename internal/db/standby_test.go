package db_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// Databases that take no change, take one only slowly (TestManyUsers), or take it and do not keep it (TestTriggers). Each case's
// name is a line for docs/compatibility.md.
func TestStandby(t *testing.T) {
	t.Run("a hot standby", onAStandby)
	t.Run("read-only by a setting", readOnlyBySetting)
}

func TestTriggers(t *testing.T) {
	t.Run("of users", triggersOfUsers)
	t.Run("of injector_classes", triggersOfClasses)
}

// enrolled is a row that no user of the sample has.
func enrolled() mfa.Row {
	return mfa.Row{UUID: ptr("99999999-9999-4999-8999-99999999aaaa"), SID: ptr("YF" + strings.Repeat("0", 32)), Enrolled: ptr(true), Enabled: ptr(true)}
}

// changes tries each change of the database.
func changes(t *testing.T, d *db.DB) map[string]error {
	t.Helper()
	target, err := d.TargetDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, settled := d.SettledClasses(t.Context(), switchNames())
	return map[string]error{
		"look":     d.TakesChanges(t.Context()),
		"rehearse": d.MayWrite(t.Context(), "alice", enrolled()),
		"user":     d.CompareAndSet(t.Context(), "alice", find(t, d, "alice").Row, enrolled()),
		"switch":   d.ApplySwitch(t.Context(), switchNames(), plan(t, d)),
		"settled":  settled,
		"detach":   d.Detach(t.Context(), target.Users, newUUIDs()),
	}
}

func newUUIDs() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("dddddddd-0000-4000-8000-%012d", n) }
}

func wantHint(t *testing.T, err error, words string) {
	t.Helper()
	if e, ok := errors.AsType[*errs.Error](err); !ok || !strings.Contains(e.Hint.Text, words) {
		t.Errorf("%v has no hint with %q", err, words)
	}
}

func onAStandby(t *testing.T) {
	primary := dbtest.New(t, dbtest.Sample)
	standby := dbtest.Standby(t, primary)
	d := open(t, db.Config{ConnString: standby})
	t.Run("everything can be read", func(t *testing.T) {
		s, err := d.CheckSchema(t.Context())
		if err != nil || s.Problem() != nil || !s.Standby || !s.ReadOnly {
			t.Errorf("%+v, %v", s, err)
		}
		if len(list(t, d, db.ByUsername)) == 0 || find(t, d, "alice").Person == "" {
			t.Error("nobody is there")
		}
		missing, err := d.MissingRights(t.Context())
		_, withoutErr := d.UsersWithoutUUID(t.Context())
		_, trialErr := d.OnTrial(t.Context())
		_, detailsErr := d.Details(t.Context(), []string{"alice"})
		_, contactsErr := d.PhoneContacts(t.Context(), "alice")
		if err := errors.Join(err, withoutErr, trialErr, detailsErr, contactsErr, d.CheckReady(t.Context())); err != nil || len(missing) > 0 {
			t.Error(missing, err)
		}
	})
	t.Run("every change is refused, and the message says that it is a standby", func(t *testing.T) {
		before := dbtest.Snapshot(t, primary)
		for what, err := range changes(t, d) {
			wantError(t, err, errs.Refused, "is a standby")
			wantHint(t, err, "this is a standby: use the primary server")
			if errors.Is(err, errs.ErrChanged) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if diff := cmp.Diff(before, dbtest.Snapshot(t, primary)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("target_session_attrs=read-write takes the primary of several servers", func(t *testing.T) {
		at := func(s string) url.Values {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			return u.Query()
		}
		both := "postgres://postgres@/" + database(primary) + "?target_session_attrs=read-write&host=" + at(standby).Get("host") + "," +
			at(primary).Get("host") + "&port=" + at(standby).Get("port") + "," + at(primary).Get("port")
		if err := open(t, db.Config{ConnString: both}).TakesChanges(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a query that the standby ends for a change of the primary is named", func(t *testing.T) {
		err := d.Translate(t.Context(), &pgconn.PgError{Code: "40001", Severity: "ERROR", SeverityUnlocalized: "ERROR", File: "postgres.c"})
		wantError(t, err, errs.Unavailable, "the server is a standby, and ended the query")
	})
	t.Run("a standby that becomes the primary takes changes, also by a connection from before", func(t *testing.T) {
		if err := d.TakesChanges(t.Context()); err == nil {
			t.Fatal("it can be changed already")
		}
		dbtest.Exec(t, standby, "select pg_promote()")
		if err := d.TakesChanges(t.Context()); err != nil {
			t.Error(err)
		}
		if err := d.CompareAndSet(t.Context(), "alice", find(t, d, "alice").Row, enrolled()); err != nil {
			t.Error(err)
		}
	})
}

func readOnlyBySetting(t *testing.T) {
	role := "reader_of_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	for _, test := range []struct{ name, sql, query, words string }{
		{"of the database", "alter database DB set default_transaction_read_only = on", "", "for this database"},
		{"of the role", "alter role ROLE set default_transaction_read_only = on", "", "for this role (alter role)"},
		{"of the role in the database",
			"alter role ROLE in database DB set default_transaction_read_only = on", "", "for this role in this database"},
		{"in the database URL", "", "&options=-cdefault_transaction_read_only%3Don", "in the database URL or PGOPTIONS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			dbtest.Exec(t, url, "create role "+role+" superuser login")
			defer dbtest.Exec(t, url, "start transaction read write; drop role "+role+"; commit")
			if test.sql != "" {
				dbtest.Exec(t, url, strings.NewReplacer("DB", database(url), "ROLE", role).Replace(test.sql))
			}
			d := open(t, db.Config{ConnString: dbtest.As(t, url, role) + test.query})
			for _, err := range changes(t, d) {
				wantError(t, err, errs.Refused, "the database is read-only: default_transaction_read_only is on, set "+test.words)
			}
			if s, err := d.CheckSchema(t.Context()); err != nil || !s.ReadOnly || s.Standby {
				t.Errorf("%+v, %v", s, err)
			}
			d.Close()
		})
	}
}

// The limit of a call is shorter here than each statement about every user takes. A trigger or a lock makes them take long, so
// it doesn't matter how fast the machine is.
func TestManyUsers(t *testing.T) {
	const users = 20_000
	const limit, longer, never = 6 * time.Second, 9 * time.Second, time.Hour
	url := dbtest.New(t, dbtest.Sample)
	dbtest.Exec(t, url, "insert into users (username, password) select 'u' || n, '' from generate_series(1, "+strconv.Itoa(users)+") n")
	short := db.Config{ConnString: url, QueryTimeout: limit, LockTimeout: never}
	d := open(t, db.Config{ConnString: url})
	without, err := d.UsersWithoutUUID(t.Context())
	if err != nil || len(without) < users {
		t.Fatal(len(without), err)
	}
	s := injector.SwitchPlan{}
	newUUID := newUUIDs()
	for _, u := range without {
		s.Assignments = append(s.Assignments, injector.Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID(newUUID())})
	}
	if s.Was, err = d.InjectorClasses(t.Context(), switchNames()); err != nil {
		t.Fatal(err)
	}
	nobody := func(t *testing.T) {
		t.Helper()
		var n int
		const withUUID = "select count(*) from users where username like 'u%' and uuid is not null"
		if err := dbtest.Connect(t, url).QueryRow(t.Context(), withUUID).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d users have a uuid, %v", n, err)
		}
	}
	// until the end of the test, each change of users takes so long
	takes := func(t *testing.T, d time.Duration) {
		t.Helper()
		dbtest.Exec(t, url, function(fmt.Sprintf("perform pg_sleep(%f); return null;", d.Seconds()))+
			"create trigger meddler before update on users for each statement execute function meddle()")
		t.Cleanup(func() { dbtest.Exec(t, url, "drop function meddle cascade") })
	}
	t.Run("a limit that the user chose holds, and leaves nothing half done", func(t *testing.T) {
		takes(t, never)
		d := open(t, db.Config{ConnString: url + "&statement_timeout=" + strconv.FormatInt(limit.Milliseconds(), 10)})
		wantError(t, d.ApplySwitch(t.Context(), switchNames(), s), errs.Unavailable, "statement_timeout")
		nobody(t)
	})
	t.Run("so does the limit of the whole command", func(t *testing.T) {
		takes(t, never)
		d := open(t, db.Config{ConnString: url})
		if _, err := d.InjectorClasses(t.Context(), switchNames()); err != nil { // to connect may take as long, and says something else
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		wantError(t, d.ApplySwitch(ctx, switchNames(), s), errs.Unavailable, "did not answer in time")
		nobody(t)
	})
	t.Run("a row that somebody else has locked is not waited for without end", func(t *testing.T) {
		unlock := lock(t, url, "select from users where username = 'u77' for update")
		defer unlock()
		d := open(t, db.Config{ConnString: url, LockTimeout: 100 * time.Millisecond})
		wantError(t, d.ApplySwitch(t.Context(), switchNames(), s), errs.Unavailable, "lock_timeout")
		nobody(t)
	})
	t.Run("one of them that has changed meanwhile keeps all as they were", func(t *testing.T) {
		dbtest.Exec(t, url, "update users set mfa_sid = 'x' where username = 'u77'")
		few := s
		few.Assignments = slices.DeleteFunc(slices.Clone(s.Assignments), func(a injector.Assignment) bool { return len(a.Username) > 4 })
		err := d.ApplySwitch(t.Context(), switchNames(), few)
		if wantError(t, err, errs.Refused, "changed meanwhile"); !errors.Is(err, errs.ErrChanged) {
			t.Error(err)
		}
		nobody(t)
		dbtest.Exec(t, url, "update users set mfa_sid = null where username = 'u77'")
	})
	dbtest.Exec(t, url, fmt.Sprintf("alter database %s set statement_timeout = %d", database(url), limit.Milliseconds()))
	t.Run("users without a uuid are found", func(t *testing.T) {
		d := open(t, short)
		if _, err := d.InjectorClasses(t.Context(), switchNames()); err != nil { // the tables are looked at before they are locked
			t.Fatal(err)
		}
		time.AfterFunc(longer, lock(t, url, "lock table users in access exclusive mode"))
		if found, err := d.UsersWithoutUUID(t.Context()); err != nil || len(found) != len(without) {
			t.Error(len(found), err)
		}
	})
	t.Run("each gets a uuid with the switch", func(t *testing.T) {
		takes(t, longer)
		if err := open(t, short).ApplySwitch(t.Context(), switchNames(), s); err != nil {
			t.Fatal(err)
		}
		if left, err := d.UsersWithoutUUID(t.Context()); err != nil || len(left) > 0 {
			t.Error(len(left), err)
		}
	})
	t.Run("each is detached", func(t *testing.T) {
		takes(t, longer)
		target, err := d.TargetDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := open(t, short).Detach(t.Context(), target.Users, newUUIDs()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("PostgreSQL 17's transaction_timeout does not end it", func(t *testing.T) {
		needsVersion(t, url, 17)
		takes(t, longer)
		dbtest.Exec(t, url, fmt.Sprintf("alter database %s set transaction_timeout = %d", database(url), limit.Milliseconds()))
		target, err := d.TargetDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := open(t, short).Detach(t.Context(), target.Users, newUUIDs()); err != nil {
			t.Fatal(err)
		}
	})
}

// Close waits for no connection without end, also not for one that is in use.
func TestCloseWhileInUse(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Sample)})
	for _, err := range d.Users(t.Context(), db.ByUsername) {
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		go func() {
			d.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(time.Minute):
			t.Error("it waits")
		}
		break
	}
}

// Statements about every user have no limit of their own, but the begin and the end of their transaction have.
func TestLongStatements(t *testing.T) {
	detach := func(t *testing.T, d *db.DB) error {
		t.Helper()
		target, err := d.TargetDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Detach(t.Context(), target.Users, newUUIDs())
	}
	t.Run("a commit that a synchronous standby does not confirm is not waited for without end", func(t *testing.T) {
		url := dbtest.New(t, dbtest.Sample)
		const standbys = "select pg_reload_conf(), current_setting('synchronous_standby_names')"
		set := func(to string) {
			conn := dbtest.Connect(t, url)
			if _, err := conn.Exec(t.Context(), "alter system set synchronous_standby_names = '"+to+"'"); err != nil {
				t.Fatal(err)
			}
			for now := "?"; now != to; time.Sleep(10 * time.Millisecond) { // the server reads it again when it gets round to it
				if err := dbtest.Connect(t, url).QueryRow(t.Context(), standbys).Scan(nil, &now); err != nil {
					t.Fatal(err)
				}
			}
		}
		set("nobody")
		defer set("")
		d := open(t, db.Config{ConnString: url + "&options=-csynchronous_commit%3Don", QueryTimeout: 10 * time.Second})
		target, err := d.TargetDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- d.Detach(t.Context(), target.Users, newUUIDs()) }()
		select {
		case err := <-done:
			if errs.KindOf(err) != errs.Unavailable || !errors.Is(err, errs.ErrLostReply) {
				t.Error(err)
			}
		case <-time.After(hangs):
			t.Error("it still waits")
			set("") // lets it go on
			t.Log(<-done)
		}
	})
	t.Run("a row of another table that refers to a user is not waited for", func(t *testing.T) {
		url := dbtest.New(t, dbtest.Sample)
		dbtest.Exec(t, url, "update users set uuid = null; create table visits (username text references users)")
		d := open(t, db.Config{ConnString: url, LockTimeout: 100 * time.Millisecond})
		unlock := lock(t, url, "insert into visits select username from users")
		defer unlock()
		s, newUUID := plan(t, d), newUUIDs()
		users, err := d.UsersWithoutUUID(t.Context())
		if err != nil || len(users) < 2 {
			t.Fatal(len(users), err)
		}
		for _, u := range users {
			s.Assignments = append(s.Assignments, injector.Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID(newUUID())})
		}
		if err := d.ApplySwitch(t.Context(), switchNames(), s); err != nil {
			t.Error("switch:", err)
		}
		if err := detach(t, d); err != nil {
			t.Error("detach:", err)
		}
	})
	t.Run("the server looks whether the program is still there", func(t *testing.T) {
		url := dbtest.New(t, dbtest.Sample)
		needsVersion(t, url, 14)
		dbtest.Exec(t, url, function("raise exception 'each %', current_setting('client_connection_check_interval');")+onUsers)
		wantError(t, detach(t, open(t, db.Config{ConnString: url})), errs.Refused, "each 2s")
	})
}

// function is a trigger function that works for a superuser too, whose functions need a search_path.
func function(body string) string {
	return "create function meddle() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$ begin " + body + " end $$; "
}

const (
	onUsers   = "create trigger meddler before update on users for each row execute function meddle()"
	afterward = "create trigger meddler after update on users for each row execute function meddle()"
	deferred  = "create constraint trigger meddler after update on users deferrable initially deferred for each row execute function meddle()"
	undo      = "if pg_trigger_depth() = 1 then update public.users set mfa_sid = old.mfa_sid where username = new.username; end if; return null;"
)

func triggersOfUsers(t *testing.T) {
	for _, test := range []struct {
		name, sql string
		kind      errs.Kind
		words     string // empty: the change is made
	}{
		{"a trigger returns null, so that no row is changed",
			function("return null;") + onUsers, errs.Refused, `stayed as it was; table users has trigger "meddler"`},
		{"a trigger puts one value back",
			function("new.mfa_enabled := old.mfa_enabled; return new;") + onUsers, errs.Refused, "than was written: mfa_enabled"},
		{"a trigger writes another value",
			function("new.mfa_sid := upper(new.mfa_sid) || 'x'; return new;") + onUsers, errs.Refused, "than was written: mfa_sid"},
		{"a trigger after the change puts a value back", function(undo) + afterward, errs.Refused, "than was written: mfa_sid"},
		{"a trigger that is put off until the commit puts a value back", function(undo) + deferred, errs.Refused, "than was written: mfa_sid"},
		{"a trigger deletes the user",
			function("delete from public.user_company_access where username = new.username; "+
				"delete from public.users where username = new.username; return null;") + afterward,
			errs.Refused, "is not there any more"},
		{"a trigger renames the user", function("new.username := 'x' || new.username; return new;") + onUsers, errs.Refused, "is not there any more"},
		{"a trigger raises an error",
			function("raise exception 'not on my watch';") + onUsers, errs.Refused, `the database refuses the change: "not on my watch"`},
		{"a trigger that is put off until the commit raises an error",
			function("raise exception 'not on my watch';") + deferred, errs.Refused, "not on my watch"},
		{"a rule does nothing instead", "create rule meddler as on update to users do instead nothing", errs.Refused, `has rule "meddler"`},
		{"a rule does nothing instead for some users",
			"create rule meddler as on update to users where old.username = 'alice' do instead nothing",
			errs.Refused, `has rule "meddler"`},
		{"a constraint forbids it",
			"alter table users add constraint plain check (mfa_enabled is not true) not valid", errs.Refused, "the database refuses the change"},
		{"a column is computed from others",
			"alter table users drop column mfa_enabled; alter table users add column mfa_enabled boolean generated always as (uuid is null) stored",
			errs.Refused, "the database refuses the change"},
		{"the role may not change a column", "revoke update (mfa_sid) on users from LEAST", errs.Config, "(from the settings) lacks a right"},
		{"row-level security checks what is written",
			"alter table users enable row level security; create policy p on users using (true) with check (false)",
			errs.Config, "row-level security"},
		{"a view with an INSTEAD OF trigger",
			"alter table users rename to real_users; create view users as select * from real_users; grant select, update on users to LEAST; " +
				function("return null;") + "create trigger meddler instead of update on users for each row execute function meddle()", errs.Config, "not a plain table"},
		{"a trigger changes another column", function("new.email := 'changed@example.com'; return new;") + onUsers, 0, ""},
		{"a trigger leaves out changes that change nothing",
			"create trigger meddler before update on users for each row execute function suppress_redundant_updates_trigger()",
			0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			connString := url
			if strings.Contains(test.sql, "LEAST") || test.kind == errs.Config {
				connString = roleFor(t, url)
			}
			role, _, _ := strings.Cut(strings.TrimPrefix(connString, "postgres://"), "@")
			dbtest.Exec(t, url, strings.ReplaceAll(test.sql, "LEAST", role))
			before := dbtest.Snapshot(t, url)
			d := open(t, db.Config{ConnString: connString})
			was := mfa.Row{UUID: ptr("22222222-2222-4222-8222-222222222222"), Enrolled: ptr(false), Enabled: ptr(false)}
			rehearsed := d.MayWrite(t.Context(), "alice", enrolled())
			if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
				t.Error("the rehearsal changed something:", diff)
			}
			err := d.CompareAndSet(t.Context(), "alice", was, enrolled())
			if test.words == "" {
				if rehearsed != nil || err != nil || !find(t, d, "alice").Equal(enrolled()) {
					t.Fatal(rehearsed, err)
				}
				if err := d.CompareAndSet(t.Context(), "alice", enrolled(), enrolled()); err != nil {
					t.Error("a row that is as wanted:", err)
				}
				return
			}
			for _, err := range []error{rehearsed, err} {
				if wantError(t, err, test.kind, test.words); errors.Is(err, errs.ErrChanged) {
					t.Error("somebody else is blamed:", err)
				}
			}
			if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
				t.Error("something changed:", diff)
			}
		})
	}
	t.Run("of one of many users: detach and the uuids of a switch are not made for the others either", func(t *testing.T) {
		url := dbtest.New(t, dbtest.Sample)
		dbtest.Exec(t, url, "update users set uuid = null; "+function("if new.username = 'bob' then return null; end if; return new;")+onUsers)
		before := dbtest.Snapshot(t, url)
		d := open(t, db.Config{ConnString: url})
		target, err := d.TargetDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, d.Detach(t.Context(), target.Users, newUUIDs()), errs.Refused, `some users are not detached, such as "bob"; table users has trigger "meddler"`)
		s, newUUID := plan(t, d), newUUIDs()
		users, err := d.UsersWithoutUUID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			s.Assignments = append(s.Assignments, injector.Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID(newUUID())})
		}
		wantError(t, d.ApplySwitch(t.Context(), switchNames(), s), errs.Refused, `the row of user "bob" stayed as it was`)
		if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
			t.Error("something changed:", diff)
		}
	})
}

func triggersOfClasses(t *testing.T) {
	const on, after = "create trigger meddler before insert or update on injector_classes for each row execute function meddle()",
		"create trigger meddler after insert or update on injector_classes for each row execute function meddle()"
	for _, test := range []struct{ name, sql, words string }{
		{"a trigger returns null, so that no row is changed",
			function("if tg_op = 'UPDATE' then return null; end if; return new;") + on, "the row of LoginHandler was not written"},
		{"a trigger returns null, so that no row is added",
			function("if tg_op = 'INSERT' then return null; end if; return new;") + on, "the row of MFAValidator was not written"},
		{"a trigger writes another class", function("new.class_name := 'Other' || new.class_name; return new;") + on, "not as they were written"},
		{"a trigger writes another company", function("new.usercompanyid := 1; return new;") + on, "not as they were written"},
		{"a trigger after the change puts the class back", function("if pg_trigger_depth() = 1 and tg_op = 'UPDATE' then "+
			"update public.injector_classes set class_name = old.class_name where id = new.id; end if; return null;") + after, "not as they were written"},
		{"a trigger changes another row", function("if pg_trigger_depth() = 1 and tg_op = 'INSERT' then "+
			"update public.injector_classes set class_name = 'Other' where name = 'LoginHandler'; end if; return null;") + after,
			"the row of LoginHandler was not written"},
		{"a trigger raises an error", function("raise exception 'not on my watch';") + on, `the database refuses the change: "not on my watch"`},
		{"a rule does nothing instead of a change", "create rule meddler as on update to injector_classes do instead nothing", `has rule "meddler"`},
		{"a rule does nothing instead of an addition",
			"create rule meddler as on insert to injector_classes do instead nothing", `has rule "meddler"`},
		{"a trigger does something else", function("perform 1; return new;") + on, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			dbtest.Exec(t, url, test.sql)
			before := dbtest.Snapshot(t, url)
			d := open(t, db.Config{ConnString: url})
			s := plan(t, d)
			err := d.ApplySwitch(t.Context(), switchNames(), s)
			if test.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if wantError(t, err, errs.Refused, test.words); errors.Is(err, errs.ErrChanged) {
				t.Error("somebody else is blamed:", err)
			}
			if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
				t.Error("something changed:", diff)
			}
		})
	}
}
