package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/shell"
)

func TestFindUsersGivesWholeUsers(t *testing.T) {
	d, _ := sample(t)
	want := mfa.User{
		Username: "alice", Person: "Alice Archer", Email: ptr("alice@example.com"), AccessEnabled: ptr(true),
		LastLogin: ptr(time.Date(2026, 3, 2, 8, 59, 11, 0, time.UTC)),
		Row:       mfa.Row{UUID: ptr("22222222-2222-4222-8222-222222222222"), Enrolled: ptr(false), Enabled: ptr(false)},
	}
	if diff := cmp.Diff(want, find(t, d, "alice")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(mfa.User{Username: "erin", Email: ptr("erin@example.com"), AccessEnabled: ptr(true),
		Row: mfa.Row{Enrolled: ptr(false), Enabled: ptr(false)}}, find(t, d, "erin")); diff != "" {
		t.Error(diff)
	}
	if bob := find(t, d, "bob"); bob.Enrolled != nil || bob.Enabled != nil {
		t.Errorf("NULL became something: %+v", bob.Row)
	}
	if dave := find(t, d, "dave"); dave.Access() {
		t.Error("dave has access")
	}
	users, err := d.FindUsers(t.Context(), []string{"grace", "ALICE", "nobody", "frank", "frank"})
	if err != nil || len(users) != 2 {
		t.Errorf("%d users, %v", len(users), err)
	}
	states := map[string]mfa.State{"alice": mfa.StateNotEnrolled, "bob": mfa.StateNotEnrolled, "erin": mfa.StateBroken,
		"frank": mfa.StateBroken, "grace": mfa.StateSkipNextLogin}
	for name, state := range states {
		if got := find(t, d, name).State(); got != state {
			t.Errorf("%s is %s, want %s", name, got, state)
		}
	}
}

func TestCompareAndSetWritesAllFourColumnsAndNothingElse(t *testing.T) {
	d, url := sample(t)
	columns := []string{"public.users.uuid", "public.users.mfa_sid", "public.users.mfa_enrolled", "public.users.mfa_enabled"}
	before := dbtest.Snapshot(t, url, columns...)
	others := dbtest.Snapshot(t, url)["public.users"]

	rows := []mfa.Row{
		find(t, d, "erin").Row,
		{UUID: ptr("99999999-9999-4999-8999-99999999aaaa"), SID: ptr("YF" + strings.Repeat("0", 32)), Enrolled: ptr(true), Enabled: ptr(true)},
		{UUID: ptr("99999999-9999-4999-8999-99999999aaaa"), SID: ptr(""), Enrolled: ptr(false), Enabled: nil},
		{},
		{Enrolled: ptr(true)},
		{SID: ptr(" '\"\\%\x1b[31m")},
		{UUID: ptr("99999999-9999-4999-8999-99999999bbbb"), Enabled: ptr(false)},
	}
	for i := range len(rows) - 1 {
		if err := d.CompareAndSet(t.Context(), "erin", rows[i], rows[i+1]); err != nil {
			t.Fatal(i, err)
		}
		if diff := cmp.Diff(rows[i+1], find(t, d, "erin").Row); diff != "" {
			t.Error(i, diff)
		}
		for j, stale := range rows {
			if j == i+1 {
				continue
			}
			err := d.CompareAndSet(t.Context(), "erin", stale, mfa.Row{SID: ptr("wrong")})
			if !errors.Is(err, errs.ErrChanged) {
				t.Errorf("row %d passed as row %d: %v", j, i+1, err)
			}
			wantError(t, err, errs.Refused, "changed meanwhile")
		}
	}
	if diff := cmp.Diff(before, dbtest.Snapshot(t, url, columns...)); diff != "" {
		t.Error("something else changed:", diff)
	}
	changed := 0
	for _, row := range dbtest.Snapshot(t, url)["public.users"] {
		if !slices.Contains(others, row) {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d users changed", changed)
	}

	for _, gone := range []string{"nobody", "a\x00b", "\xff"} {
		err := d.CompareAndSet(t.Context(), gone, mfa.Row{}, mfa.Row{})
		if !errors.Is(err, errs.ErrChanged) || errs.KindOf(err) != errs.Refused {
			t.Errorf("%q: %v", gone, err)
		}
	}
}

func TestCompareAndSetComparesUUIDsAsSuch(t *testing.T) {
	d, _ := sample(t)
	alice := find(t, d, "alice").Row
	alice.UUID = ptr(strings.ToUpper("{" + *alice.UUID + "}"))
	if err := d.CompareAndSet(t.Context(), "alice", alice, mfa.Row{UUID: ptr("AAAAAAAA-0000-4000-8000-00000000000A")}); err != nil {
		t.Fatal(err)
	}
	if got := *find(t, d, "alice").UUID; got != "aaaaaaaa-0000-4000-8000-00000000000a" {
		t.Errorf("uuid %q is not canonical", got)
	}
}

// Of many sessions that read the same row exactly one changes it, whatever the server's default isolation level is.
func TestCompareAndSetHasOneWinner(t *testing.T) {
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			dbtest.Exec(t, url, "alter role postgres in database "+database(url)+" set default_transaction_isolation = '"+isolation+"'")
			d := open(t, db.Config{ConnString: url, MaxConns: 8})
			for round := range 5 {
				was := find(t, d, "alice").Row
				var won atomic.Int64
				var wg sync.WaitGroup
				for i := range 24 {
					wg.Go(func() {
						sid := fmt.Sprintf("YF%032x", round*100+i)
						err := d.CompareAndSet(background(), "alice", was, mfa.Row{UUID: was.UUID, SID: &sid})
						switch {
						case err == nil:
							won.Add(1)
						case !errors.Is(err, errs.ErrChanged):
							t.Errorf("loser got %v", err)
						}
					})
				}
				wg.Wait()
				if won.Load() != 1 {
					t.Fatalf("%d winners", won.Load())
				}
			}
		})
	}
}

func TestLockedRow(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d := open(t, db.Config{ConnString: url, LockTimeout: 100 * time.Millisecond})
	was := find(t, d, "alice").Row
	unlock := lock(t, url, "select 1 from users where username = 'alice' for update")
	err := d.CompareAndSet(t.Context(), "alice", was, mfa.Row{})
	wantError(t, err, errs.Unavailable, "lock")
	if err := d.CompareAndSet(t.Context(), "bob", find(t, d, "bob").Row, mfa.Row{}); err != nil {
		t.Error("another row:", err)
	}
	unlock()
	if err := d.CompareAndSet(t.Context(), "alice", was, mfa.Row{}); err != nil {
		t.Error("after the lock:", err)
	}
}

// An interrupt while waiting for a lock must not let the change happen later.
func TestInterruptedWhileWaitingForALock(t *testing.T) {
	d, url := sample(t)
	was := find(t, d, "alice").Row
	unlock := lock(t, url, "select 1 from users where username = 'alice' for update")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if err := d.CompareAndSet(ctx, "alice", was, mfa.Row{SID: ptr("late")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	unlock()
	time.Sleep(300 * time.Millisecond)
	if diff := cmp.Diff(was, find(t, d, "alice").Row); diff != "" {
		t.Error("changed after all:", diff)
	}
}

func TestFactorOwners(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, "update users set mfa_sid = case username when 'bob' then 'YF1' else 'YF2' end where username in ('alice', 'bob', 'carol')")
	owners, err := d.FactorOwners(t.Context(), []string{"YF1", "YF2", "YF3", "", "\x00", "\xfe"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"YF1": {"bob"}, "YF2": {"alice", "carol"}}, owners); diff != "" {
		t.Error(diff)
	}
	if owners, err := d.FactorOwners(t.Context(), nil); err != nil || len(owners) != 0 {
		t.Error(owners, err)
	}
}

func TestUsersWithoutUUID(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, "update users set uuid = null where username in ('carol'); insert into users (username, password) values ('Zoe', '*'), ('ärger', '*')")
	users, err := d.UsersWithoutUUID(t.Context())
	var names []string
	for _, u := range users {
		names = append(names, u.Username)
	}
	if diff := cmp.Diff([]string{"Zoe", "carol", "erin", "ärger"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// hostile returns texts that PostgreSQL can hold and that break naive programs.
func hostile() []string {
	return []string{
		"o'neil", `say "hi"`, `back\slash`, `%`, `_`, `100%_`, "; drop table users; --", "$1", "@names", ":name", "{}", "{a,b}", "NULL",
		"\x1b[31mred\x1b[0m", "tab\there", "new\nline", "\r", "\a", "\u202etxet", "\u200b", "🧑‍💻", "Müller", "Mu\u0308ller", "名前",
		" ", " lead", "trail ", "", strings.Repeat("x", 200), strings.Repeat("é", 200), "../../etc", "a/b?c=d&e", "-y", "--yes", "\u2028",
	}
}

func TestHostileNamesComeBackAsTheyAre(t *testing.T) {
	url := dbtest.New(t, dbtest.Sandbox)
	for _, name := range hostile() {
		dbtest.Exec(t, url, "insert into users (username, password, email, mfa_sid) values ($1, '*', $1, $1)", name)
	}
	d := open(t, db.Config{ConnString: url})
	users, err := d.FindUsers(t.Context(), append(hostile(), "a\x00b", "\xff\xfe", "caf\xe9", "none"))
	if err != nil || len(users) != len(hostile()) {
		t.Fatalf("%d users of %d, %v", len(users), len(hostile()), err)
	}
	var listed []string
	for u, err := range d.Users(t.Context(), db.ByUsername) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, u.Username)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(hostile())), listed); diff != "" {
		t.Error(diff)
	}
	for _, name := range hostile() {
		u := find(t, d, name)
		if u.Username != name || *u.Email != name || *u.SID != name {
			t.Errorf("%q came back as %+v", name, u)
		}
		if err := d.CompareAndSet(t.Context(), name, u.Row, mfa.Row{UUID: u.UUID, SID: ptr(name + name)}); len(name) < 200 && err != nil {
			t.Errorf("%q: %v", name, err)
		}
		got, err := onlyNames(d.Usernames(t.Context(), name, true, 1000))
		if err != nil || slices.Contains(got, name) != shell.IsBare(name) {
			t.Errorf("completing %q gave %q, %v", name, got, err)
		}
		for _, g := range got {
			if !strings.EqualFold(g[:len(name)], name) {
				t.Errorf("completing %q gave %q", name, g)
			}
		}
	}
	for _, name := range []string{"a\x00b", "\xff\xfe"} {
		if users, err := d.FindUsers(t.Context(), []string{name}); err != nil || len(users) != 0 {
			t.Errorf("%q: %v, %v", name, users, err)
		}
		if names, err := d.Usernames(t.Context(), name, false, 9); err != nil || len(names) != 0 {
			t.Errorf("%q: %v, %v", name, names, err)
		}
	}
}

func onlyNames(found []mfa.Proposal, err error) ([]string, error) {
	var names []string
	for _, p := range found {
		names = append(names, p.Username)
	}
	return names, err
}

func TestUsernames(t *testing.T) {
	d, database := sample(t)
	for prefix, want := range map[string][]string{
		"a": {"admin", "alice"}, "alice": {"alice"}, "A": {"admin", "alice"}, "aLi": {"alice"}, "%": nil, "_": nil, "zz": nil,
	} {
		if got, err := onlyNames(d.Usernames(t.Context(), prefix, true, 10)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
	dbtest.Exec(t, database, "insert into users (username, password) select 'aa`touch ' || n || '`', '*' from generate_series(1, 300) n")
	dbtest.Exec(t, database, `insert into users (username, password) values ('a$(id)', ''),
		('a b', ''), ('a=b', ''), ('a~b', ''), (E'a\nb', ''), ('-a', ''), ('aé', ''), ('a.B-c_d@e+f', '')`)
	if got, err := onlyNames(d.Usernames(t.Context(), "a", true, 200)); err != nil || !slices.Equal(got, []string{"a.B-c_d@e+f", "admin", "alice"}) {
		t.Errorf("%q, %v", got, err)
	}
	dbtest.Exec(t, database, "delete from users where username = 'a.B-c_d@e+f'")
	if got, err := onlyNames(d.Usernames(t.Context(), "", true, 3)); err != nil || !slices.Equal(got, []string{"admin", "alice", "bob"}) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := onlyNames(d.Usernames(t.Context(), "a", false, 400)); err != nil || len(got) != 308 || !slices.Contains(got, "a b") {
		t.Errorf("not bare: %d names, %v", len(got), err)
	}
	// Letter for letter comes first, whatever the order of bytes.
	dbtest.Exec(t, database, "insert into users (username, password) values ('BOBBY', ''), ('bO', '')")
	if got, err := onlyNames(d.Usernames(t.Context(), "bo", true, 9)); err != nil || !slices.Equal(got, []string{"bob", "BOBBY", "bO"}) {
		t.Errorf("%q, %v", got, err)
	}
	got, err := d.Usernames(t.Context(), "al", true, 9)
	if err != nil || len(got) != 1 || got[0] != (mfa.Proposal{Username: "alice", Person: "Alice Archer"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// lock runs sql in a transaction of its own and keeps that open until the returned function is called.
func lock(t *testing.T, url, sql string) func() {
	t.Helper()
	conn := dbtest.Connect(t, url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(background()); err != nil {
			t.Error(err)
		}
	}
}

// database returns the name of the database in a URL of dbtest.
func database(url string) string {
	path, _, _ := strings.Cut(url, "?")
	return path[strings.LastIndexByte(path, '/')+1:]
}
