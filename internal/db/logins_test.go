package db_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// auditLine is a line as uzERP writes it: what the browser sent, and what uzERP answered, both as PHP's print_r shows them.
func auditLine(sent, errors, messages string) string {
	list := func(text string) string {
		if text != "" {
			text = "            [0] => " + text + "\n"
		}
		return "Array\n        (\n" + text + "        )\n\n"
	}
	return "Array\n(\n    [module] => login\n    [x] => " + sent + "\n)\nArray\n(\n    [errors] => " + list(errors) +
		"    [warnings] => " + list("") + "    [messages] => " + list(messages) + ")\n"
}

const (
	notValid  = "Code not Valid"
	incorrect = "Incorrect username or password"
)

// addLine adds a line of a time on 2026-11-26.
func addLine(t *testing.T, url, clock, username, line string) {
	t.Helper()
	dbtest.Exec(t, url, `with h as (insert into audit_header (username, sessionid) values ($1, 'topsecretsession') returning id)
		insert into audit_lines (audit_id, created, username, line, remote_address, user_agent, referer)
		select id, ('2026-11-26 ' || $2)::timestamp, $1, $3, '192.0.2.7', 'Firefox', 'http://r/?secret' from h`, username, clock, line)
}

func readLogins(t *testing.T, d *db.DB, names []string, since string) history.Reading {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", since)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Logins().Read(t.Context(), history.Query{Usernames: names, Since: at})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shownEntries returns what each entry says in one line.
func shownEntries(r history.Reading) []string {
	all := []string{}
	for _, e := range r.Entries {
		all = append(all, strings.Join([]string{e.At.Format("15:04"), e.Username, string(e.What), e.Address, e.Browser}, " "))
	}
	return all
}

func wantEntries(t *testing.T, r history.Reading, want ...string) {
	t.Helper()
	if got := shownEntries(r); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What uzERP wrote is read with the owner's rights, and with no other rights than those of grants --history.
func TestLogins(t *testing.T) {
	onInstallations(t, func(t *testing.T, _ dbtest.Template, url string) {
		owner := open(t, db.Config{ConnString: url})
		least := roleFor(t, url)
		dbtest.Exec(t, url, db.GrantsHistory("role_of_"+database(url)))
		helper := open(t, db.Config{ConnString: least})
		for _, d := range []*db.DB{owner, helper} {
			if r := readLogins(t, d, nil, "2026-11-26 00:00"); len(r.Entries) != 0 || !r.Oldest.IsZero() || !r.NoZone {
				t.Errorf("%+v", r)
			}
		}
		add := func(clock, user, line string) { addLine(t, url, clock, user, line) }
		add("08:00", "admin", auditLine("", "", ""))
		add("09:00", "admin", auditLine("", notValid, ""))
		add("09:01", "admin", strings.TrimRight(auditLine("", "Enrollment failed", ""), "\n"))
		add("09:02", "admin", strings.ReplaceAll(auditLine("", "", "Enrollment successful"), "\n", "\r\n"))
		add("09:03", "admin", strings.ReplaceAll(auditLine("", "Factor expired, please log in to continue", ""), ">", "&gt;"))
		add("09:04", "admin", auditLine("", incorrect, "")) // of somebody who was at the code page before
		add("09:05", "", auditLine("", incorrect, ""))
		add("09:06", "hunter2-is-my-password", auditLine("", notValid, "")) // no user
		add("09:07", "admin", auditLine("", "The system is unavailable at present", ""))
		want := []string{
			"09:06  code-not-valid 192.0.2.7 Firefox", "09:05  password-refused 192.0.2.7 Firefox", "09:04  password-refused 192.0.2.7 Firefox",
			"09:03 admin enroll-refused 192.0.2.7 Firefox", "09:02 admin enrolled 192.0.2.7 Firefox",
			"09:01 admin enroll-refused 192.0.2.7 Firefox", "09:00 admin code-not-valid 192.0.2.7 Firefox",
		}
		for _, d := range []*db.DB{owner, helper} {
			r := readLogins(t, d, nil, "2026-11-26 00:00")
			wantEntries(t, r, want...)
			if len(r.Missing) != 0 || r.Oldest.Format(time.TimeOnly) != "08:00:00" || !r.NoZone || !r.Entries[0].NoZone || r.Entries[0].Source != history.FromAudit {
				t.Errorf("%+v", r)
			}
			wantEntries(t, readLogins(t, d, []string{"admin"}, "2026-11-26 23:06"), want[:1]...) // 14 hours more: any zone
			wantEntries(t, readLogins(t, d, []string{"nobody", "not\x00storable", "\xff"}, "2026-11-26 00:00"), want[0], want[1], want[2])
			if _, err := d.Logins().Read(t.Context(), history.Query{Usernames: []string{"\xff"}}); err != nil {
				t.Error(err)
			}
		}
	})
}

// The role of grants --history can read no session id, and nothing of what people typed: PostgreSQL itself is asked.
func TestLoginsGiveAwayNothing(t *testing.T) {
	onInstallations(t, func(t *testing.T, _ dbtest.Template, url string) {
		least := roleFor(t, url)
		role := "role_of_" + database(url)
		dbtest.Exec(t, url, db.GrantsHistory(role))
		addLine(t, url, "09:00", "admin", auditLine("topsecret", notValid, ""))
		addLine(t, url, "09:01", "nobody", auditLine("topsecret", "", ""))
		rows, err := dbtest.Connect(t, url).Query(t.Context(), `
			select c.relname || '.' || a.attname
			from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
			where c.relname in ('audit_header', 'audit_lines') and c.relnamespace = 'public'::regnamespace
				and has_column_privilege($1::text, c.oid, a.attnum, 'select, insert, update, references')`, role)
		if err != nil {
			t.Fatal(err)
		}
		if may, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !slices.Equal(may, []string{"audit_lines.id", "audit_lines.created"}) {
			t.Errorf("the role has rights on %q, %v", may, err)
		}
		conn := dbtest.Connect(t, least)
		for _, sql := range []string{"select sessionid from audit_header", "select line from audit_lines", "select username from audit_lines",
			"delete from uzerp_mfa_logins", "update uzerp_mfa_logins set username = ''", "select * from audit_header"} {
			_, err := conn.Exec(t.Context(), sql)
			if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42501" && e.Code != "55000" {
				t.Errorf("%s: %v", sql, err)
			}
		}
		// Not even a function that shows what it is called with sees more than the view has.
		dbtest.Exec(t, url, `grant create on schema public to "`+role+`"`)
		if _, err := conn.Exec(t.Context(), `create function spy(v text) returns boolean language plpgsql cost 0.0001 as
			$$ begin raise exception 'spy:%', v; end $$`); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"select id from uzerp_mfa_logins where spy(username)", "select id from uzerp_mfa_logins where spy(what)"} {
			_, err := conn.Exec(t.Context(), sql)
			if err == nil || !strings.Contains(err.Error(), "spy:") || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "nobody") {
				t.Errorf("%s: %v", sql, err)
			}
		}
		all, err := pgx.CollectRows(second(t, conn, "select l::text from uzerp_mfa_logins l"), pgx.RowTo[string])
		if err != nil || len(all) != 1 || strings.Contains(all[0], "topsecret") {
			t.Errorf("%q, %v", all, err)
		}
	})
}

func second(t *testing.T, conn *pgx.Conn, sql string) pgx.Rows {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Nothing that a browser sends looks like an answer of uzERP's.
func TestPlantedLogins(t *testing.T) {
	d, url := sample(t)
	for i, planted := range []string{
		notValid, auditLine("", notValid, ""), strings.TrimRight(auditLine("", notValid, ""), "\n"),
		"x\n)\n" + auditLine("", incorrect, ""), "'; drop table audit_lines; --", "\\%_", strings.Repeat("A", 1<<20), "\x1b[2J\u202e",
		auditLine("", "", "Enrollment successful"),
	} {
		addLine(t, url, fmt.Sprintf("10:%02d", i), "alice", auditLine(planted, "", ""))
		addLine(t, url, fmt.Sprintf("11:%02d", i), "alice", auditLine(planted, "Some other error", ""))
	}
	r := readLogins(t, d, nil, "2026-11-26 00:00")
	if len(r.Entries) != 0 {
		t.Errorf("%+v", r.Entries)
	}
	// An answer in a form that is not known is no silence.
	addLine(t, url, "12:00", "alice", auditLine("", notValid, "and a message"))
	r = readLogins(t, d, nil, "2026-11-26 00:00")
	if len(r.Entries) != 0 || len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "not in the form") {
		t.Errorf("%+v", r)
	}
	// Columns of any length and content.
	dbtest.Exec(t, url, `insert into audit_lines (audit_id, created, username, line, remote_address, user_agent)
		select id, '2026-11-26 13:00', 'alice', $1, repeat('x', 100000), e'\x1b[2J' || repeat('y', 100000) from audit_header limit 1`,
		auditLine("", notValid, ""))
	dbtest.Exec(t, url, `insert into audit_lines (audit_id, created, username, line)
		select id, c.at::timestamp, null, $1 from (select id from audit_header limit 1) h,
			(values ('infinity'), ('-infinity'), ('290000-01-01'), ('4000-01-01 BC')) c (at)`,
		auditLine("", notValid, ""))
	r = readLogins(t, d, nil, "2026-11-26 00:00")
	if len(r.Entries) != 1 || len(r.Entries[0].Address) > 100 || len(r.Entries[0].Browser) > 300 || r.Entries[0].Username != "alice" ||
		r.Oldest.Format(time.DateOnly) != "2026-11-26" {
		t.Errorf("%+v", r)
	}
}

// A role that may not read the lines is told so, with the way to the right; so is a uzERP without the table.
func TestLoginsMayNotBeRead(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	role := "role_of_" + database(url)
	d := open(t, db.Config{ConnString: roleFor(t, url)})
	refused := func(kind errs.Kind, words, hint string) {
		t.Helper()
		_, err := d.Logins().Read(t.Context(), history.Query{})
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || e.Kind != kind || !strings.Contains(err.Error(), words) || !strings.Contains(errs.HintOf(err).String(), hint) {
			t.Errorf("%v, hint %s", err, errs.HintOf(err))
		}
	}
	refused(errs.Config, "may not read table audit_lines", "history-rights()")

	// A stranger's view of the same name is not used: its functions would run with the role's rights.
	dbtest.Exec(t, url, `create role stranger_of_`+database(url)+`; grant all on schema public to stranger_of_`+database(url)+`;
		set role stranger_of_`+database(url)+`; create view public.uzerp_mfa_logins as select 1 as id; grant select on public.uzerp_mfa_logins to public`)
	refused(errs.Config, "does not belong to the owner", "history-rights()")
	dbtest.Exec(t, url, "drop view public.uzerp_mfa_logins; drop owned by stranger_of_"+database(url)+"; drop role stranger_of_"+database(url))

	// One right of the six is not enough.
	dbtest.Exec(t, url, "grant select (id, created, username, remote_address, user_agent) on audit_lines to "+role)
	refused(errs.Config, "may not read table audit_lines", "history-rights()")
	dbtest.Exec(t, url, "grant select (line) on audit_lines to "+role)
	if _, err := d.Logins().Read(t.Context(), history.Query{}); err != nil {
		t.Error(err)
	}
	dbtest.Exec(t, url, "drop table audit_lines cascade")
	refused(errs.Refused, "no table audit_lines", "")
}

// Where uzERP has no table audit_lines, somebody who may make tables can make one, and the view. Nothing of theirs runs with our rights.
func TestLoginsOfAStrangersTable(t *testing.T) {
	for name, lines := range map[string]string{
		"table": "create table public.audit_lines (id bigint, created timestamp); insert into public.audit_lines values (1, now())",
		"view":  "create view public.audit_lines as select 1::bigint as id, now()::timestamp as created where public.spy()",
	} {
		t.Run(name, func(t *testing.T) {
			url := dbtest.New(t, dbtest.Sample)
			least := roleFor(t, url)
			stranger := "stranger_of_" + database(url)
			dbtest.Exec(t, url, "drop table audit_lines cascade; create sequence ran; grant all on ran to public; create role "+stranger+
				"; grant all on schema public to "+stranger+"; set role "+stranger+
				"; create function public.spy() returns boolean language plpgsql as 'begin perform nextval(''public.ran''); return true; end'; "+
				lines+`; create view public.uzerp_mfa_logins as select id, created, 'alice'::text as username, ''::text as remote_address,
				''::text as user_agent, 'code-not-valid'::text as what from public.audit_lines where public.spy();
				grant select on public.audit_lines, public.uzerp_mfa_logins to public`)
			r, err := open(t, db.Config{ConnString: least}).Logins().Read(t.Context(), history.Query{})
			if err == nil || len(r.Entries) > 0 {
				t.Errorf("read %+v, %v", r, err)
			}
			wantNothingRun(t, url)
		})
	}
}

// An owner of the lines must not run code with a superuser's rights. The users are read all the same.
func TestLoginsOfAStranger(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	stranger := "stranger_of_" + database(url)
	dbtest.Exec(t, url, "create role "+stranger+"; grant create on schema public to "+stranger+"; alter table audit_lines owner to "+stranger)
	d := open(t, db.Config{ConnString: url})
	find(t, d, "alice")
	_, err := d.Logins().Read(t.Context(), history.Query{})
	wantError(t, err, errs.Config, `table "audit_lines" belongs to role "`+stranger+`"`)
	dbtest.Exec(t, url, "drop owned by "+stranger+" cascade; drop role "+stranger)
}

// A long table is read from its end, and no further than needed.
func TestLoginsAreReadFromTheEnd(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `insert into audit_header (username) values ('alice')`)
	dbtest.Exec(t, url, `insert into audit_lines (id, audit_id, created, username, line)
		select n * 3, (select id from audit_header limit 1), '2026-11-26'::timestamp - (70000 - n) * interval '1 minute',
			case when n % 2 = 0 then 'alice' else 'bob' end, case when n % 7000 = 0 then $1 else 'page' end
		from generate_series(1, 70000) n`, auditLine("", notValid, ""))
	r := readLogins(t, d, []string{"alice"}, "2026-01-01 00:00")
	if len(r.Entries) != 10 || !slices.IsSortedFunc(r.Entries, func(a, b history.Entry) int { return b.At.Compare(a.At) }) {
		t.Errorf("%+v", r.Entries)
	}
	if r = readLogins(t, d, []string{"alice"}, "2026-11-21 00:00"); len(r.Entries) != 2 || len(r.Missing) != 0 ||
		r.Oldest.Month() != time.October {
		t.Errorf("%+v", r)
	}
	// uzERP writes a line for every page. Where it has written none, nobody knows what happened.
	r = readLogins(t, d, []string{"alice"}, "2026-11-28 00:00")
	if len(r.Entries) != 0 || len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "no line of this time") || r.Oldest.IsZero() {
		t.Errorf("%+v", r)
	}
}
