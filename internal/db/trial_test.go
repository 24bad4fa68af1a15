package db_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"uzerp-mfa/internal/crashtest"
	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

// onTrial returns the mark of a switch on trial, once it is or is not there: the server ends a session when it gets to
// it.
func onTrial(t *testing.T, d *db.DB, there bool) *injector.Mark {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		mark, err := d.OnTrial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if there == (mark != nil) {
			return mark
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute, the mark is %v", mark)
		}
	}
}

// newRole makes a role that may log in and nothing else, and returns its name and its URL.
func newRole(t *testing.T, url, name string) (role, as string) {
	t.Helper()
	role = name + "_of_" + database(url)
	dbtest.Exec(t, url, "create role "+role+" login")
	t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+role+"; drop role "+role) })
	return role, dbtest.As(t, url, role)
}

// hold marks that a switch is on trial. The mark ends with the test, if release does not end it before.
func hold(t *testing.T, d *db.DB, limit time.Duration) (key int64, release func()) {
	t.Helper()
	key, release, err := d.HoldTrial(background(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release) // or the database would wait for it at its end
	return key, release
}

// A trial keeps every other switch away, of this process and of others, until it ends.
func TestTrial(t *testing.T) {
	mine, url := sample(t)
	other := open(t, db.Config{ConnString: url})
	both := map[string]*db.DB{"the same process": mine, "another process": other}
	for range 2 { // a trial that has ended leaves nothing behind
		onTrial(t, other, false)
		key, release := hold(t, mine, time.Hour)
		for range 2 { // to look, and to try, takes nothing away
			for name, d := range both {
				mark, err := d.OnTrial(t.Context())
				if err != nil || mark == nil || mark.Key != key || mark.Over || errs.KindOf(mark.Forbids()) != errs.Refused {
					t.Fatalf("%s may switch: %v, %v", name, mark, err)
				}
				if left := time.Until(mark.Until); left < 50*time.Minute || left > 70*time.Minute {
					t.Errorf("it lasts for %s", left)
				}
				if !strings.Contains(mark.String(), `role "postgres", process `) || !strings.Contains(mark.String(), "uzerp-mfa trial until 20") {
					t.Error(mark)
				}
				if _, also, err := d.HoldTrial(t.Context(), time.Hour); errs.KindOf(err) != errs.Refused {
					t.Errorf("%s may try: %v", name, err)
					if err == nil {
						also()
					}
				}
			}
		}
		release()
		release()
	}
}

// Nobody is refused because of a trial that has ended.
func TestATrialThatHasEndedIsOverAtOnce(t *testing.T) {
	mine, url := sample(t)
	other := open(t, db.Config{ConnString: url})
	for range 50 {
		_, release := hold(t, mine, time.Hour)
		release()
		if mark, err := other.OnTrial(t.Context()); mark != nil || err != nil {
			t.Fatalf("its mark is still there: %v, %v", mark, err)
		}
	}
}

// Every role can hold an advisory lock. That of a role which can't write injector classes counts for nothing, whatever
// it holds, and however it calls itself.
func TestTrialOfAStranger(t *testing.T) {
	d, url := sample(t)
	_, stranger := newRole(t, url, "stranger")
	role, reader := newRole(t, url, "reader")
	dbtest.Exec(t, url, "grant select, insert, delete on injector_classes to "+role)
	const take = "select pg_advisory_lock(%d, extract(epoch from now())::integer + n) from generate_series(1, 1000, 2) n"
	for _, who := range []string{stranger, reader} {
		conn := dbtest.Connect(t, who+"&application_name=uzerp-mfa")
		for _, sql := range []string{strings.Replace(take, "%d", "1970955634", 1), "select pg_advisory_lock(x'757a6572706d6661'::bigint)"} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		if mark, err := d.OnTrial(t.Context()); err != nil || mark != nil {
			t.Errorf("%v, %v", mark, err)
		}
		_, release := hold(t, d, time.Minute)
		release()
		onTrial(t, d, false)
		if err := d.ApplySwitch(t.Context(), switchNames(), injector.SwitchPlan{Was: plan(t, d).Was}); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A stranger may take the very keys that a mark would have. Then the mark takes the next one that is free.
func TestTrialWhoseKeyIsTaken(t *testing.T) {
	d, url := sample(t)
	_, stranger := newRole(t, url, "stranger")
	conn := dbtest.Connect(t, stranger)
	const take = "select pg_advisory_lock(1970955634, ceil(extract(epoch from clock_timestamp()))::integer + 3600 + n) from generate_series(0, 200) n"
	if _, err := conn.Exec(t.Context(), take); err != nil {
		t.Fatal(err)
	}
	_, release := hold(t, d, time.Hour)
	release()
}

// The role that only `grants` gives rights to sees who holds a mark, and its own mark counts. So does that of a role which
// gets the right by SET ROLE alone.
func TestTrialUnderTheLeastRights(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := open(t, db.Config{ConnString: roleFor(t, url)})
	owner, _ := newRole(t, url, "owner")
	member, asMember := newRole(t, url, "member")
	dbtest.Exec(t, url, "grant update on injector_classes to "+owner+"; grant "+owner+" to "+member+"; alter role "+member+" noinherit; "+
		"grant usage on schema public to "+member)
	for role, d := range map[string]*db.DB{"role_of": least, member: open(t, db.Config{ConnString: asMember})} {
		_, release := hold(t, d, time.Minute)
		if mark := onTrial(t, least, true); mark.Holder.PID == 0 || !strings.Contains(mark.Holder.Role, role) || mark.Holder.Application == "" {
			t.Errorf("%+v", mark.Holder)
		}
		release()
		onTrial(t, least, false)
	}
}

// Since PostgreSQL 16 a role can be a member of the tables' owner and have none of its rights. It could keep every switch
// from being made.
func TestTrialOfAMemberWithoutRights(t *testing.T) {
	d, url := sample(t)
	needsVersion(t, url, 16)
	owner, _ := newRole(t, url, "owner")
	member, asMember := newRole(t, url, "member")
	dbtest.Exec(t, url, "grant update on injector_classes to "+owner+"; grant "+owner+" to "+member+" with inherit false, set false")
	conn := dbtest.Connect(t, asMember)
	const take = "select pg_advisory_lock(1970955634, ceil(extract(epoch from clock_timestamp()))::integer + 3600)"
	if _, err := conn.Exec(t.Context(), take); err != nil {
		t.Fatal(err)
	}
	onTrial(t, d, false)
	dbtest.Exec(t, url, "grant "+owner+" to "+member+" with set true")
	onTrial(t, d, true)
}

// A mark counts until its time is over, by the server's clock. After that the server ends its session, even if nobody
// is at the other end any more.
func TestTrialEndsByItself(t *testing.T) {
	d, url := sample(t)
	db.SetTrialGrace(t, time.Hour)
	key, release := hold(t, d, time.Millisecond)
	deadline := time.Now().Add(time.Minute)
	for mark := onTrial(t, d, true); !mark.Over; mark = onTrial(t, d, true) {
		if time.Now().After(deadline) {
			release()
			t.Fatalf("after a minute it is not over: %v", mark)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := onTrial(t, d, true).Forbids(); err != nil {
		t.Error(err)
	}
	// What is switched now, is.
	s := plan(t, d)
	s.Trial = key
	if err := d.ApplySwitch(t.Context(), switchNames(), s); errs.KindOf(err) != errs.Refused {
		t.Errorf("a switch on trial after its time: %v", err)
	}
	s.Trial = 0
	if err := d.ApplySwitch(t.Context(), switchNames(), s); err != nil {
		t.Error(err)
	}
	release()
	onTrial(t, d, false)

	db.SetTrialGrace(t, 0)
	through, vanish := throughAProxy(t, url)
	_, _ = hold(t, through, 300*time.Millisecond)
	vanish()
	onTrial(t, d, false) // without the server's limit this never ends
}

// throughAProxy opens the database through a proxy. After vanish the server hears no more of its clients, and not that
// they are gone.
func throughAProxy(t *testing.T, connString string) (d *db.DB, vanish func()) {
	t.Helper()
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	var tap crashtest.Tap
	proxy, err := crashtest.ListenPostgres(&tap, network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	u := url.URL{Scheme: "postgres", User: url.UserPassword(config.User, config.Password), Path: config.Database, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(proxy.Port()))}
	return open(t, db.Config{ConnString: u.String()}), func() {
		tap.Arm(func(crashtest.Interaction, crashtest.Phase) crashtest.Action { return crashtest.Freeze })
	}
}

// A switch looks for a trial in its own transaction: one that began after the first look counts. To switch off, and to
// switch back, waits for nobody.
func TestApplySwitchLooksForATrial(t *testing.T) {
	d, url := sample(t)
	key, release := hold(t, open(t, db.Config{ConnString: url}), time.Hour)
	before := dbtest.Snapshot(t, url)
	for _, trial := range []int64{0, key + 1} {
		s := plan(t, d)
		s.Trial = trial
		wantError(t, d.ApplySwitch(t.Context(), switchNames(), s), errs.Refused, "a switch is on trial until 20")
	}
	if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
		t.Error(diff)
	}
	own := plan(t, d)
	own.Trial = key
	if err := d.ApplySwitch(t.Context(), switchNames(), own); err != nil {
		t.Error(err)
	}
	made, err := d.InjectorClasses(t.Context(), switchNames())
	if err != nil {
		t.Fatal(err)
	}
	off := injector.SwitchPlan{Was: made, Regardless: true,
		Changes: []injector.ClassChange{{ID: 6, Name: "LoginHandler", Before: "HTMLFormLoginHandlerMFA", After: "HTMLFormLoginHandler"}}}
	if err := d.ApplySwitch(t.Context(), switchNames(), off); err != nil {
		t.Error(err)
	}
	release()
	onTrial(t, d, false)
	lost := injector.SwitchPlan{Trial: key}
	lost.Was, _ = d.InjectorClasses(t.Context(), switchNames())
	wantError(t, d.ApplySwitch(t.Context(), switchNames(), lost), errs.Refused, "has lost its session")
}

// The guard reads the rows only once a switch that is just being made has ended.
func TestSettledClassesWait(t *testing.T) {
	d, url := sample(t)
	tx, err := dbtest.Connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "update injector_classes set class_name = 'Late' where id = 6"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	var got []injector.Class
	go func() {
		var err error
		got, err = d.SettledClasses(background(), switchNames())
		done <- err
	}()
	waitForLock(t, url, done)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || len(got) != 1 || got[0].ClassName != "Late" {
		t.Error(got, err)
	}
}

// An error about a lock names the session that holds it, and how an administrator ends it.
func TestALockNamesItsHolder(t *testing.T) {
	d, url := sample(t)
	quick := open(t, db.Config{ConnString: url, LockTimeout: 50 * time.Millisecond})
	s, alice := plan(t, d), find(t, d, "alice").Row
	role, other := newRole(t, url, "other")
	dbtest.Exec(t, url, "grant select, update, delete, truncate on users, injector_classes to "+role)
	for sql, do := range map[string]func() error{
		"lock table injector_classes in access exclusive mode": func() error {
			_, err := quick.InjectorClasses(background(), switchNames())
			return err
		},
		"lock table injector_classes in share mode": func() error { return quick.ApplySwitch(background(), switchNames(), s) },
		"select from injector_classes where id = 6 for update": func() error {
			return quick.ApplySwitch(background(), switchNames(), s)
		},
		"select from users where username = 'alice' for update": func() error { return quick.CompareAndSet(background(), "alice", alice, mfa.Row{}) },
	} {
		reader, err := dbtest.Connect(t, url).Begin(t.Context()) // is in nobody's way, and is not named
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(sql, "access exclusive") {
			if _, err := reader.Exec(t.Context(), "select from users, injector_classes"); err != nil {
				t.Fatal(err)
			}
		}
		conn := dbtest.Connect(t, other+"&application_name=a%07b")
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		err = do()
		wantError(t, err, errs.Unavailable, fmt.Sprintf(`lock_timeout): role "%s", process %d, "a`, conn.Config().User, pid))
		if hint := errs.HintOf(err).Text; !strings.HasSuffix(hint, fmt.Sprintf("select pg_terminate_backend(%d)", pid)) || strings.Contains(err.Error(), "; role") {
			t.Errorf("%s: %v: %s", sql, err, hint)
		}
		for _, tx := range []pgx.Tx{tx, reader} {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// If a machine vanishes in the middle of a change, the server does not keep its locks until it notices that.
func TestAChangeDoesNotHoldItsLocksForLong(t *testing.T) {
	d, _ := sample(t)
	got, err := d.IdleLimit(t.Context())
	if err != nil || got != "1min" {
		t.Errorf("%q, %v", got, err)
	}
}

// A switch and a trial begin at the same moment. If both are made, the guard of the trial has seen the switch: else it
// would take for its own what it finds later. 200 tries.
func TestTrialAndSwitchAtTheSameMoment(t *testing.T) {
	mine, url := sample(t)
	other := open(t, db.Config{ConnString: url})
	was := plan(t, mine).Was
	outcomes := map[bool]int{}
	for i := range 200 {
		classes := []string{"HTMLFormLoginHandler", "HTMLFormLoginHandlerMFA"}
		now, next := classes[i%2], classes[(i+1)%2]
		dbtest.Exec(t, url, "update injector_classes set class_name = $1 where id = 6", now)
		was[0].ClassName = now
		s := injector.SwitchPlan{Was: was, Changes: []injector.ClassChange{{ID: 6, Name: "LoginHandler", Before: now, After: next}}}
		switched := make(chan error, 1)
		go func() { switched <- other.ApplySwitch(background(), switchNames(), s) }()
		_, release := hold(t, mine, time.Minute)
		seen, err := mine.SettledClasses(t.Context(), switchNames())
		if err != nil {
			t.Fatal(err)
		}
		err = <-switched
		release()
		if want := map[bool]string{true: next, false: now}[err == nil]; seen[0].ClassName != want {
			t.Fatalf("try %d: the guard has seen %s, and the switch ended with %v", i, seen[0].ClassName, err)
		}
		if err != nil && errs.KindOf(err) != errs.Refused {
			t.Fatal(err)
		}
		outcomes[err == nil]++
		onTrial(t, mine, false)
	}
	t.Logf("switched %d times, refused %d times", outcomes[true], outcomes[false])
}

// A trial is confirmed by a session whose role could write the switch itself, and only if its guard sees that in time.
func TestConfirmTrial(t *testing.T) {
	d, url := sample(t)
	other := open(t, db.Config{ConnString: url})
	key, release := hold(t, d, time.Hour)
	defer func() { release() }()
	seen := func() bool {
		t.Helper()
		yes, err := d.Confirmed(t.Context(), key)
		if err != nil {
			t.Error(err)
		}
		return yes
	}
	if seen() {
		t.Error("confirmed by nobody")
	}

	// Every role can hold such a lock. It counts for nothing, but it keeps others away: then the first terminal must say yes.
	_, stranger := newRole(t, url, "stranger")
	conn := dbtest.Connect(t, stranger)
	if _, err := conn.Exec(t.Context(), "select pg_advisory_lock(1970955635, $1::bigint::integer)", key); err != nil {
		t.Fatal(err)
	}
	if seen() {
		t.Error("confirmed by a stranger")
	}
	if err := other.ConfirmTrial(t.Context(), key); errs.KindOf(err) != errs.Refused {
		t.Error(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if another, err := d.Confirmed(t.Context(), key+1); another || err != nil {
		t.Error("another trial's key", err)
	}

	// Nobody signs that the switch stays: then nobody knows it, and nothing stays behind that the guard could see later. That the
	// mark is gone is no sign: an administrator of the database may have ended its session.
	inDoubt := func(err error) bool {
		return errs.KindOf(err) == errs.Unavailable && errors.Is(err, errs.ErrLostReply) && errs.HintOf(err).Reason == injector.ReasonNotKnownKept
	}
	db.SetConfirmPatience(t, 50*time.Millisecond)
	for err := other.ConfirmTrial(t.Context(), key); !inDoubt(err); err = other.ConfirmTrial(t.Context(), key) {
		if errs.KindOf(err) != errs.Refused { // the server has not noticed yet that the stranger has gone
			t.Fatal(err)
		}
	}
	if seen() {
		t.Error("it ended, and its lock is still there")
	}
	db.SetConfirmPatience(t, time.Second)
	confirmed := make(chan error, 1)
	confirm := func() {
		go func() { confirmed <- other.ConfirmTrial(t.Context(), key) }()
		for len(confirmed) == 0 && !seen() {
			time.Sleep(10 * time.Millisecond)
		}
	}
	confirm()
	dbtest.Exec(t, url, "select pg_terminate_backend($1::bigint::integer)", onTrial(t, other, true).Holder.PID)
	if err := <-confirmed; !inDoubt(err) {
		t.Errorf("the session of the mark is ended: %v", err)
	}
	release()
	onTrial(t, other, false) // the server ends a session when it gets to it

	// Neither does a stranger's sign count, nor that of another trial.
	key, release = hold(t, d, time.Hour)
	conn = dbtest.Connect(t, stranger)
	if _, err := conn.Exec(t.Context(), "select pg_advisory_lock(1970955636, $1::bigint::integer)", key); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SignKept(t.Context(), key); errs.KindOf(err) != errs.Refused {
		t.Errorf("it signs where a stranger has: %v", err)
	}
	another, err := d.SignKept(t.Context(), key+1)
	if err != nil {
		t.Fatal(err)
	}
	confirm()
	if err := <-confirmed; !inDoubt(err) {
		t.Errorf("signed by a stranger, and for another trial: %v", err)
	}
	another()
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	// The guard signs, although its mark is gone. Meanwhile nobody else can confirm the trial.
	db.SetConfirmPatience(t, time.Minute)
	if seen() {
		t.Error("it ended, and its lock is still there")
	}
	confirm()
	if another, err := d.Confirmed(t.Context(), key+1); another || err != nil {
		t.Error("another trial is confirmed", err)
	}
	if err := open(t, db.Config{ConnString: url}).ConfirmTrial(t.Context(), key); errs.KindOf(err) != errs.Refused {
		t.Errorf("a second one at the same time: %v", err)
	}
	release()
	sign := func() func() {
		for {
			done, err := d.SignKept(t.Context(), key)
			if err == nil {
				return done
			}
			if errs.KindOf(err) != errs.Refused { // the server has not noticed yet that the stranger has gone
				t.Fatal(err)
			}
		}
	}
	unsign := sign()
	if err := <-confirmed; err != nil {
		t.Error(err)
	}
	unsign()

	// It was switched meanwhile, by the guard or by somebody else: that is said, signed or not.
	for _, signed := range []bool{false, true} {
		key, release = hold(t, d, time.Hour)
		confirm()
		dbtest.Exec(t, url, "update injector_classes set class_name = $1 where name = 'LoginHandler'", fmt.Sprint("Another", signed))
		if signed {
			unsign = sign()
		}
		if err := <-confirmed; errs.KindOf(err) != errs.Refused {
			t.Errorf("signed %v: %v", signed, err)
		}
		if signed {
			unsign()
		}
		release()
	}

	// It is interrupted while it waits: it may count.
	key, release = hold(t, d, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { confirmed <- other.ConfirmTrial(ctx, key) }()
	for len(confirmed) == 0 && !seen() { //nolint:revive // it looks, and does nothing else
	}
	cancel()
	if err := <-confirmed; !errors.Is(err, errs.ErrLostReply) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
