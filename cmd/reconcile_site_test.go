package cmd_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"uzerp-mfa/internal/emulator"
	"uzerp-mfa/internal/reconcile"
)

// site is uzERP's database and Twilio with planted differences, and what reconcile must say and do about them.
type site struct {
	database string
	conn     *pgx.Conn // to the database
	verify   *emulator.Running
	rows     siteRows

	findings []string // "kind user sid"
	fixable  []string // findings that --fix repairs; orphan-entity only if named
	deleted  []string // factors that --fix deletes
	reset    []string // users who are not enrolled afterwards; they keep their uuid if they had one
	newUUID  []string // users who have a new uuid afterwards
}

// siteRows are the columns of the users to be inserted.
type siteRows struct {
	name, sid, uuid   []*string
	enrolled, enabled []*bool
}

const siteDay = 26 * time.Hour

func ptr[T any](v T) *T { return &v }

// The differences, by the last two digits of a user's number times the site's density.
const (
	plantMissing = iota
	plantUnverified
	plantNoSID
	plantOrphan
	plantStale
	plantNoUUID
	plantDuplicate
	plantPending
	plantNew
	plantSkip
	plantYoung
	plants
)

// plant makes a site of n users. One user in every has each of the differences, and there are as many orphan entities.
func plant(t testing.TB, n, every int) *site {
	t.Helper()
	s := &site{}
	var err error
	s.verify, err = emulator.Start("", emulator.Options{AccountSID: accountSID, ServiceSID: serviceSID, Control: true, Seed: 7,
		Credentials: []emulator.Credential{{Username: accountSID, Password: authToken}}})
	if err != nil {
		t.Fatal(err)
	}
	var late []func() // things that are made a day after the rest
	for i := range n {
		s.plantUser(i, every, &late)
		if i%every == 0 {
			f := s.verify.AddFactor(fmt.Sprintf("20000000-0000-4000-8000-%012d", i), "gone", emulator.Verified)
			s.findings = append(s.findings, string(reconcile.OrphanEntity)+"  "+f.SID)
		}
	}
	s.verify.Advance(siteDay)
	for _, f := range late {
		f()
	}
	slices.Sort(s.findings)
	slices.Sort(s.fixable)
	return s
}

func (s *site) plantUser(i, every int, late *[]func()) {
	name, id := fmt.Sprintf("user%05d", i), fmt.Sprintf("10000000-0000-4000-8000-%012d", i)
	sid, yes, no := "", ptr(true), ptr(false)
	at := len(s.rows.name)
	add := func(uuid, sid *string, enrolled, enabled *bool) {
		s.rows.name, s.rows.uuid, s.rows.sid = append(s.rows.name, &name), append(s.rows.uuid, uuid), append(s.rows.sid, sid)
		s.rows.enrolled, s.rows.enabled = append(s.rows.enrolled, enrolled), append(s.rows.enabled, enabled)
	}
	found := func(kind reconcile.Kind, sid string, fixable bool) {
		line := string(kind) + " " + name + " " + sid
		s.findings = append(s.findings, line)
		if fixable {
			s.fixable = append(s.fixable, line)
		}
	}
	factor := func(status emulator.Status) string { return s.verify.AddFactor(id, name, status).SID }
	bare := fmt.Sprintf("YF%032x", i+1)
	round := i / every
	switch i % every {
	case plantMissing:
		add(&id, &bare, yes, [...]*bool{yes, nil}[round%2])
		found(reconcile.FactorMissing, bare, true)
		s.reset = append(s.reset, name)
	case plantUnverified:
		add(&id, nil, yes, yes)
		*late = append(*late, func() {
			sid := factor(emulator.Unverified)
			s.rows.sid[at] = &sid
			found(reconcile.FactorUnverified, sid, true)
		})
		s.reset = append(s.reset, name)
	case plantNoSID:
		add(&id, [...]*string{nil, ptr(""), ptr("YF12")}[round%3], yes, yes)
		found(reconcile.SIDMissing, "", true)
		s.reset = append(s.reset, name)
	case plantOrphan:
		sid = factor(emulator.Verified)
		add(&id, nil, [...]*bool{no, nil}[round%2], no)
		found(reconcile.OrphanFactor, sid, true)
		s.deleted = append(s.deleted, sid)
	case plantStale:
		old := factor(emulator.Verified)
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
		found(reconcile.StaleFactor, old, true)
		s.deleted = append(s.deleted, old)
	case plantNoUUID:
		add(nil, [...]*string{nil, &bare}[round%2], [...]*bool{no, yes}[round%2], [...]*bool{no, yes}[round%2])
		found(reconcile.UUIDMissing, "", true)
		s.newUUID = append(s.newUUID, name)
		if round%2 == 1 {
			s.reset = append(s.reset, name)
		}
	case plantDuplicate: // shares with the user of the next round, or of the round before
		id = fmt.Sprintf("10000000-0000-4000-8000-%012d", (round/2*2)*every+plantDuplicate)
		if round%4 == 3 { // the other is enrolled
			add(&id, nil, no, no)
			found(reconcile.UUIDDuplicate, "", true)
			s.newUUID = append(s.newUUID, name)
			return
		}
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
		found(reconcile.UUIDDuplicate, "", false)
	case plantPending:
		add(&id, nil, no, no)
		*late = append(*late, func() { factor(emulator.Unverified) })
	case plantNew:
		add(&id, nil, no, no)
	case plantSkip:
		add(&id, &bare, yes, no)
		found(reconcile.FactorMissing, bare, false)
	case plantYoung:
		add(&id, nil, no, no)
		*late = append(*late, func() { found(reconcile.OrphanFactor, factor(emulator.Verified), false) })
	default:
		sid = factor(emulator.Verified)
		add(&id, &sid, yes, yes)
	}
}

// store replaces the users in the database.
func (s *site) store(t testing.TB, database string, conn *pgx.Conn) {
	t.Helper()
	s.database, s.conn = database, conn
	for _, sql := range []string{"delete from users", `insert into users (username, password, uuid, mfa_sid, mfa_enrolled, mfa_enabled)
		select n, '*', u::uuid, s, e, a from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[]) as r (n, u, s, e, a)`} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{s.rows.name, s.rows.uuid, s.rows.sid, s.rows.enrolled, s.rows.enabled}
		}
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
}

// row is a user's row in the database, to compare with.
type row struct {
	UUID, SID         *string
	Enrolled, Enabled *bool
}

func (s *site) users(t testing.TB) map[string]row {
	t.Helper()
	rows, err := s.conn.Query(context.Background(), "select username, uuid::text, mfa_sid, mfa_enrolled, mfa_enabled from users")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]row{}
	for rows.Next() {
		var name string
		var r row
		if err := rows.Scan(&name, &r.UUID, &r.SID, &r.Enrolled, &r.Enabled); err != nil {
			t.Fatal(err)
		}
		all[name] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *site) factors() map[string]bool {
	all := map[string]bool{}
	for _, e := range s.verify.Entities() {
		for _, f := range s.verify.Factors(e.Identity) {
			all[f.SID] = true
		}
	}
	return all
}
