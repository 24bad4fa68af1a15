package db_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func day(year int, month time.Month, d int) *time.Time {
	return ptr(time.Date(year, month, d, 0, 0, 0, 0, time.UTC))
}

func TestDetails(t *testing.T) {
	d, _ := sample(t)
	got, err := d.Details(t.Context(), []string{"alice", "bob", "carol", "dave", "erin", "grace", "nobody", "ALICE", "alice", "a\x00b", "\xff"})
	open := new(false)
	want := map[string]mfa.Details{
		"alice": {Company: "Sample Ltd", CompanyAccess: true, Closed: open},
		"bob":   {Company: "Sample Ltd", CompanyAccess: true, Closed: open}, // the company that he logged in to last
		"carol": {Company: "Example Logistics Ltd", CompanyAccess: true, Closed: open},
		"dave":  {Company: "Sample Ltd", CompanyAccess: true, EndDate: day(2024, 6, 30), Closed: open},
		"erin":  {Company: "Sample Ltd", CompanyAccess: true, Closed: open}, // no person
		"grace": {Company: "Sample Ltd", CompanyAccess: true, Closed: open},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, none := range [][]string{nil, {}, {"nobody"}, {"\x00"}} {
		if got, err := d.Details(t.Context(), none); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", none, got, err)
		}
	}
}

// The employer is shown, not the company of the last login, even if the two differ.
func TestCompany(t *testing.T) {
	d, url := sample(t)
	company := func(name string) string {
		t.Helper()
		got, err := d.Details(t.Context(), []string{name})
		if err != nil {
			t.Fatal(err)
		}
		return got[name].Company
	}
	dbtest.Exec(t, url, "insert into system_companies (id, company_id) values (7, 2), (8, null)")
	dbtest.Exec(t, url, "update users set lastcompanylogin = 7")
	for name, want := range map[string]string{"alice": "Sample Ltd", "bob": "Example Logistics Ltd", "erin": "Example Logistics Ltd"} {
		if got := company(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	dbtest.Exec(t, url, "update users set lastcompanylogin = 8")
	if got := company("bob"); got != "" {
		t.Errorf("a company without a name is %q", got)
	}
	for _, hostile := range hostile() {
		dbtest.Exec(t, url, "update company set name = $1 where id = 1", hostile)
		if got := company("alice"); got != hostile {
			t.Errorf("%q came back as %q", hostile, got)
		}
	}
}

func TestCompanyAccess(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `insert into system_companies (id, company_id, enabled) values (7, 2, false), (8, null, true)`)
	for _, c := range []struct {
		name, rows string
		want       bool
	}{
		{"no row", "", false},
		{"both enabled", "(1, true)", true},
		{"the user's row is not", "(1, false)", false},
		{"the company's row is not", "(7, true)", false},
		{"neither is", "(7, false)", false},
		{"each is, but not together", "(1, false), (7, true)", false},
		{"one of several", "(1, false), (7, true), (8, true)", true},
	} {
		dbtest.Exec(t, url, "delete from user_company_access where username = 'bob'")
		if c.rows != "" {
			dbtest.Exec(t, url, "insert into user_company_access (username, usercompanyid, enabled) select 'bob', c, e from (values "+c.rows+") as v (c, e)")
		}
		got, err := d.Details(t.Context(), []string{"bob"})
		if err != nil || got["bob"].CompanyAccess != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	// Another user's row in user_company_access gives no access.
	dbtest.Exec(t, url, "delete from user_company_access where username <> 'alice'")
	if got, err := d.Details(t.Context(), []string{"alice", "bob"}); err != nil || !got["alice"].CompanyAccess || got["bob"].CompanyAccess {
		t.Error(got, err)
	}
}

// docs/facts/uzerp.md §9: uzERP takes the company from the last login, or from the person, and has nobody without one.
func TestNoCompany(t *testing.T) {
	d, url := sample(t)
	for _, c := range []struct {
		change string
		want   bool
	}{
		{"update users set lastcompanylogin = 1 where username = 'bob'", false},
		{"update users set lastcompanylogin = null where username = 'bob'", true}, // his person has no company
		{"update person set company_id = 2 where id = 2", false},
		{"update users set person_id = null where username = 'bob'", true},
		{"update users set lastcompanylogin = 1 where username = 'bob'", false},
	} {
		dbtest.Exec(t, url, c.change)
		if got, err := d.Details(t.Context(), []string{"bob"}); err != nil || got["bob"].NoCompany != c.want {
			t.Errorf("%s: %+v, %v", c.change, got, err)
		}
	}
}

// docs/facts/uzerp.md §9: the maintenance switch is the company's that the user enters.
func TestClosedCompanies(t *testing.T) {
	d, url := sample(t)
	closed := func(want map[string]*bool) {
		t.Helper()
		names := slices.Sorted(maps.Keys(want))
		got, err := d.Details(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if diff := cmp.Diff(want[name], got[name].Closed); diff != "" {
				t.Error(name, diff)
			}
		}
	}
	yes, no := new(true), new(false)
	closed(map[string]*bool{"alice": no, "bob": no, "carol": no, "erin": no})
	dbtest.Exec(t, url, "insert into system_companies (id, company_id, access_enabled) values (7, 2, 'NONE')")
	closed(map[string]*bool{"alice": no, "bob": no, "carol": yes}) // carol's person is of company 2
	dbtest.Exec(t, url, "update users set lastcompanylogin = 1 where username = 'carol'")
	closed(map[string]*bool{"carol": no}) // the last login counts first
	dbtest.Exec(t, url, "update users set lastcompanylogin = 7 where username = 'alice'")
	closed(map[string]*bool{"alice": yes, "bob": no})

	// Without either, every company that the user may enter counts.
	dbtest.Exec(t, url, "update users set lastcompanylogin = null, person_id = null where username = 'erin'")
	closed(map[string]*bool{"erin": no})
	dbtest.Exec(t, url, "update system_companies set access_enabled = 'NONE' where id = 1")
	closed(map[string]*bool{"erin": yes, "alice": yes, "bob": yes})
	dbtest.Exec(t, url, "insert into system_companies (id) values (8)")
	dbtest.Exec(t, url, "insert into user_company_access (username, usercompanyid, enabled) values ('erin', 8, true)")
	closed(map[string]*bool{"erin": no})
	dbtest.Exec(t, url, "update user_company_access set enabled = false where username = 'erin'")
	closed(map[string]*bool{"erin": nil})

	// Only this word closes.
	for _, open := range []string{"FULL", "", "none", "NONE ", "PARTIAL"} {
		dbtest.Exec(t, url, "update system_companies set access_enabled = $1 where id = 1", open)
		closed(map[string]*bool{"bob": no})
	}
}

// A uzERP without the column, and a role that an older grants made, are no errors: then it is not known.
func TestClosedIsNotKnown(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	dbtest.Exec(t, url, "revoke select (access_enabled) on system_companies from role_of_"+database(url))
	d := open(t, db.Config{ConnString: least})
	want := map[string]mfa.Details{"alice": {Company: "Sample Ltd", CompanyAccess: true}}
	if got, err := d.Details(t.Context(), []string{"alice"}); err != nil || !cmp.Equal(got, want) {
		t.Error(got, err)
	}
	if missing, err := d.MissingRights(t.Context()); err != nil || !slices.Equal(missing, []string{"select on system_companies.access_enabled"}) {
		t.Error(missing, err)
	}
	dbtest.Exec(t, url, "alter table system_companies drop column access_enabled")
	if got, err := d.Details(t.Context(), []string{"alice"}); err != nil || !cmp.Equal(got, want) {
		t.Error(got, err)
	}
	if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}
}

// PostgreSQL accepts many dates that JSON can't show.
func TestEndDates(t *testing.T) {
	d, url := sample(t)
	for date, want := range map[string]*time.Time{
		"null":            nil,
		"'2026-03-01'":    day(2026, 3, 1),
		"'2999-12-31'":    day(2999, 12, 31),
		"'9999-12-31'":    day(9999, 12, 31),
		"'10000-01-01'":   nil,
		"'5874897-12-31'": nil,
		"'infinity'":      nil,
		"'0001-01-01'":    day(1, 1, 1),
		"'0001-01-01 BC'": day(1, 1, 1),
		"'4713-01-01 BC'": day(1, 1, 1),
		"'-infinity'":     day(1, 1, 1),
	} {
		dbtest.Exec(t, url, "update person set end_date = "+date+" where id = 1")
		got, err := d.Details(t.Context(), []string{"alice"})
		if diff := cmp.Diff(want, got["alice"].EndDate); diff != "" || err != nil {
			t.Errorf("%s: %v %s", date, err, diff)
		}
	}
}

// entered is when the sample's numbers were entered.
var entered = time.Date(2019, 5, 6, 9, 30, 0, 0, time.UTC)

// plain is a contact entry of the sample.
func plain(mobile, main bool, text string) caller.PhoneContact {
	c := caller.PhoneContact{Mobile: mobile, Main: main, Text: text, Changed: caller.Change{At: entered, By: "admin", What: caller.ChangedEntry}}
	if main {
		c.Changed.What = caller.ChangedNumber
	}
	return c
}

func TestPhoneContacts(t *testing.T) {
	d, url := sample(t)
	for name, want := range map[string][]caller.PhoneContact{
		"alice": {plain(true, true, "07700 900123"), plain(false, false, "")}, "bob": {plain(true, true, "+44 (0)7700 900456"), plain(false, false, "")},
		"carol": {plain(false, true, "020 7946 0018")}, "dave": {plain(true, true, "07700-900789")},
		"erin": nil, "grace": nil, "admin": nil, "nobody": nil, "ALICE": nil, "": nil, "a\x00b": nil, "\xff": nil,
	} {
		got, err := d.PhoneContacts(t.Context(), name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", name, err, diff)
		}
	}
	const at = "'2019-05-06 09:30:00'"
	dbtest.Exec(t, url, `delete from party_contact_methods; delete from contact_methods;
		insert into contact_methods (id, contact, usercompanyid) values (1, 'fixed 1', 1), (2, 'mobile 2', 1), (3, 'mobile 3', 1), (4, 'not main', 1),
			(5, 'fax', 1), (6, 'e-mail', 1), (7, '', 1), (8, null, 1), (9, e' \t\u00a0\n', 1), (10, 'fixed 10', 1), (11, 'of nobody', 1), (12, 'bob''s', 1);
		insert into party_contact_methods (contactmethod_id, party_id, type, main, usercompanyid) values (10, 1, 'T', true, 1), (1, 1, 'T', true, 1),
			(3, 1, 'M', true, 1), (2, 1, 'M', true, 1), (4, 1, 'M', false, 1), (5, 1, 'F', true, 1), (6, 1, 'E', true, 1), (7, 1, 'M', true, 1),
			(8, 1, 'M', true, 1), (9, 1, 'T', true, 1), (11, null, 'M', true, 1), (12, 2, 'M', true, 1);
		update contact_methods set created = `+at+`, lastupdated = `+at+`, alteredby = 'admin';
		update party_contact_methods set created = `+at+`, lastupdated = `+at+`, alteredby = 'admin'`)
	// A number that was emptied is there: it must not look as if there were none.
	want := []caller.PhoneContact{plain(true, true, "mobile 2"), plain(true, true, "mobile 3"), plain(true, true, ""), plain(true, true, ""),
		plain(false, true, "fixed 1"), plain(false, true, " \t\u00a0\n"), plain(false, true, "fixed 10"),
		plain(true, false, ""), plain(false, false, ""), plain(false, false, "")}
	got, err := d.PhoneContacts(t.Context(), "alice")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	dbtest.Exec(t, url, "update person set party_id = null where id = 2")
	if got, err := d.PhoneContacts(t.Context(), "bob"); err != nil || len(got) != 0 {
		t.Error("a person without a party:", got, err)
	}
	for _, text := range hostile() {
		dbtest.Exec(t, url, "update contact_methods set contact = $1 where id = 2", text)
		if got, err := d.PhoneContacts(t.Context(), "alice"); err != nil || !slices.Contains(got, plain(true, true, text)) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// Each row on the way from a user to a number says when it was changed, and the newest counts.
func TestNumberChanged(t *testing.T) {
	d, url := sample(t)
	day := time.Date(2026, 7, 14, 12, 30, 15, 0, time.UTC)
	for _, c := range []struct {
		change string
		want   caller.Change
	}{
		{"update contact_methods set lastupdated = '2026-07-14 12:30:15', alteredby = 'mallory'", caller.Change{At: day, By: "mallory", What: caller.ChangedNumber}},
		{"update party_contact_methods set lastupdated = '2026-07-14 12:30:15', alteredby = 'mallory'",
			caller.Change{At: day, By: "mallory", What: caller.ChangedEntry}},
		{"update person set lastupdated = '2026-07-14 12:30:15', alteredby = 'mallory'", caller.Change{At: day, By: "mallory", What: caller.ChangedPerson}},
		{"update contact_methods set created = '2026-07-14 12:30:15', createdby = 'mallory', alteredby = null",
			caller.Change{At: day, By: "mallory", What: caller.ChangedNumber}},
		{"update contact_methods set lastupdated = '2026-07-14 12:30:15', createdby = 'hr', alteredby = ''", caller.Change{At: day, What: caller.ChangedNumber}},
		{"update person set lastupdated = '2026-07-14 12:30:15', alteredby = repeat('m', 70000)",
			caller.Change{At: day, By: strings.Repeat("m", 100) + "…", What: caller.ChangedPerson}},
		{"update contact_methods set created = null", caller.Change{At: entered, By: "admin", What: caller.ChangedNumber}},
		{"update contact_methods set lastupdated = null", caller.Change{By: "admin", What: caller.ChangedNumber}},
		{"update party_contact_methods set lastupdated = null", caller.Change{By: "admin", What: caller.ChangedEntry}},
		{"update contact_methods set lastupdated = 'infinity'", caller.Change{By: "admin", What: caller.ChangedNumber}},
		{"update contact_methods set lastupdated = '-infinity'", caller.Change{By: "admin", What: caller.ChangedNumber}},
		{"update contact_methods set lastupdated = '0044-01-01 BC'", caller.Change{By: "admin", What: caller.ChangedNumber}},
		{"update contact_methods set created = 'infinity'", caller.Change{By: "admin", What: caller.ChangedNumber}},
		{"update contact_methods set lastupdated = '90000-01-01'", caller.Change{By: "admin", What: caller.ChangedNumber}},
	} {
		dbtest.Exec(t, url, `update person set created = '2019-05-06 09:30', lastupdated = '2019-05-06 09:30', alteredby = 'admin';
			update contact_methods set created = '2019-05-06 09:30', lastupdated = '2019-05-06 09:30', alteredby = 'admin', createdby = 'admin';
			update party_contact_methods set created = '2019-05-06 09:30', lastupdated = '2019-05-06 09:30', alteredby = 'admin', createdby = 'admin'`)
		dbtest.Exec(t, url, c.change)
		got, err := d.PhoneContacts(t.Context(), "carol")
		if err != nil || len(got) != 1 || got[0].Changed != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.change, got, err, c.want)
		}
	}
}

// Who else has a number is found however it is written.
func TestMobileHolders(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `insert into contact_methods (id, contact, usercompanyid) values (101, '0044 7700/900-1 23', 1), (102, null, 1), (103, '', 1);
		insert into party_contact_methods (contactmethod_id, party_id, type, main, usercompanyid) values
			(101, 2, 'M', true, 1), (101, 3, 'M', false, 1), (101, 4, 'T', true, 1), (102, 4, 'M', true, 1), (103, 4, 'M', true, 1)`)
	for _, c := range []struct {
		name, digits string
		want         []caller.MobileHolder
	}{
		{"alice", "0123", []caller.MobileHolder{{Username: "bob", Text: "0044 7700/900-1 23"}}},
		{"bob", "0123", []caller.MobileHolder{{Username: "alice", Text: "07700 900123"}}},
		{"carol", "0123", []caller.MobileHolder{{Username: "alice", Text: "07700 900123"}, {Username: "bob", Text: "0044 7700/900-1 23"}}},
		{"alice", "0018", nil}, // carol's, which is no mobile
		{"alice", "%", nil},
		{"'; --", "0789", []caller.MobileHolder{{Username: "dave", Text: "07700-900789"}}}, // also of people who have left
	} {
		got, err := d.MobileHolders(t.Context(), c.name, c.digits)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s, %s: %v %s", c.name, c.digits, err, diff)
		}
	}
}

func TestDetailsOfTensOfThousands(t *testing.T) {
	const count = 50_000
	d, url := sample(t)
	dbtest.Exec(t, url, fmt.Sprintf(`insert into users (username, password) select 'u' || i, '*' from generate_series(1, %d) i;
		insert into user_company_access (username, usercompanyid) select 'u' || i, 1 from generate_series(1, %d, 2) i`, count, count))
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprint("u", i+1)
	}
	got, err := d.Details(t.Context(), names)
	if err != nil || len(got) != count || !got["u1"].CompanyAccess || got["u2"].CompanyAccess {
		t.Errorf("%d of %d, %v", len(got), count, err)
	}
}

func TestDirectoryOfAnInstallation(t *testing.T) { onInstallations(t, directoryOfAnInstallation) }

func directoryOfAnInstallation(t *testing.T, _ dbtest.Template, url string) {
	// This must work on our own tables and on uzERP's: names, types and constraints are the same (dbtest).
	dbtest.Exec(t, url, `insert into party (id, type, usercompanyid) values (9001, 'Person', 1);
		insert into person (id, firstname, surname, lang, owner, usercompanyid, party_id, end_date) values (9001, 'Ad', 'Min', 'EN', 'admin', 1, 9001, '2026-01-31');
		update users set person_id = 9001 where username = 'admin';
		insert into contact_methods (id, contact, usercompanyid) values (9001, '020 7946 0018', 1), (9002, '07700 900123', 1);
		insert into party_contact_methods (id, contactmethod_id, party_id, type, main, usercompanyid) values
			(9001, 9001, 9001, 'T', true, 1), (9002, 9002, 9001, 'M', true, 1)`)
	for _, conn := range []string{url, roleFor(t, url)} {
		d := open(t, db.Config{ConnString: conn})
		details, err := d.Details(t.Context(), []string{"admin"})
		want := map[string]mfa.Details{"admin": {Company: details["admin"].Company, CompanyAccess: true, EndDate: day(2026, 1, 31), Closed: new(false)}}
		if diff := cmp.Diff(want, details); diff != "" || err != nil {
			t.Error(err, diff)
		}
		contacts, err := d.PhoneContacts(t.Context(), "admin")
		if err != nil || len(contacts) != 2 || contacts[0].Text != "07700 900123" || !contacts[0].Mobile || !contacts[1].Main ||
			contacts[1].Text != "020 7946 0018" || time.Since(contacts[0].Changed.At).Abs() > 24*time.Hour {
			t.Errorf("%+v, %v", contacts, err)
		}
		if holders, err := d.MobileHolders(t.Context(), "nobody", "0123"); err != nil || len(holders) != 1 || holders[0].Username != "admin" {
			t.Errorf("%+v, %v", holders, err)
		}
		if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) != 0 {
			t.Error(missing, err)
		}
	}
	dbtest.Exec(t, url, "update person set company_id = (select company_id from system_companies where id = 1) where id = 9001")
	d := open(t, db.Config{ConnString: url})
	if details, err := d.Details(t.Context(), []string{"admin"}); err != nil || details["admin"].Company == "" {
		t.Error("the employer has no name:", details, err)
	}
}

func TestDirectoryOfAnotherDatabase(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Empty)})
	_, err := d.Details(t.Context(), []string{"alice"})
	wantError(t, err, errs.Config, "is not uzERP's")
	_, err = d.PhoneContacts(t.Context(), "alice")
	wantError(t, err, errs.Config, "is not uzERP's")
	_, err = d.MobileHolders(t.Context(), "alice", "0123")
	wantError(t, err, errs.Config, "is not uzERP's")
	_, err = d.MissingRights(t.Context())
	wantError(t, err, errs.Config, "is not uzERP's")
	// uzERP had these tables before 1.31.0.
	old := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Old)})
	if details, err := old.Details(t.Context(), []string{"alice"}); err != nil || details["alice"].Company != "Sample Ltd" {
		t.Error(details, err)
	}
	if missing, err := old.MissingRights(t.Context()); err != nil || len(missing) != 0 {
		t.Error(missing, err)
	}
}

// Every address that uzERP has for the user: that of the login first, then the person's main ones. Nothing else.
func TestMailContacts(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `update users set email = ' Alice <a@example.com>' where username = 'alice'`)
	dbtest.Exec(t, url, `insert into contact_methods (id, contact, usercompanyid) values
		(902, 'second@example.com', 1), (901, 'first@example.com', 1), (903, 'private@example.com', 1), (904, null, 1), (905, 'fax@example.com', 1)`)
	dbtest.Exec(t, url, `insert into party_contact_methods (contactmethod_id, party_id, type, main, usercompanyid) values
		(902, 1, 'E', true, 1), (901, 1, 'E', true, 1), (903, 1, 'E', false, 1), (904, 1, 'E', true, 1), (905, 1, 'F', true, 1)`)
	for name, want := range map[string][]string{
		"alice": {" Alice <a@example.com>", "alice@example.com", "first@example.com", "second@example.com"},
		"ALICE": nil, "nobody": nil, "\x00": nil, "\xff": nil,
	} {
		got, err := d.MailContacts(t.Context(), name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	dbtest.Exec(t, url, `update users set email = null, person_id = null where username = 'alice'`)
	if got, err := d.MailContacts(t.Context(), "alice"); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}
