package cmd_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// BenchmarkStart measures how long the program takes to start and do nothing, compared with psql.
func BenchmarkStart(b *testing.B) {
	binary := shipped(b)
	version, err := exec.Command(realPsql(), "--version").Output()
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\npostgresql: %s", strings.TrimPrefix(string(version), "psql (PostgreSQL) ")) // for the page, as go test prints cpu:
	once(b, func() metrics {
		ours, theirs, ratio := inTurns(b, size(60),
			func() *exec.Cmd { return exec.Command(binary, "version") },
			func() *exec.Cmd { return exec.Command(realPsql(), "--version") })
		return metrics{"ratio", ratio, "s", ours.wall, "psql-s", theirs.wall, "MiB", ours.peak}
	})
}

// fill makes a database with so many users. Every fifth is enrolled, with the uuid and the factor that standIn has for them.
func fill(tb testing.TB, n int) (database string) {
	tb.Helper()
	database = dbtest.New(tb, dbtest.Sample)
	dbtest.Exec(tb, database, `insert into users (username, password, email, access_enabled, uuid, mfa_enrolled, mfa_enabled, mfa_sid)
		select 'user' || lpad(n::text, 7, '0'), '*', 'user' || n || '@example.com', true,
			('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n % 5 = 0, n % 5 = 0,
			case when n % 5 = 0 then 'YF' || lpad(to_hex(n), 32, '0') end
		from generate_series(0, $1::integer - 1) n`, n)
	dbtest.Exec(tb, database, "vacuum analyze users")
	return database
}

// columns are those of user list -o csv, as SQL.
const columns = `u.username, trim(concat_ws(' ', p.firstname, p.surname)), u.email, u.access_enabled,
	u.uuid, u.mfa_sid, u.mfa_enrolled, u.mfa_enabled, u.last_login
	from users u left join person p on p.id = u.person_id order by u.username collate "C"`

func psql(database, sql string) *exec.Cmd {
	return exec.Command(realPsql(), "-X", "-q", "-c", sql, database)
}

// BenchmarkList measures lists of users: as CSV compared with psql and the same columns, and the other forms compared with CSV.
func BenchmarkList(b *testing.B) {
	binary := shipped(b)
	list := func(database string, args ...string) func() *exec.Cmd {
		return func() *exec.Cmd {
			return exec.Command(binary, append([]string{"user", "list", "--database-url", database}, args...)...)
		}
	}
	b.Run("csv", func(b *testing.B) {
		n := size(500_000)
		database := fill(b, n)
		once(b, func() metrics {
			ours, theirs, ratio := inTurns(b, 3, list(database, "-o", "csv"),
				func() *exec.Cmd { return psql(database, "copy (select "+columns+") to stdout csv header") })
			return metrics{"ratio", ratio, "MiB", ours.peak, "s", ours.wall, "psql-s", theirs.wall, "psql-MiB", theirs.peak, "users", n}
		})
	})
	for _, form := range []string{"table", "json"} {
		b.Run(form, func(b *testing.B) {
			n := size(200_000)
			database := fill(b, n)
			once(b, func() metrics {
				ours, csv, ratio := inTurns(b, 3, list(database, "-o", form), list(database, "-o", "csv"))
				return metrics{"ratio", ratio, "MiB", ours.peak, "s", ours.wall, "csv-s", csv.wall, "users", n}
			})
		})
	}
	b.Run("limit", func(b *testing.B) {
		n := size(50_000)
		database := fill(b, n)
		once(b, func() metrics {
			ours, theirs, ratio := inTurns(b, size(20), list(database, "--limit", "10"),
				func() *exec.Cmd { return psql(database, "select "+columns+" limit 10") })
			return metrics{"ratio", ratio, "s", ours.wall, "psql-s", theirs.wall, "MiB", ours.peak, "users", n}
		})
	})
}

// BenchmarkShow measures user show without Twilio, compared with psql and the row of one user. The usual role is that of grants; as a
// superuser the program looks at more before it reads anything.
func BenchmarkShow(b *testing.B) {
	binary, n := shipped(b), size(50_000)
	database := fill(b, n)
	name, _, _ := strings.Cut(database, "?")
	role := "helper_in_" + path.Base(name)
	grants, err := exec.Command(binary, "grants", "--role", role).Output()
	if err != nil {
		b.Fatal(err)
	}
	dbtest.Exec(b, database, string(grants))
	for _, name := range []string{"role", "superuser"} {
		url := map[string]string{"role": dbtest.As(b, database, role), "superuser": database}[name]
		b.Run(name, func(b *testing.B) {
			once(b, func() metrics {
				ours, theirs, ratio := inTurns(b, size(20),
					func() *exec.Cmd {
						return exec.Command(binary, "user", "show", "user0000005", "--offline", "--database-url", url)
					},
					func() *exec.Cmd {
						return psql(url, "select username, email, uuid, mfa_sid, mfa_enrolled, mfa_enabled from users where username = 'user0000005'")
					})
				return metrics{"ratio", ratio, "s", ours.wall, "psql-s", theirs.wall, "MiB", ours.peak, "users", n}
			})
		})
	}
}

// BenchmarkDoctor measures doctor with many users, and how much more memory it takes than with a tenth of them.
func BenchmarkDoctor(b *testing.B) {
	n := size(200_000)
	few, many := fill(b, n/10), fill(b, n)
	verify := emptyTwilio(b)
	once(b, func() metrics {
		run := func(database string) usage {
			c := exec.Command(shipped(b), "doctor", "--database-url", database, "--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))
			c.Env = twilioAt(verify.URL)
			return used(b, c, 9)
		}
		tenth, took := run(few), run(many)
		return metrics{"s", took.wall, "more-MiB", max(took.peak-tenth.peak, 0), "MiB", took.peak, "cpu-s", took.cpu, "users", n}
	})
}

// BenchmarkSetInjector measures how long set-injector takes where many users have no uuid, and each gets one.
func BenchmarkSetInjector(b *testing.B) {
	n := size(20_000)
	once(b, func() metrics {
		database := fill(b, n)
		dbtest.Exec(b, database, "update users set uuid = null")
		c := exec.Command(shipped(b), "set-injector", "--yes", "--skip-env-check", "--skip-twilio-check", "--database-url", database,
			"--audit-log", filepath.Join(b.TempDir(), "audit.jsonl"))
		took := used(b, c)
		return metrics{"s", took.wall, "MiB", took.peak, "users", n}
	})
}

// BenchmarkRefused measures what reconcile does where Twilio refuses the list of entities, and says not to ask again for an hour.
func BenchmarkRefused(b *testing.B) {
	n := size(60_000)
	database := fill(b, n)
	verify := emptyTwilio(b)
	verify.AddFault(emulator.Fault{Operation: "ListEntity", Status: http.StatusTooManyRequests, Code: 20429, RetryAfter: "3600"})
	once(b, func() metrics {
		verify.ResetLog()
		c := exec.Command(shipped(b), "reconcile", "-q", "--database-url", database)
		c.Env = twilioAt(verify.URL)
		took := used(b, c, 7)
		return metrics{"calls", len(verify.Requests()), "s", took.wall, "users", n}
	})
}

// emptyTwilio is Twilio with a service and no users.
func emptyTwilio(tb testing.TB) *emulator.Running {
	tb.Helper()
	verify, err := emulator.Start("", emulator.Options{AccountSID: accountSID, ServiceSID: serviceSID, Seed: 7,
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = verify.Close() })
	return verify
}

// factorOf returns the identity and the factor of user n of fill.
func factorOf(n int) (identity, sid string) {
	return fmt.Sprintf("10000000-0000-4000-8000-%012d", n), fmt.Sprintf("YF%032x", n)
}
