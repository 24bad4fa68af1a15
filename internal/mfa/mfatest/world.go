// Package mfatest has uzERP's table users and Twilio's factors in memory, for the tests of the use cases.
//
// Its law: it behaves as packages db and twilio do. internal/db/storetest tests that of its users; no suite tests it
// of its factors.
package mfatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/secret"
	"uzerp-mfa/internal/totp"
)

// World is uzERP's table and Twilio's service in memory. A hook runs before the call that it is named after, and the
// call fails with the error that the hook returns.
type World struct {
	Users   map[string]mfa.User
	Factors map[string][]mfa.Factor  // by identity
	Secrets map[string]secret.Secret // by factor
	Clock   time.Time
	Calls   []string
	Hooks   map[string]func() error

	Forbidden []mfa.FactorCall // what the credentials may not do
}

func NewWorld(users ...mfa.User) *World {
	w := &World{Users: map[string]mfa.User{}, Factors: map[string][]mfa.Factor{}, Secrets: map[string]secret.Secret{},
		Clock: time.Unix(1_700_000_010, 0).UTC(), Hooks: map[string]func() error{}}
	for _, u := range users {
		w.Users[u.Username] = u
	}
	return w
}

// called runs the hook of a call. As in a real one, nothing is done once ctx has ended.
func (w *World) called(ctx context.Context, name string) error {
	w.Calls = append(w.Calls, name)
	if hook := w.Hooks[name]; hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// FindUsers is the method of the port.
func (w *World) FindUsers(ctx context.Context, names []string) ([]mfa.User, error) {
	if err := w.called(ctx, "FindUsers"); err != nil {
		return nil, err
	}
	var found []mfa.User
	for i, n := range names {
		if u, ok := w.Users[n]; ok && !slices.Contains(names[:i], n) {
			found = append(found, u)
		}
	}
	return found, nil
}

// CompareAndSet is the method of the port.
func (w *World) CompareAndSet(ctx context.Context, name string, was, becomes mfa.Row) error {
	if err := w.called(ctx, "CompareAndSet"); err != nil {
		return err
	}
	u, ok := w.Users[name]
	if !ok || !u.Equal(was) {
		return &errs.Error{Kind: errs.Refused, Err: errs.ErrChanged}
	}
	u.Row = becomes
	w.Users[name] = u
	return nil
}

// MayWrite is the method of the port.
func (w *World) MayWrite(ctx context.Context, _ string, _ mfa.Row) error {
	return w.called(ctx, "MayWrite")
}

// Writable is the method of the port.
func (w *World) Writable(ctx context.Context) error { return w.called(ctx, "Writable") }

// FactorOwners is the method of the port.
func (w *World) FactorOwners(ctx context.Context, sids []string) (map[string][]string, error) {
	if err := w.called(ctx, "FactorOwners"); err != nil {
		return nil, err
	}
	return w.owners(sids, func(r mfa.Row) *string { return r.SID }), nil
}

// UUIDOwners is the method of the port.
func (w *World) UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error) {
	if err := w.called(ctx, "UUIDOwners"); err != nil {
		return nil, err
	}
	lower := make([]string, len(uuids))
	for i, id := range uuids {
		lower[i] = strings.ToLower(id)
	}
	return w.owners(lower, func(r mfa.Row) *string { return r.UUID }), nil
}

// owners returns, for each of the values that some row has in a column, the names of those users in byte order.
func (w *World) owners(values []string, column func(mfa.Row) *string) map[string][]string {
	owners := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(w.Users)) {
		if v := column(w.Users[name].Row); v != nil && slices.Contains(values, *v) {
			owners[*v] = append(owners[*v], name)
		}
	}
	return owners
}

// CheckService is the method of mfa.FactorReader.
func (w *World) CheckService(ctx context.Context) error { return w.called(ctx, "CheckService") }

// ListEntities is the method of mfa.FactorReader. An entity is as old as its oldest factor.
func (w *World) ListEntities(ctx context.Context) ([]mfa.Entity, error) {
	if err := w.called(ctx, "ListEntities"); err != nil {
		return nil, err
	}
	var all []mfa.Entity
	for identity, factors := range w.Factors {
		e := mfa.Entity{SID: "YE" + identity, Identity: identity, Created: w.Clock}
		for _, f := range factors {
			if f.Created.Before(e.Created) {
				e.Created = f.Created
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// ListFactors is the method of the port.
func (w *World) ListFactors(ctx context.Context, identity string) ([]mfa.Factor, error) {
	if err := w.called(ctx, "ListFactors"); err != nil {
		return nil, err
	}
	return slices.Clone(w.Factors[identity]), nil
}

// Find returns a factor, which may be changed, or an error of errs.NotFound.
func (w *World) Find(identity, sid string) (*mfa.Factor, error) {
	for i := range w.Factors[identity] {
		if w.Factors[identity][i].SID == sid {
			return &w.Factors[identity][i], nil
		}
	}
	return nil, errs.New(errs.NotFound, "no such factor", "")
}

// FetchFactor is the method of the port.
func (w *World) FetchFactor(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	if err := w.called(ctx, "FetchFactor"); err != nil {
		return mfa.Factor{}, err
	}
	f, err := w.Find(identity, sid)
	if err != nil {
		return mfa.Factor{}, err
	}
	return *f, nil
}

// Allowed is the method of the port. It fails for the calls in Forbidden, and is not counted.
func (w *World) Allowed(_ context.Context, _ string, calls ...mfa.FactorCall) error {
	for _, c := range calls {
		if slices.Contains(w.Forbidden, c) {
			return &errs.Error{Kind: errs.Config, Err: mfa.ErrNotPermitted}
		}
	}
	return nil
}

// CreateFactor is the method of the port.
func (w *World) CreateFactor(ctx context.Context, identity, name string) (mfa.NewFactor, error) {
	if err := w.called(ctx, "CreateFactor"); err != nil {
		return mfa.NewFactor{}, err
	}
	f := w.Add(identity, fmt.Sprintf("YF%032x", 1000+len(w.Secrets)), mfa.FactorUnverified)
	f.FriendlyName = name
	if err := w.called(ctx, "CreateFactor after"); err != nil {
		return mfa.NewFactor{}, err
	}
	return mfa.NewFactor{Factor: *f, Secret: w.Secrets[f.SID], URI: secret.New("otpauth://totp/x")}, nil
}

// Add adds a factor with a secret.
func (w *World) Add(identity, sid string, status mfa.FactorStatus) *mfa.Factor {
	w.Factors[identity] = append(w.Factors[identity], mfa.Factor{SID: sid, Status: status, Created: w.Clock, FriendlyName: "alice",
		TOTP: mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second, Skew: 1}})
	w.Secrets[sid] = secret.New(fmt.Sprintf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQ%03d", 222+len(w.Secrets)))
	return &w.Factors[identity][len(w.Factors[identity])-1]
}

// Code returns what the phone shows if its clock is wrong by off.
func (w *World) Code(t testing.TB, sid string, off time.Duration) string {
	t.Helper()
	code, err := totp.Code(w.Secrets[sid], mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, w.Clock.Add(off))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (w *World) right(sid, code string) bool {
	for _, off := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
		c, err := totp.Code(w.Secrets[sid], mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second}, w.Clock.Add(off))
		if err == nil && c == code {
			return true
		}
	}
	return false
}

// VerifyFactor is the method of the port.
func (w *World) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	if err := w.called(ctx, "VerifyFactor"); err != nil {
		return mfa.Factor{}, err
	}
	f, err := w.Find(identity, sid)
	if err != nil {
		return mfa.Factor{}, err
	}
	if w.right(sid, code) {
		f.Status = mfa.FactorVerified
	}
	return *f, nil
}

// Challenge is the method of the port.
func (w *World) Challenge(ctx context.Context, identity, sid, code string) (bool, error) {
	if err := w.called(ctx, "Challenge"); err != nil {
		return false, err
	}
	if _, err := w.Find(identity, sid); err != nil {
		return false, err
	}
	return w.right(sid, code), nil
}

// DeleteFactor is the method of the port.
func (w *World) DeleteFactor(ctx context.Context, identity, sid string) error {
	if err := w.called(ctx, "DeleteFactor"); err != nil {
		return err
	}
	w.Factors[identity] = slices.DeleteFunc(w.Factors[identity], func(f mfa.Factor) bool { return f.SID == sid })
	return nil
}

// Now is the method of the port.
func (w *World) Now() time.Time { return w.Clock }

// SIDs returns the factors that an identity still has.
func (w *World) SIDs(identity string) []string {
	var sids []string
	for _, f := range w.Factors[identity] {
		sids = append(sids, f.SID)
	}
	return sids
}

// Enrolled returns a user whose row names a factor.
func Enrolled(name, uuid, sid string) mfa.User {
	return mfa.User{Username: name, Row: mfa.Row{UUID: &uuid, SID: &sid, Enrolled: new(true), Enabled: new(true)}}
}

// Fresh returns a user who is not enrolled.
func Fresh(name, uuid string) mfa.User {
	return mfa.User{Username: name, Row: mfa.Row{UUID: &uuid, Enrolled: new(false), Enabled: new(false)}}
}
