package db_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// mixture makes users of all kinds: with and without a person, a company, access, an enrolment, a last day; of companies that are
// open, closed, or neither, and disabled.
const mixture = `
	insert into company (id, name) select n, 'c' || n from generate_series(100, 105) n;
	insert into system_companies (id, company_id, enabled, access_enabled) values
		(100, 100, true, 'FULL'), (101, 101, true, 'NONE'), (102, 102, false, 'NONE'), (103, 103, false, 'FULL'), (104, null, true, 'NONE');
	insert into person (id, firstname, surname, company_id, end_date, usercompanyid)
		select n, '', '', nullif(100 + n / 2 % 8, 106),
			(array[null, '2020-02-02', '2999-01-01', '0044-03-15 BC', '12000-01-01', '-infinity', 'infinity']::date[])[n % 7 + 1], 1
		from generate_series(1000, 1999) n where n / 2 % 8 <> 7;
	insert into users (username, password, person_id, lastcompanylogin, access_enabled, mfa_enrolled)
		select 'm' || n, '', (select id from person where id = n), (array[null, 1, 100, 101, 102, 103, 104, null, null]::bigint[])[n % 9 + 1],
			(array[true, true, true, false, null])[n % 5 + 1], (array[true, false, null])[n % 3 + 1]
		from generate_series(1000, 1999) n;
	insert into user_company_access (username, usercompanyid, enabled)
		select username, c, length(username) * c % 4 > 0 from users, unnest(array[100, 101, 102, 104]) c
		where username like 'm%' and hashtext(username || c) % 3 = 0`

// inQuestion is PersonsInQuestion, in the order of the names.
func inQuestion(t *testing.T, d *db.DB) map[string]mfa.Person {
	t.Helper()
	found := make(map[string]mfa.Person)
	if err := d.PersonsInQuestion(t.Context(), 1000, func(p mfa.Person) { found[p.Username] = p }); err != nil {
		t.Fatal(err)
	}
	return found
}

// Of all who are in question it is said what Details says of them, and nobody else is in question.
func TestPersonsInQuestion(t *testing.T) {
	d, url := sample(t)
	check := func(least int) {
		t.Helper()
		got, names := inQuestion(t, d), []string(nil)
		users := make(map[string]mfa.User)
		for u, err := range d.Users(t.Context(), db.Unordered) {
			if err != nil {
				t.Fatal(err)
			}
			users[u.Username], names = u, append(names, u.Username)
		}
		all, err := d.Details(t.Context(), names)
		if err != nil || len(all) != len(names) {
			t.Fatal(len(all), len(names), err)
		}
		want := make(map[string]mfa.Person)
		for name, details := range all {
			u := users[name]
			details.Company = "" // nobody asks
			p := mfa.Person{Username: name, Enrolled: u.IsEnrolled(), Access: u.Access(), Details: details}
			if p.Enrolled && p.EndDate != nil || p.Access && (!p.CompanyAccess || p.NoCompany || p.Closed == nil || *p.Closed) {
				want[name] = p
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) < least || least > 0 && len(want) == len(users) {
			t.Errorf("%d of %d users: %s", len(want), len(users), diff)
		}
	}
	check(0)
	for i, name := range hostile() {
		dbtest.Exec(t, url, "insert into users (username, password, access_enabled) values ($1, '', true)", name)
		if i%2 == 0 {
			dbtest.Exec(t, url, "insert into user_company_access (username, usercompanyid) values ($1, 1)", name)
		}
	}
	check(len(hostile()))
	dbtest.Exec(t, url, mixture)
	check(300)
	dbtest.Exec(t, url, "alter table system_companies alter access_enabled drop not null; update system_companies set access_enabled = null where id in (1, 101)")
	check(300)
	dbtest.Exec(t, url, "alter table system_companies drop access_enabled") // an older uzERP
	check(300)
}

// A role of older grants may not read which companies are closed: that is not known then, and the rest is.
func TestPersonsInQuestionOfAnOlderRole(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	d := open(t, db.Config{ConnString: least})
	if got, err := d.SharedUUIDs(t.Context(), 1); err != nil || got.UUIDs != 0 {
		t.Error(got, err)
	}
	if got, ok := inQuestion(t, d)["alice"]; ok {
		t.Errorf("%+v", got)
	}
	dbtest.Exec(t, url, "revoke select (access_enabled) on system_companies from role_of_"+database(url))
	if got := inQuestion(t, d)["alice"]; got.Username != "alice" || got.Closed != nil || !got.CompanyAccess {
		t.Errorf("%+v", got)
	}
	dbtest.Exec(t, url, "revoke select (username) on user_company_access from role_of_"+database(url))
	wantError(t, d.PersonsInQuestion(t.Context(), 1, func(mfa.Person) {}), errs.Config, "permission denied")
}

func TestSharedUUIDs(t *testing.T) {
	d, url := sample(t)
	shared := func(want mfa.Shared) {
		t.Helper()
		if got, err := d.SharedUUIDs(t.Context(), 10); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	shared(mfa.Shared{})
	dbtest.Exec(t, url, "update users set uuid = null where username in ('carol', 'dave')")
	shared(mfa.Shared{}) // that is no uuid
	const first, other = "aaaaaaaa-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000"
	dbtest.Exec(t, url, "update users set uuid = '"+first+"' where username in ('erin', 'bob')")
	shared(mfa.Shared{UUIDs: 1, Users: 2, First: []string{"bob", "erin"}})
	dbtest.Exec(t, url, "update users set uuid = '"+other+"' where username in ('carol', 'dave')")
	shared(mfa.Shared{UUIDs: 2, Users: 2, First: []string{"bob", "erin"}})
	names := append(hostile(), "Z", "a", "b")
	for _, name := range names {
		dbtest.Exec(t, url, "insert into users (username, password, uuid) values ($1, '', $2)", name, other)
	}
	names = append(names, "carol", "dave")
	slices.Sort(names)
	shared(mfa.Shared{UUIDs: 2, Users: len(names), First: names[:3]})
}

// A server that does not answer is not waited for without end.
func TestCensusHasALimit(t *testing.T) {
	_, url := sample(t)
	if _, err := begin(t, url).Exec(t.Context(), "lock table person"); err != nil {
		t.Fatal(err)
	}
	d := open(t, db.Config{ConnString: url, QueryTimeout: 2 * time.Second, LockTimeout: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wantError(t, d.PersonsInQuestion(ctx, 10, func(mfa.Person) {}), errs.Unavailable, "")
	if ctx.Err() != nil {
		t.Error("only the test has ended it")
	}
}
