// Package storetest holds every implementation of the users port to the same rules: the database and the fakes of the tests.
//
// Its law: what a use case may rely on is tested here, once. A rule that only one implementation keeps is not one.
package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Store is the port. A mfa.Writer reads too.
type Store = mfa.Writer

const (
	uuidA   = "aaaaaaaa-0000-4000-8000-00000000000a"
	uuidB   = "bbbbbbbb-0000-4000-8000-00000000000b"
	uuidC   = "cccccccc-0000-4000-8000-00000000000c"
	upperA  = "AAAAAAAA-0000-4000-8000-00000000000A"
	sidA    = "YF0000000000000000000000000000000a"
	sidB    = "YF0000000000000000000000000000000b"
	upperSA = "YF0000000000000000000000000000000A"
)

// Run tests a store. open returns a new one with these users, of whom only the names and rows count.
func Run(t *testing.T, open func(t *testing.T, users ...mfa.User) Store) {
	t.Run("compare and set", func(t *testing.T) { compareAndSet(t, open) })
	t.Run("may write", func(t *testing.T) { mayWrite(t, open) })
	t.Run("who is changed", func(t *testing.T) { whoIsChanged(t, open) })
	t.Run("find users", func(t *testing.T) { findUsers(t, open) })
	t.Run("factor owners", func(t *testing.T) { factorOwners(t, open) })
	t.Run("uuid owners", func(t *testing.T) { uuidOwners(t, open) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, open) })
}

// columns returns, by column, a row with each of the values that must be told apart.
func columns(row mfa.Row) map[string][]mfa.Row {
	all := make(map[string][]mfa.Row)
	add := func(name string, set func(*mfa.Row)) {
		r := row
		set(&r)
		all[name] = append(all[name], r)
	}
	for _, uuid := range []*string{nil, new(uuidA), new(uuidB)} {
		add("uuid", func(r *mfa.Row) { r.UUID = uuid })
	}
	for _, sid := range []*string{nil, new(""), new(sidA), new(sidB), new(upperSA)} {
		add("mfa_sid", func(r *mfa.Row) { r.SID = sid })
	}
	for _, b := range []*bool{nil, new(false), new(true)} {
		add("mfa_enrolled", func(r *mfa.Row) { r.Enrolled = b })
		add("mfa_enabled", func(r *mfa.Row) { r.Enabled = b })
	}
	return all
}

// Every column counts by itself, and NULL is a value like any other: equal to NULL and to nothing else.
func compareAndSet(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	other := mfa.Row{UUID: new(uuidC), SID: new("other"), Enrolled: new(true), Enabled: new(false)}
	for kind, rest := range map[string]mfa.Row{
		"the rest is NULL": {},
		"the rest is set":  {UUID: new(uuidC), SID: new(sidA), Enrolled: new(true), Enabled: new(true)},
	} {
		for column, rows := range columns(rest) {
			t.Run(column+", "+kind, func(t *testing.T) {
				s := open(t, mfa.User{Username: "alice", Row: rows[0]}, mfa.User{Username: "bob", Row: rows[0]})
				has := rows[0]
				for _, next := range append(rows[1:], rows[0]) {
					for _, read := range rows {
						if read.Equal(has) {
							continue
						}
						wantChanged(t, s.CompareAndSet(t.Context(), "alice", read, other), "%+v passed for %+v", read, has)
						// To look is to compare too, although nothing is to be written.
						wantChanged(t, s.CompareAndSet(t.Context(), "alice", read, read), "%+v passed for %+v", read, has)
					}
					wantRow(t, s, "alice", has)
					if err := s.CompareAndSet(t.Context(), "alice", has, has); err != nil {
						t.Errorf("a row that is as read: %v", err)
					}
					if err := s.CompareAndSet(t.Context(), "alice", has, next); err != nil {
						t.Fatalf("a row that is as read: %v", err)
					}
					has = next
					wantRow(t, s, "alice", has)
				}
				wantRow(t, s, "bob", rows[0])
			})
		}
	}
}

// Only the user with just this name is changed, and one who is gone is a conflict.
func whoIsChanged(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	names := []string{"alice", "Alice", "alice ", "a'lice", "%", ""}
	var users []mfa.User
	for _, name := range names {
		users = append(users, mfa.User{Username: name})
	}
	s := open(t, users...)
	becomes := mfa.Row{SID: new(sidA)}
	for _, gone := range []string{"ALICE", " alice", "ali%", "nobody", "a\x00b", "\xff"} {
		wantChanged(t, s.CompareAndSet(t.Context(), gone, mfa.Row{}, becomes), "%q is a user", gone)
	}
	for i, name := range names {
		if err := s.CompareAndSet(t.Context(), name, mfa.Row{}, becomes); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		for j, n := range names {
			want := mfa.Row{}
			if j <= i {
				want = becomes
			}
			wantRow(t, s, n, want)
		}
	}
}

func findUsers(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	row := mfa.Row{UUID: new(uuidA), SID: new(sidA), Enrolled: new(true), Enabled: new(false)}
	s := open(t, mfa.User{Username: "alice", Row: row}, mfa.User{Username: "Alice"}, mfa.User{Username: "bob"})
	for _, test := range []struct{ ask, want []string }{
		{nil, nil},
		{[]string{"alice"}, []string{"alice"}},
		{[]string{"bob", "alice", "bob"}, []string{"alice", "bob"}}, // each once
		{[]string{"ALICE", "alice ", "al%", "nobody", "", "a\x00b", "\xff", "Alice"}, []string{"Alice"}},
		{[]string{"nobody"}, nil},
	} {
		users, err := s.FindUsers(t.Context(), test.ask)
		var got []string
		for _, u := range users {
			got = append(got, u.Username)
		}
		slices.Sort(got) // no order is promised
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("asked for %q: %q, %v, want %q", test.ask, got, err, test.want)
		}
	}
	wantRow(t, s, "alice", row)
}

func factorOwners(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	with := func(name string, sid *string) mfa.User { return mfa.User{Username: name, Row: mfa.Row{SID: sid}} }
	s := open(t, with("zoe", new(sidA)), with("alice", new(sidA)), with("Bob", new(sidA)), with("carol", new(sidB)), with("dave", nil), with("erin", new("")))
	wantOwners(t, s.FactorOwners, nil, nil)
	wantOwners(t, s.FactorOwners, []string{sidB, "YFnone", upperSA, "\x00", "\xff", sidB}, map[string][]string{sidB: {"carol"}})
	wantOwners(t, s.FactorOwners, []string{sidB, sidA}, map[string][]string{sidA: {"Bob", "alice", "zoe"}, sidB: {"carol"}})
}

func uuidOwners(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	with := func(name string, uuid *string) mfa.User { return mfa.User{Username: name, Row: mfa.Row{UUID: uuid}} }
	s := open(t, with("zoe", new(uuidA)), with("alice", new(uuidA)), with("Bob", new(uuidA)), with("carol", new(uuidB)), with("dave", nil))
	wantOwners(t, s.UUIDOwners, nil, nil)
	wantOwners(t, s.UUIDOwners, []string{uuidB, uuidC, "no uuid", "", "\x00", "\xff", uuidB}, map[string][]string{uuidB: {"carol"}})
	// The keys are lower-case, also where the question is not: the identity of an entity at Twilio may be written otherwise.
	wantOwners(t, s.UUIDOwners, []string{upperA}, map[string][]string{uuidA: {"Bob", "alice", "zoe"}})
	wantOwners(t, s.UUIDOwners, []string{upperA, uuidA, uuidB}, map[string][]string{uuidA: {"Bob", "alice", "zoe"}, uuidB: {"carol"}})
}

// MayWrite changes nothing, and a row that has changed meanwhile does not matter to it.
func mayWrite(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	row := mfa.Row{UUID: new(uuidA), SID: new(sidA), Enrolled: new(true)}
	s := open(t, mfa.User{Username: "alice", Row: row}, mfa.User{Username: "bob"})
	for _, name := range []string{"alice", "bob", "nobody", "\x00"} {
		for _, becomes := range []mfa.Row{{}, row, {SID: new(sidB)}} {
			if err := s.MayWrite(t.Context(), name, becomes); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	wantRow(t, s, "alice", row)
	wantRow(t, s, "bob", mfa.Row{})
}

// A command that was interrupted changes nothing any more.
func cancelled(t *testing.T, open func(*testing.T, ...mfa.User) Store) {
	s := open(t, mfa.User{Username: "alice"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, found := s.FindUsers(ctx, []string{"alice"})
	_, factors := s.FactorOwners(ctx, []string{sidA})
	_, uuids := s.UUIDOwners(ctx, []string{uuidA})
	for name, err := range map[string]error{"CompareAndSet": s.CompareAndSet(ctx, "alice", mfa.Row{}, mfa.Row{SID: new(sidA)}),
		"MayWrite": s.MayWrite(ctx, "alice", mfa.Row{}), "FindUsers": found, "FactorOwners": factors, "UUIDOwners": uuids} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRow(t, s, "alice", mfa.Row{})
}

func wantChanged(t *testing.T, err error, format string, args ...any) {
	t.Helper()
	if !errors.Is(err, errs.ErrChanged) || errs.KindOf(err) != errs.Refused {
		t.Errorf(format, args...)
		t.Errorf("error %v of kind %v, want errs.ErrChanged of errs.Refused", err, errs.KindOf(err))
	}
}

func wantRow(t *testing.T, s Store, name string, want mfa.Row) {
	t.Helper()
	users, err := s.FindUsers(t.Context(), []string{name})
	if err != nil || len(users) != 1 || users[0].Username != name || !users[0].Equal(want) {
		t.Errorf("%q: %+v, %v, want one user with the row %+v", name, users, err, want)
	}
}

func wantOwners(t *testing.T, ask func(context.Context, []string) (map[string][]string, error), of []string, want map[string][]string) {
	t.Helper()
	got, err := ask(t.Context(), of)
	if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("owners of %q: %q, %v, want %q", of, got, err, want)
	}
}
