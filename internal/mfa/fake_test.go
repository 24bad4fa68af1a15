package mfa_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/totp"
)

const (
	uuidA = "22222222-2222-4222-8222-222222222222"
	sidA  = "YF0000000000000000000000000000000a"
	sidB  = "YF0000000000000000000000000000000b"
	sidC  = "YF0000000000000000000000000000000c"
)

func ptr[T any](v T) *T { return &v }

// world is uzERP's table and Twilio's service in memory. Hooks run before the call they are named after, and make it fail
// with the error they give.
type world struct {
	users   map[string]mfa.User
	factors map[string][]mfa.Factor  // by identity
	secrets map[string]secret.Secret // by factor
	now     time.Time
	calls   []string
	hooks   map[string]func() error
}

func newWorld(users ...mfa.User) *world {
	w := &world{users: map[string]mfa.User{}, factors: map[string][]mfa.Factor{}, secrets: map[string]secret.Secret{},
		now: time.Unix(1_700_000_010, 0).UTC(), hooks: map[string]func() error{}}
	for _, u := range users {
		w.users[u.Username] = u
	}
	return w
}

func (w *world) called(name string) error {
	w.calls = append(w.calls, name)
	if hook := w.hooks[name]; hook != nil {
		return hook()
	}
	return nil
}

func (w *world) FindUsers(_ context.Context, names []string) ([]mfa.User, error) {
	if err := w.called("FindUsers"); err != nil {
		return nil, err
	}
	var found []mfa.User
	for _, n := range names {
		if u, ok := w.users[n]; ok {
			found = append(found, u)
		}
	}
	return found, nil
}

func (w *world) CompareAndSet(_ context.Context, name string, was, becomes mfa.Row) error {
	if err := w.called("CompareAndSet"); err != nil {
		return err
	}
	u, ok := w.users[name]
	if !ok || !u.Equal(was) {
		return &errs.Error{Kind: errs.Refused, Err: errs.ErrChanged}
	}
	u.Row = becomes
	w.users[name] = u
	return nil
}

func (w *world) FactorOwners(_ context.Context, sids []string) (map[string][]string, error) {
	if err := w.called("FactorOwners"); err != nil {
		return nil, err
	}
	owners := map[string][]string{}
	for _, u := range w.users {
		if u.SID != nil && slices.Contains(sids, *u.SID) {
			owners[*u.SID] = append(owners[*u.SID], u.Username)
		}
	}
	return owners, nil
}

func (w *world) ListFactors(_ context.Context, identity string) ([]mfa.Factor, error) {
	if err := w.called("ListFactors"); err != nil {
		return nil, err
	}
	return slices.Clone(w.factors[identity]), nil
}

func (w *world) find(identity, sid string) (*mfa.Factor, error) {
	for i := range w.factors[identity] {
		if w.factors[identity][i].SID == sid {
			return &w.factors[identity][i], nil
		}
	}
	return nil, errs.New(errs.NotFound, "no such factor", "")
}

func (w *world) FetchFactor(_ context.Context, identity, sid string) (mfa.Factor, error) {
	if err := w.called("FetchFactor"); err != nil {
		return mfa.Factor{}, err
	}
	f, err := w.find(identity, sid)
	if err != nil {
		return mfa.Factor{}, err
	}
	return *f, nil
}

func (w *world) CreateFactor(_ context.Context, identity, name string) (mfa.NewFactor, error) {
	if err := w.called("CreateFactor"); err != nil {
		return mfa.NewFactor{}, err
	}
	f := w.add(identity, fmt.Sprintf("YF%032x", 1000+len(w.secrets)), mfa.FactorUnverified)
	f.FriendlyName = name
	if err := w.called("CreateFactor after"); err != nil {
		return mfa.NewFactor{}, err
	}
	return mfa.NewFactor{Factor: *f, Secret: w.secrets[f.SID], URI: secret.New("otpauth://totp/x")}, nil
}

// add puts a factor in place and gives it a secret.
func (w *world) add(identity, sid string, status mfa.FactorStatus) *mfa.Factor {
	w.factors[identity] = append(w.factors[identity], mfa.Factor{SID: sid, Status: status, Created: w.now, FriendlyName: "alice",
		TOTP: mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second, Skew: 1}})
	w.secrets[sid] = secret.New(fmt.Sprintf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQ%03d", 222+len(w.secrets)))
	return &w.factors[identity][len(w.factors[identity])-1]
}

// code is what the phone shows, off by so much.
func (w *world) code(t testing.TB, sid string, off time.Duration) string {
	t.Helper()
	code, err := totp.Code(w.secrets[sid], mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, w.now.Add(off))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (w *world) right(sid, code string) bool {
	for _, off := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
		c, err := totp.Code(w.secrets[sid], mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, w.now.Add(off))
		if err == nil && c == code {
			return true
		}
	}
	return false
}

func (w *world) VerifyFactor(_ context.Context, identity, sid, code string) (mfa.Factor, error) {
	if err := w.called("VerifyFactor"); err != nil {
		return mfa.Factor{}, err
	}
	f, err := w.find(identity, sid)
	if err != nil {
		return mfa.Factor{}, err
	}
	if w.right(sid, code) {
		f.Status = mfa.FactorVerified
	}
	return *f, nil
}

func (w *world) Challenge(_ context.Context, identity, sid, code string) (bool, error) {
	if err := w.called("Challenge"); err != nil {
		return false, err
	}
	if _, err := w.find(identity, sid); err != nil {
		return false, err
	}
	return w.right(sid, code), nil
}

func (w *world) DeleteFactor(_ context.Context, identity, sid string) error {
	if err := w.called("DeleteFactor"); err != nil {
		return err
	}
	w.factors[identity] = slices.DeleteFunc(w.factors[identity], func(f mfa.Factor) bool { return f.SID == sid })
	return nil
}

func (w *world) Now() time.Time { return w.now }

// sids gives the factors that are left of an identity.
func (w *world) sids(identity string) []string {
	var sids []string
	for _, f := range w.factors[identity] {
		sids = append(sids, f.SID)
	}
	return sids
}

func enrolled(name, uuid, sid string) mfa.User {
	return mfa.User{Username: name, Row: mfa.Row{UUID: &uuid, SID: &sid, Enrolled: ptr(true), Enabled: ptr(true)}}
}

func fresh(name, uuid string) mfa.User {
	return mfa.User{Username: name, Row: mfa.Row{UUID: &uuid, Enrolled: ptr(false), Enabled: ptr(false)}}
}
