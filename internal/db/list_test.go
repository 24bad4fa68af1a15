package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func list(t *testing.T, d *db.DB, order db.Order) []mfa.User {
	t.Helper()
	var users []mfa.User
	for u, err := range d.Users(t.Context(), order) {
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	return users
}

func names(users []mfa.User) []string {
	var result []string
	for _, u := range users {
		result = append(result, u.Username)
	}
	return result
}

func TestListOrders(t *testing.T) {
	d, url := sample(t)
	if got := names(list(t, d, db.ByUsername)); !slices.Equal(got, []string{"admin", "alice", "bob", "carol", "dave", "erin", "frank", "grace"}) {
		t.Errorf("by name: %q", got)
	}
	// A last_login that JSON can't show doesn't end the listing, and is read as no login.
	dbtest.Exec(t, url, `insert into users (username, password, last_login) values
		('inf', '*', 'infinity'), ('minus', '*', '-infinity'), ('caesar', '*', '0044-03-15 12:00 BC'),
		('far', '*', '290000-01-01'), ('y1', '*', '0001-01-01'), ('y9999', '*', '9999-12-31 23:59:59.999999')`)
	users := list(t, d, db.ByLastLogin)
	if got := names(users); !slices.Equal(got, []string{"y9999", "alice", "bob", "grace", "frank", "dave", "admin", "y1",
		"caesar", "carol", "erin", "far", "inf", "minus"}) {
		t.Errorf("by last login: %q", got)
	}
	for _, u := range users[8:] {
		if u.LastLogin != nil {
			t.Errorf("%s logged in at %v", u.Username, u.LastLogin)
		}
	}
	if got := users[6].LastLogin.Format("2006-01-02T15:04:05"); got != "2013-06-12T10:22:50" {
		t.Errorf("admin's last login is %s", got)
	}
	// The server's text formats make no difference.
	for _, options := range []string{"&options=-cdatestyle%3DGerman%20-ctimezone%3DAsia/Tokyo", "&options=-cdatestyle%3DISO"} {
		other := open(t, db.Config{ConnString: url + options})
		if got := find(t, other, "admin").LastLogin.Format("2006-01-02T15:04:05Z07:00"); got != "2013-06-12T10:22:50Z" {
			t.Errorf("%s: %s", options, got)
		}
	}
}

func TestListStoppedEarlyGivesTheConnectionBack(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	d := open(t, db.Config{ConnString: url, MaxConns: 1})
	for range 3 {
		for _, err := range d.Users(t.Context(), db.ByUsername) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	find(t, d, "alice")

	// With one connection only, a second query waits for as long as the context allows.
	for _, err := range d.Users(t.Context(), db.ByUsername) {
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := d.FindUsers(ctx, []string{"alice"})
		cancel()
		wantError(t, err, errs.Unavailable, "in time")
		break
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range d.Users(ctx, db.ByUsername) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	find(t, d, "alice")
}

// A list of several pages is whole, and the server sends no more than was asked for.
func TestListOfSeveralPages(t *testing.T) {
	d, url := sample(t)
	for _, users := range []int{500, 501, 2_600} {
		dbtest.Exec(t, url, `truncate users cascade; insert into users (username, password, email)
			select to_char(n, 'FM0000'), '', nullif(n % 3, 0) || '@' from generate_series(1, `+strconv.Itoa(users)+`) n`)
		for _, limit := range []int{0, 1, 499, 500, 501, 2_000, 10_000} {
			n := 0
			for u, err := range d.FirstUsers(t.Context(), db.ByUsername, limit) {
				if err != nil {
					t.Fatal(err)
				}
				n++
				if want := fmt.Sprintf("%04d", n); u.Username != want || (u.Email == nil) != (n%3 == 0) || u.Email != nil && *u.Email != strconv.Itoa(n%3)+"@" {
					t.Fatalf("user %d is %+v", n, u)
				}
			}
			if want := users; limit == 0 && n != want || limit > 0 && n != min(want, limit) {
				t.Errorf("%d of %d users, with a limit of %d", n, users, limit)
			}
		}
		for stop := range 3 { // in the middle of a page, and at its end
			n := 0
			for _, err := range d.Users(t.Context(), db.ByLastLogin) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == 499+stop {
					break
				}
			}
		}
	}
}

// A person's name is what PostgreSQL would make of its two parts: without those that are NULL, and without blanks at its ends.
func TestPersonsOfAList(t *testing.T) {
	d, url := sample(t)
	parts := []string{"null", "''", "' '", "'A'", "' A  B '", "E'\\tA'", "'Zoë'"}
	dbtest.Exec(t, url, `alter table person alter firstname drop not null, alter surname drop not null`)
	dbtest.Exec(t, url, `insert into person (id, firstname, surname, usercompanyid)
		select 1000 + row_number() over (), f, s, 1 from (values (`+strings.Join(parts, "), (")+`)) a (f), (values (`+strings.Join(parts, "), (")+`)) b (s)`)
	dbtest.Exec(t, url, `insert into users (username, password, person_id, email)
		select 'p' || id, '', id, trim(concat_ws(' ', firstname, surname)) from person where id > 1000`)
	n := 0
	for _, u := range list(t, d, db.ByUsername) {
		if strings.HasPrefix(u.Username, "p1") {
			if n++; u.Person != *u.Email {
				t.Errorf("%q, want %q", u.Person, *u.Email)
			}
		}
	}
	if n != len(parts)*len(parts) {
		t.Errorf("%d persons", n)
	}
}

// The server does not compile the statement of a list: that takes longer than it gains.
func TestAListIsNotCompiled(t *testing.T) {
	_, url := sample(t)
	dbtest.Exec(t, url, "alter database "+database(url)+" set jit = on")
	if got, err := open(t, db.Config{ConnString: url}).LongSetting(t.Context(), "jit"); err != nil || got != "off" {
		t.Errorf("jit is %q, %v", got, err)
	}
}

// A last_login column of another type is read, too.
func TestListWithAnotherTypeOfTime(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, "alter table users alter last_login type timestamptz using last_login at time zone 'UTC'")
	for _, u := range list(t, d, db.ByUsername) {
		if u.Username == "admin" && (u.LastLogin == nil || !u.LastLogin.Equal(time.Date(2013, 6, 12, 10, 22, 50, 0, time.UTC))) {
			t.Errorf("%v", u.LastLogin)
		}
	}
}

// A loop that takes long, as where somebody reads the first page of a list, does not use up the server's time.
func TestTheLoopMayTakeLong(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, "insert into users (username, password, email) select 'u' || n, '', repeat('x', 1000) from generate_series(1, 20000) n")
	const limit = 4 * time.Second
	d.SetLimit(t, limit)
	n := 0
	for _, err := range d.Users(t.Context(), db.ByUsername) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			time.Sleep(limit + limit/4)
		}
	}
	if n != 20_008 {
		t.Error(n)
	}
}

func TestListDoesNotHoldEveryUserInMemory(t *testing.T) {
	url := dbtest.New(t, dbtest.Sandbox)
	const count, size = 20_000, 4_000 // 80 MB in all
	dbtest.Exec(t, url, `insert into users (username, password, email)
		select 'user' || n, '*', repeat('x', $1::int) from generate_series(1, $2::int) n`, size, count)
	d := open(t, db.Config{ConnString: url})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	start, seen := heap(), 0
	for u, err := range d.Users(t.Context(), db.ByLastLogin) {
		if err != nil {
			t.Fatal(err)
		}
		if len(*u.Email) != size {
			t.Fatalf("email of %d bytes", len(*u.Email))
		}
		if seen++; seen%2_500 == 0 {
			if now := heap(); now > start+16<<20 {
				t.Fatalf("after %d users %d bytes are in use, %d at the start", seen, now, start)
			}
		}
	}
	if seen != count {
		t.Errorf("%d users", seen)
	}
}

func TestInstallation(t *testing.T) {
	uuids := map[dbtest.Template]string{
		dbtest.Uzerp: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", dbtest.Real: "4f710890-a21e-4535-b623-b2bd3bc1b950",
	}
	onInstallations(t, func(t *testing.T, template dbtest.Template, url string) {
		d := open(t, db.Config{ConnString: url})
		users := list(t, d, db.ByUsername)
		if len(users) != 1 || users[0].Username != "admin" || !users[0].Access() || users[0].State() != mfa.StateNotEnrolled ||
			*users[0].UUID != uuids[template] {
			t.Errorf("%+v", users)
		}
		s, err := d.CheckSchema(t.Context())
		if err != nil || s.Problem() != nil || s.Database != database(url) || s.ReadOnly {
			t.Errorf("%+v, %v, %v", s, s.Problem(), err)
		}
		everything(t, d, url)
	})
}

// onInstallations runs a test on the tables of a new uzERP: on our own, and on those of the real database if it is at
// hand.
func onInstallations(t *testing.T, test func(t *testing.T, template dbtest.Template, url string)) {
	t.Helper()
	for _, template := range []dbtest.Template{dbtest.Uzerp, dbtest.Real} {
		t.Run(string(template), func(t *testing.T) { test(t, template, dbtest.New(t, template)) })
	}
}
