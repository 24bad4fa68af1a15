package db_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/pgtemp/dbtest"
)

func switchNames() []string { return []string{"LoginHandler", "MFAValidator"} }

// plan returns the switch to two-factor login for a database as it is.
func plan(t *testing.T, d *db.DB) injector.SwitchPlan {
	t.Helper()
	was, err := d.InjectorClasses(t.Context(), switchNames())
	if err != nil {
		t.Fatal(err)
	}
	if len(was) == 0 || was[0].ID != 6 {
		t.Fatalf("injector classes are %+v", was)
	}
	return injector.SwitchPlan{
		Was: was,
		Changes: []injector.ClassChange{
			{Name: "MFAValidator", After: "TWValidator"},
			{ID: 6, Name: "LoginHandler", Before: "HTMLFormLoginHandler", After: "HTMLFormLoginHandlerMFA"},
		},
	}
}

// everything runs each method of DB once and checks that it works.
func everything(t *testing.T, d *db.DB, url string) {
	t.Helper()
	columns := []string{"public.users.uuid", "public.users.mfa_sid", "public.users.mfa_enrolled", "public.users.mfa_enabled"}
	before := dbtest.Snapshot(t, url, columns...)
	admin := find(t, d, "admin")
	becomes := mfa.Row{SID: ptr("YF" + "0123456789abcdef0123456789abcdef"), Enrolled: ptr(true), Enabled: ptr(true)}
	if err := d.CompareAndSet(t.Context(), "admin", admin.Row, becomes); err != nil {
		t.Error(err)
	}
	if owners, err := d.FactorOwners(t.Context(), []string{*becomes.SID}); err != nil || len(owners) != 1 {
		t.Error(owners, err)
	}
	without, err := d.UsersWithoutUUID(t.Context())
	if err != nil || len(without) == 0 {
		t.Error(without, err)
	}
	s := plan(t, d)
	for _, u := range without {
		s.Assignments = append(s.Assignments, assignment(u))
	}
	if err := d.ApplySwitch(t.Context(), switchNames(), s); err != nil {
		t.Error(err)
	}
	if without, err := d.UsersWithoutUUID(t.Context()); err != nil || len(without) != 0 {
		t.Error(without, err)
	}
	for _, order := range []db.Order{db.ByUsername, db.ByLastLogin, db.Unordered} {
		if len(list(t, d, order)) == 0 {
			t.Error("nobody listed")
		}
	}
	if _, err := d.SharedUUIDs(t.Context(), 10); err != nil {
		t.Error(err)
	}
	if err := d.PersonsInQuestion(t.Context(), 10, func(mfa.Person) {}); err != nil {
		t.Error(err)
	}
	if got, err := d.Usernames(t.Context(), "adm", true, 5); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	if schema, err := d.CheckSchema(t.Context()); err != nil || schema.Problem() != nil {
		t.Error(schema, err)
	}
	if details, err := d.Details(t.Context(), []string{"admin"}); err != nil || !details["admin"].CompanyAccess {
		t.Error(details, err)
	}
	if contacts, err := d.PhoneContacts(t.Context(), "admin"); err != nil || len(contacts) != 0 {
		t.Error(contacts, err)
	}
	if missing, err := d.MissingRights(t.Context()); err != nil || len(missing) != 0 {
		t.Error(missing, err)
	}
	after := dbtest.Snapshot(t, url, columns...)
	now, err := d.InjectorClasses(t.Context(), switchNames())
	if err != nil || len(now) != 2 || now[0].ClassName != "HTMLFormLoginHandlerMFA" ||
		now[1] != (injector.Class{ID: now[1].ID, Name: "MFAValidator", Category: "SY", ClassName: "TWValidator", CompanyID: -1}) {
		t.Errorf("%+v, %v", now, err)
	}
	delete(before, "public.injector_classes")
	delete(after, "public.injector_classes")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error("something else changed:", diff)
	}
}

func TestEverythingUnderTheLeastRights(t *testing.T) {
	url := dbtest.New(t, dbtest.Sample)
	least := roleFor(t, url)
	d := open(t, db.Config{ConnString: least})
	everything(t, d, url)
	// The role has no other right.
	wantError(t, mustFail(t, least, "select password from users"), errs.Failure, "")
}

func TestEverythingInTheSample(t *testing.T) {
	d, url := sample(t)
	everything(t, d, url)
}

func TestApplySwitchChangesNothingWhenSomethingElseDid(t *testing.T) {
	tests := map[string]struct {
		meanwhile string
		bend      func(*injector.SwitchPlan)
		changed   bool
	}{
		"class changed":    {meanwhile: "update injector_classes set class_name = 'Other' where id = 6", changed: true},
		"category changed": {meanwhile: "update injector_classes set category = 'RP' where id = 6", changed: true},
		"company changed":  {meanwhile: "update injector_classes set usercompanyid = 1 where id = 6", changed: true},
		"row gone":         {meanwhile: "delete from injector_classes where id = 6", changed: true},
		"row added": {changed: true,
			meanwhile: "insert into injector_classes (name, category, class_name, usercompanyid) values ('MFAValidator', 'XX', 'Mine', 1)"},
		"user got a uuid": {meanwhile: "update users set uuid = '00000000-0000-4000-8000-00000000000f' where username = 'erin'", changed: true},
		"user gone":       {meanwhile: "delete from user_company_access where username = 'erin'; delete from users where username = 'erin'", changed: true},
		"before isn't so": {bend: func(s *injector.SwitchPlan) { s.Changes[1].Before = "X" }, changed: true},
		"other name":      {bend: func(s *injector.SwitchPlan) { s.Changes[1].Name = "X" }, changed: true},
		"no such row":     {bend: func(s *injector.SwitchPlan) { s.Changes[1].ID = 4711 }, changed: true},
		"name of no user": {bend: func(s *injector.SwitchPlan) { s.Assignments[0].Username = "\x00" }, changed: true},
		"same user twice": {bend: func(s *injector.SwitchPlan) { s.Assignments = append(s.Assignments, s.Assignments[0]) }, changed: true},
		"a row in the way": {bend: func(s *injector.SwitchPlan) {
			s.Changes[0] = injector.ClassChange{Name: "LoginHandler", After: "HTMLFormLoginHandler"}
		}},
		"the same row twice": {bend: func(s *injector.SwitchPlan) { s.Changes = append(s.Changes, s.Changes[0]) }, changed: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, url := sample(t)
			s := plan(t, d)
			s.Assignments = []injector.Assignment{assignment(find(t, d, "erin"))}
			if tt.bend != nil {
				tt.bend(&s)
			}
			if tt.meanwhile != "" {
				dbtest.Exec(t, url, tt.meanwhile)
			}
			before := dbtest.Snapshot(t, url)
			err := d.ApplySwitch(t.Context(), switchNames(), s)
			wantError(t, err, errs.Refused, "")
			if errors.Is(err, errs.ErrChanged) != tt.changed {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, dbtest.Snapshot(t, url)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestApplySwitchComparesSets(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `insert into injector_classes (id, name, category, class_name, usercompanyid)
		values (3000000000 - 3000000000, 'LoginHandler', 'RP', 'X', 1)`)
	was, err := d.InjectorClasses(t.Context(), switchNames())
	if err != nil || len(was) != 2 || was[0].ID != 0 {
		t.Fatal(was, err)
	}
	s := injector.SwitchPlan{Was: []injector.Class{was[1], was[0]}, Changes: []injector.ClassChange{
		{ID: 6, Name: "LoginHandler", Before: "HTMLFormLoginHandler", After: "HTMLFormLoginHandlerMFA"},
	}}
	if err := d.ApplySwitch(t.Context(), switchNames(), s); err != nil {
		t.Error(err)
	}
}

// Two operators switch at the same moment: one of them gets an error.
func TestApplySwitchHasOneWinner(t *testing.T) {
	for range 5 {
		d, _ := sample(t)
		s := plan(t, d)
		failures := make([]error, 4)
		var wg sync.WaitGroup
		for i := range failures {
			wg.Go(func() { failures[i] = d.ApplySwitch(background(), switchNames(), s) })
		}
		wg.Wait()
		won := 0
		for _, err := range failures {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, errs.ErrChanged):
				t.Errorf("loser got %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d winners", won)
		}
	}
}

// A row that another session adds after ours were locked is found only by the violation of the unique key.
func TestApplySwitchMeetsARowThatIsJustBeingAdded(t *testing.T) {
	d, url := sample(t)
	s := plan(t, d)
	conn := dbtest.Connect(t, url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `insert into injector_classes (name, category, class_name, usercompanyid)
		values ('MFAValidator', 'SY', 'TWValidator', -1)`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.ApplySwitch(background(), switchNames(), s) }()
	waitForLock(t, url, done)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = <-done
	wantError(t, err, errs.Refused, "changed meanwhile")
	if !errors.Is(err, errs.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if now, _ := d.InjectorClasses(t.Context(), switchNames()); len(now) != 2 || now[0].ClassName != "HTMLFormLoginHandler" {
		t.Errorf("%+v", now)
	}
}

// What a switch only relied on counts too: a gateway that another session is just changing, and that nothing here writes.
func TestApplySwitchWaitsForWhoChangesWhatItReliesOn(t *testing.T) {
	d, url := sample(t)
	dbtest.Exec(t, url, `delete from injector_classes where name = 'AuthenticationGateway'; insert into injector_classes
		(name, category, class_name, usercompanyid) values ('AuthenticationGateway', 'SY', 'DatabaseAuthenticator', -1)`)
	s := plan(t, d)
	var err error
	if s.Was, err = d.InjectorClasses(t.Context(), injector.Names()); err != nil {
		t.Fatal(err)
	}
	conn := dbtest.Connect(t, url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "update injector_classes set class_name = 'LDAPDBAuthenticator' where name = 'AuthenticationGateway'"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- d.ApplySwitch(background(), injector.Names(), s)
	}()
	watcher := dbtest.Connect(t, url)
	for waiting := false; !waiting && len(done) == 0; { // one that does not wait is done, and that is what is wrong
		const sql = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
		if err := watcher.QueryRow(t.Context(), sql).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, errs.ErrChanged) {
		t.Errorf("switched, and any password is accepted: %v", err)
	}
}

func assignment(u mfa.User) injector.Assignment {
	return injector.Assignment{Username: u.Username, Was: u.Row, Becomes: u.WithUUID("00000000-0000-4000-8000-000000000001")}
}
