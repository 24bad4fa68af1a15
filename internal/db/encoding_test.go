package db_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
	"uzerp-mfa/internal/pgtemp/pooltest"
)

// encodingTest is what a database with some encoding is asked.
type encodingTest struct {
	encoding string
	stored   string // the name of a user, as a constant of SQL
	name     string // the same, as this program knows it
	lacks    string // the encoding has no such name
	bad      string // a name that can't be translated, as a constant of SQL
}

var encodingTests = []encodingTest{
	{encoding: "UTF8", stored: `'Jürgen 名'`, name: "Jürgen 名", lacks: "J\xfcrgen"},
	{encoding: "SQL_ASCII", stored: `E'J\xfcrgen'`, name: "J\xfcrgen", lacks: "Jürgen"},
	{encoding: "LATIN1", stored: `'Jürgen'`, name: "Jürgen", lacks: "名前 🧑"},
	{encoding: "LATIN9", stored: `'Jürgen €'`, name: "Jürgen €", lacks: "¤"},
	{encoding: "WIN1252", stored: `'Jürgen €'`, name: "Jürgen €", lacks: "名前", bad: `E'odd \x81'`},
	{encoding: "EUC_JP", stored: `'名前'`, name: "名前", lacks: "🧑", bad: `E'odd \xfd\xfd'`},
}

// What a database holds is found, listed, owned and changed under its name, whatever the encoding is. A name that the encoding
// lacks is nobody's. A text that can't be translated makes every answer an error that needs it, and never an empty one.
func TestEncodings(t *testing.T) {
	for _, test := range encodingTests {
		t.Run(test.encoding, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample.In(test.encoding))
			test.fill(t, url)
			d := open(t, db.Config{ConnString: url})
			if s, err := d.CheckSchema(t.Context()); err != nil || s.Encoding != test.encoding {
				t.Errorf("the encoding is %q, %v", s.Encoding, err)
			}
			test.isFound(t, d)
			test.isChangedAlone(t, d)
			if test.bad != "" {
				test.badIsAnError(t, d, url)
			}
		})
	}
	t.Run("MULE_INTERNAL", func(t *testing.T) {
		d, err := db.Open(t.Context(), db.Config{ConnString: dbtest.New(t, dbtest.Sample.In("MULE_INTERNAL"))})
		if err == nil {
			d.Close()
		}
		wantError(t, err, errs.Config, "can't translate the encoding of database")
	})
}

const (
	encodedUUID = "abcdef01-0000-4000-8000-000000000001"
	encodedSID  = "YFencoded"
)

// fill puts a user with the name into the database, whose person, phone number, injector class and login lines have it too. A
// second user has a name that looks the same where bytes that are not UTF-8 are not told apart.
func (e encodingTest) fill(t *testing.T, url string) {
	t.Helper()
	dbtest.Exec(t, url+"&client_encoding=UTF8", strings.ReplaceAll(`
		insert into audit_header (id) values (90);
		insert into audit_lines (audit_id, created, username, line)
			values (90, '2026-11-26 08:00', NAME, 'Array([errors]=>Array([0]=>Code not Valid)[warnings]=>Array()[messages]=>Array())');
		insert into party (id, type, usercompanyid) values (90, 'Person', 1);
		insert into person (id, firstname, surname, party_id, usercompanyid) values (90, NAME, NAME, 90, 1);
		insert into contact_methods (id, contact, usercompanyid, alteredby, lastupdated) values (90, '07700 900999 ' || NAME, 1, NAME, '2026-01-01');
		insert into party_contact_methods (contactmethod_id, party_id, type, main, usercompanyid) values (90, 90, 'M', true, 1);
		insert into injector_classes (id, name, category, class_name, usercompanyid) values (90, 'LoginHandler', 'SY', NAME, 1);
		insert into users (username, password, person_id, uuid, mfa_sid, mfa_enrolled, mfa_enabled)
			values (NAME, '*', 90, '`+encodedUUID+`', '`+encodedSID+`', true, true);
		insert into users (username, password) values (NAME || ' without uuid', '*')`, "NAME", e.stored))
	if e.encoding == "SQL_ASCII" {
		dbtest.Exec(t, url, `insert into users (username, password, uuid) values (E'J\xe4rgen', '*', 'abcdef01-0000-4000-8000-000000000002')`)
	}
}

func (e encodingTest) isFound(t *testing.T, d *db.DB) {
	t.Helper()
	u := find(t, d, e.name)
	if u.Username != e.name || u.Person != e.name+" "+e.name || *u.SID != encodedSID {
		t.Errorf("came back as %+v", u)
	}
	for _, names := range [][]string{{e.lacks}, {e.lacks, e.name, "alice"}, {"nobody", e.name, "\xff\xfe", "a\x00b", "alice", e.lacks}} {
		var got, want []string
		users, err := d.FindUsers(t.Context(), names)
		for _, u := range users {
			got = append(got, u.Username)
		}
		for _, n := range []string{e.name, "alice"} {
			if slices.Contains(names, n) {
				want = append(want, n)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("asked for %q: %q, %v", names, got, err)
		}
	}
	for _, order := range []db.Order{db.ByUsername, db.ByLastLogin, db.Unordered} {
		n := 0
		for u, err := range d.Users(t.Context(), order) {
			if err != nil {
				t.Error("list: ", err)
				break
			}
			if u.Username == e.name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("is listed %d times", n)
		}
	}
	ctx := t.Context()
	same(t, "the owners of its factor", []string{e.name})(owners(d.FactorOwners(ctx, []string{encodedSID, e.lacks, e.name})))
	same(t, "the owners of its uuid", []string{e.name})(owners(d.UUIDOwners(ctx, []string{encodedUUID, e.lacks, e.name})))
	details, err := d.Details(ctx, []string{e.name, e.lacks})
	if _, ok := details[e.name]; !ok || len(details) != 1 || err != nil {
		t.Errorf("details: %v, %v", details, err)
	}
	contacts, err := d.PhoneContacts(ctx, e.name)
	if err != nil || len(contacts) != 1 || contacts[0].Text != "07700 900999 "+e.name || contacts[0].Changed.By != e.name {
		t.Errorf("phone numbers: %+v, %v", contacts, err)
	}
	holders, err := d.MobileHolders(ctx, "alice", "7700900999")
	if err != nil || len(holders) != 1 || holders[0].Username != e.name {
		t.Errorf("who else has the number: %+v, %v", holders, err)
	}
	classes, err := d.InjectorClasses(ctx, []string{"LoginHandler", e.lacks})
	if err != nil || !slices.ContainsFunc(classes, func(c injector.Class) bool { return c.ClassName == e.name }) {
		t.Errorf("classes: %+v, %v", classes, err)
	}
	without, err := d.UsersWithoutUUID(ctx)
	if err != nil || !slices.ContainsFunc(without, func(u mfa.User) bool { return u.Username == e.name+" without uuid" }) {
		t.Errorf("without uuid: %+v, %v", without, err)
	}
	logins, err := d.Logins().Read(ctx, history.Query{Usernames: []string{e.name, e.lacks}})
	if err != nil || len(logins.Entries) != 1 || logins.Entries[0].Username != e.name {
		t.Errorf("logins: %+v, %v", logins, err)
	}
	logins, err = d.Logins().Read(ctx, history.Query{Usernames: []string{e.lacks}})
	if err != nil || len(logins.Entries) != 0 {
		t.Errorf("logins of a name that the encoding lacks: %+v, %v", logins, err)
	}
	for _, prefix := range []string{e.lacks, "\xff", e.name} {
		if got, err := d.Usernames(ctx, prefix, true, 5); len(got) != 0 || err != nil {
			t.Errorf("completing %q gave %q, %v", prefix, got, err)
		}
	}
}

func owners(byKey map[string][]string, err error) ([]string, error) {
	var all []string
	for _, names := range byKey {
		all = append(all, names...)
	}
	return all, err
}

func same(t *testing.T, what string, want []string) func([]string, error) {
	t.Helper()
	return func(got []string, err error) {
		t.Helper()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

func (e encodingTest) isChangedAlone(t *testing.T, d *db.DB) {
	t.Helper()
	rows := func() map[string]mfa.Row {
		all := map[string]mfa.Row{}
		for u, err := range d.Users(t.Context(), db.ByUsername) {
			if err != nil {
				t.Error(err)
				break
			}
			all[u.Username] = u.Row
		}
		return all
	}
	want := rows()
	was, becomes := want[e.name], mfa.Row{UUID: ptr(encodedUUID), SID: ptr("YFnew")}
	for _, other := range []string{e.lacks, "\xff"} {
		if err := d.CompareAndSet(t.Context(), other, was, becomes); e.encoding == "UTF8" && !errors.Is(err, errs.ErrChanged) || err == nil {
			t.Errorf("%q was changed, %v", other, err)
		}
	}
	if err := d.CompareAndSet(t.Context(), e.name, was, becomes); err != nil {
		t.Error(err)
	}
	want[e.name] = becomes
	if diff := cmp.Diff(want, rows()); diff != "" {
		t.Error(diff)
	}
	n := 0
	err := d.Detach(t.Context(), len(want), func() string { n++; return "abcdef02-0000-4000-8000-" + pad(n) })
	if err != nil {
		t.Error("detach: ", err)
	}
	for name, row := range rows() {
		if row.SID != nil || row.UUID == nil || !strings.HasPrefix(*row.UUID, "abcdef02-") {
			t.Errorf("%q is not detached: %+v", name, row)
		}
	}
}

func pad(n int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", 12-len(s)) + s
}

// badIsAnError: a row with a text that the server can't translate is no row that is not there.
func (e encodingTest) badIsAnError(t *testing.T, d *db.DB, url string) {
	t.Helper()
	dbtest.Exec(t, url, `insert into users (username, password, uuid, mfa_sid) values (`+e.bad+`, '*', '`+encodedUUID+`', '`+encodedSID+`');
		update person set firstname = `+e.bad+` where id = 1;
		insert into injector_classes (id, name, category, class_name, usercompanyid) values (91, 'LoginHandler', 'SY', `+e.bad+`, 1)`)
	ctx := t.Context()
	asked := map[string]func() error{
		"find":             func() error { _, err := d.FindUsers(ctx, []string{"bob", "alice", e.lacks}); return err },
		"owners":           func() error { _, err := d.FactorOwners(ctx, []string{encodedSID}); return err },
		"owners of a uuid": func() error { _, err := d.UUIDOwners(ctx, []string{encodedUUID}); return err },
		"classes":          func() error { _, err := d.InjectorClasses(ctx, []string{"LoginHandler"}); return err },
		"list": func() error {
			for _, err := range d.Users(ctx, db.ByUsername) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	for what, ask := range asked {
		err := ask()
		if errs.KindOf(err) != errs.Failure {
			t.Errorf("%s: %v", what, err)
			continue
		}
		wantError(t, err, errs.Failure, "can't be translated")
	}
	if users, err := d.FindUsers(context.Background(), []string{"bob"}); err != nil || len(users) != 1 {
		t.Errorf("a user with plain texts: %v, %v", users, err)
	}
}

// A setting of the client's encoding, of the role or the database, changes nothing.
func TestTheClientsEncodingIsOurs(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample.In("SQL_ASCII"))
	dbtest.Exec(t, url, `insert into users (username, password) values (E'J\xfcrgen', '*');
		alter database `+database(url)+` set client_encoding = 'LATIN1'`)
	t.Setenv("PGCLIENTENCODING", "LATIN9")
	for _, query := range []string{"", "&client_encoding=WIN1252", "&options=-cclient_encoding%3DLATIN1"} {
		find(t, open(t, db.Config{ConnString: url + query}), "J\xfcrgen")
	}
}

// Behind a pooler bytes come and go as well, in one connection of the server that another client uses in UTF-8.
func TestBytesBehindAPooler(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample.In("SQL_ASCII"))
	dbtest.Exec(t, url, `insert into users (username, password) values (E'J\xfcrgen', '*')`)
	for _, mode := range []pooltest.Mode{pooltest.Session, pooltest.Transaction} {
		t.Run(string(mode), func(t *testing.T) {
			p := pooltest.Start(t, url, mode, nil, oneConnection)
			encoding := func() (now string) {
				conn := dbtest.Connect(t, p.URL()+"&client_encoding=UTF8&default_query_exec_mode=simple_protocol")
				if err := conn.QueryRow(t.Context(), "show client_encoding").Scan(&now); err != nil {
					t.Error(err)
				}
				_ = conn.Close(t.Context())
				return now
			}
			for range 2 {
				d := open(t, db.Config{ConnString: p.URL()})
				u := find(t, d, "J\xfcrgen")
				if err := d.CompareAndSet(t.Context(), u.Username, u.Row, u.Row); err != nil {
					t.Error(err)
				}
				n := 0
				for _, err := range d.Users(t.Context(), db.ByUsername) {
					if n++; err != nil {
						t.Error(err)
						break
					}
				}
				if n < 2 {
					t.Errorf("%d users are listed", n)
				}
				d.Close()
				if got := encoding(); got != "UTF8" {
					t.Errorf("the next client speaks %s", got)
				}
			}
		})
	}
}

// Only the names that the encoding can't hold are nobody's, wherever they stand among others.
func TestHoldable(t *testing.T) {
	d := open(t, db.Config{ConnString: dbtest.New(t, dbtest.Sample.In("LATIN1"))})
	names := []string{"alice", "ü", "名", "bob", "a\x00b", "\xff", "🧑", "carol", "é"}
	for range 8 {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		users, err := d.FindUsers(t.Context(), names)
		if err != nil || len(users) != 3 {
			t.Errorf("%q: %v, %v", names, users, err)
		}
	}
}
