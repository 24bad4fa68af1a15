package mfa_test

import (
	"errors"
	"slices"
	"testing"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/mfa/mfatest"
)

func TestRealNames(t *testing.T) {
	read := func(text string) []string {
		return map[string][]string{"shown": {"real"}, "clash": {"real"}, "nobody": {"none"}, "both": {"none", "alice"}, "two": {"real", "alice"}}[text]
	}
	w := mfatest.NewWorld()
	for _, name := range []string{"real", "alice", "clash"} {
		w.Users[name] = mfa.User{Username: name}
	}
	for _, test := range []struct {
		names, want []string
		kind        errs.Kind
	}{
		{names: []string{"shown", "alice", "shown", "nobody", "both", "bob"}, want: []string{"real", "alice", "real", "nobody", "alice", "bob"}},
		{names: []string{"alice", "clash"}, kind: errs.NotFound},
		{names: []string{"two"}, kind: errs.NotFound},
		{},
	} {
		got, err := mfa.RealNames(t.Context(), w, test.names, read)
		if !slices.Equal(got, test.want) || err != nil && errs.KindOf(err) != test.kind || err == nil && test.kind != errs.Failure {
			t.Errorf("%q: %q, %v", test.names, got, err)
		}
	}
	down := errors.New("down")
	w.Hooks["FindUsers"] = func() error { return down }
	if _, err := mfa.RealNames(t.Context(), w, []string{"shown"}, read); !errors.Is(err, down) {
		t.Error(err)
	}
	if got, err := mfa.RealNames(t.Context(), w, []string{"alice"}, read); err != nil || got[0] != "alice" {
		t.Error("a plain name was asked for", err)
	}
}
