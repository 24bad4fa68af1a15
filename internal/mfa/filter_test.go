package mfa_test

import (
	"errors"
	"strings"
	"testing"

	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

func TestFilter(t *testing.T) {
	alice, bob, carol := mfatest.Enrolled("alice", uuidA, sidA), mfatest.Fresh("bob", uuidA), mfatest.Enrolled("carol", uuidA, "nonsense")
	alice.AccessEnabled, bob.AccessEnabled, carol.AccessEnabled = new(true), new(false), new(true)
	alice.Person, bob.Email = "Alice Ärmel", new("bob@EXAMPLE.com")
	failed := errors.New("the connection broke")
	read := 0
	users := func(yield func(mfa.User, error) bool) {
		for _, u := range []mfa.User{alice, bob, carol} {
			if read++; !yield(u, nil) {
				return
			}
		}
		read++
		if yield(mfa.User{}, failed) {
			t.Error("read on after an error")
		}
	}
	for _, test := range []struct {
		filter mfa.Filter
		want   string
		read   int // with the error at the end
		more   bool
	}{
		{mfa.Filter{}, "alice bob carol", 4, false},
		{mfa.Filter{States: []mfa.State{mfa.StateEnrolled, mfa.StateNotEnrolled}}, "alice bob", 4, false},
		{mfa.Filter{States: []mfa.State{mfa.StateBroken}}, "carol", 4, false},
		{mfa.Filter{Access: new(true)}, "alice carol", 4, false},
		{mfa.Filter{Access: new(false)}, "bob", 4, false},
		{mfa.Filter{Match: "ärm"}, "alice", 4, false},
		{mfa.Filter{Match: "Example"}, "bob", 4, false},
		{mfa.Filter{Match: "CAR", Access: new(false)}, "", 4, false},
		{mfa.Filter{Limit: 2}, "alice bob", 3, true},
		{mfa.Filter{Limit: 2, Access: new(true)}, "alice carol", 4, false},
		{mfa.Filter{Limit: 2, States: []mfa.State{mfa.StateEnrolled, mfa.StateNotEnrolled}}, "alice bob", 4, false},
		{mfa.Filter{Limit: 1, Match: "bob"}, "bob", 4, false},
		{mfa.Filter{Match: "armel ALICE"}, "alice", 4, false},
		{mfa.Filter{Match: "armel bob"}, "", 4, false},
		{mfa.Filter{Match: " "}, "", 4, false},
	} {
		read = 0
		var got []string
		var err error
		selected, all := test.filter.Select(users)
		for u, e := range all {
			if err = e; e == nil {
				got = append(got, u.Username)
			}
		}
		if strings.Join(got, " ") != test.want || read != test.read || (read == 4) != errors.Is(err, failed) ||
			selected.More != test.more || selected.Shown != len(got) {
			t.Errorf("%+v: %q, %d read, %v, %+v", test.filter, got, read, err, *selected)
		}
		if needed := test.filter.Needed(); needed > 0 && needed != read {
			t.Errorf("%+v: it needs %d, and %d were read", test.filter, needed, read)
		}
	}
}
