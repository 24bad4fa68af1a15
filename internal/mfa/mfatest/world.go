// Package mfatest is uzERP's table users and Twilio's factors in memory, for the tests of the use cases.
//
// Its law: it behaves as package db and package twilio do; internal/db/storetest holds both to that.
package mfatest

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

// World is uzERP's table and Twilio's service in memory. Hooks run before the call they are named after, and make it fail
// with the error they give.
type World struct {
	Users   map[string]mfa.User
	Factors map[string][]mfa.Factor  // by identity
	Secrets map[string]secret.Secret // by factor
	Clock   time.Time
	Calls   []string
	Hooks   map[string]func() error
}

func NewWorld(users ...mfa.User) *World {
	w := &World{Users: map[string]mfa.User{}, Factors: map[string][]mfa.Factor{}, Secrets: map[string]secret.Secret{},
		Clock: time.Unix(1_700_000_010, 0).UTC(), Hooks: map[string]func() error{}}
	for _, u := range users {
		w.Users[u.Username] = u
	}
	return w
}

func (w *World) called(name string) error {
	w.Calls = append(w.Calls, name)
	if hook := w.Hooks[name]; hook != nil {
		return hook()
	}
	return nil
}

// FindUsers is that of the port.
func (w *World) FindUsers(_ context.Context, names []string) ([]mfa.User, error) {
	if err := w.called("FindUsers"); err != nil {
		return nil, err
	}
	var found []mfa.User
	for _, n := range names {
		if u, ok := w.Users[n]; ok {
			found = append(found, u)
		}
	}
	return found, nil
}

// CompareAndSet is that of the port.
func (w *World) CompareAndSet(_ context.Context, name string, was, becomes mfa.Row) error {
	if err := w.called("CompareAndSet"); err != nil {
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

// FactorOwners is that of the port.
func (w *World) FactorOwners(_ context.Context, sids []string) (map[string][]string, error) {
	if err := w.called("FactorOwners"); err != nil {
		return nil, err
	}
	owners := map[string][]string{}
	for _, u := range w.Users {
		if u.SID != nil && slices.Contains(sids, *u.SID) {
			owners[*u.SID] = append(owners[*u.SID], u.Username)
		}
	}
	return owners, nil
}

// UUIDOwners is that of mfa.Reader.
func (w *World) UUIDOwners(_ context.Context, uuids []string) (map[string][]string, error) {
	if err := w.called("UUIDOwners"); err != nil {
		return nil, err
	}
	return w.uuidOwners(uuids), nil
}

func (w *World) uuidOwners(uuids []string) map[string][]string {
	owners := map[string][]string{}
	for _, u := range w.Users {
		if u.UUID != nil && slices.Contains(uuids, *u.UUID) {
			owners[*u.UUID] = append(owners[*u.UUID], u.Username)
		}
	}
	return owners
}

// CheckService is that of mfa.FactorReader.
func (w *World) CheckService(context.Context) error { return w.called("CheckService") }

// ListEntities is that of mfa.FactorReader. An entity is as old as its oldest factor.
func (w *World) ListEntities(context.Context) ([]mfa.Entity, error) {
	if err := w.called("ListEntities"); err != nil {
		return nil, err
	}
	return w.everyEntity(), nil
}

func (w *World) everyEntity() []mfa.Entity {
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
	return all
}

// ListFactors is that of the port.
func (w *World) ListFactors(_ context.Context, identity string) ([]mfa.Factor, error) {
	if err := w.called("ListFactors"); err != nil {
		return nil, err
	}
	return slices.Clone(w.Factors[identity]), nil
}

// Find returns a factor, to be changed; errs.NotFound if there is none.
func (w *World) Find(identity, sid string) (*mfa.Factor, error) {
	for i := range w.Factors[identity] {
		if w.Factors[identity][i].SID == sid {
			return &w.Factors[identity][i], nil
		}
	}
	return nil, errs.New(errs.NotFound, "no such factor", "")
}

// FetchFactor is that of the port.
func (w *World) FetchFactor(_ context.Context, identity, sid string) (mfa.Factor, error) {
	if err := w.called("FetchFactor"); err != nil {
		return mfa.Factor{}, err
	}
	f, err := w.Find(identity, sid)
	if err != nil {
		return mfa.Factor{}, err
	}
	return *f, nil
}

// CreateFactor is that of the port.
func (w *World) CreateFactor(_ context.Context, identity, name string) (mfa.NewFactor, error) {
	if err := w.called("CreateFactor"); err != nil {
		return mfa.NewFactor{}, err
	}
	f := w.Add(identity, fmt.Sprintf("YF%032x", 1000+len(w.Secrets)), mfa.FactorUnverified)
	f.FriendlyName = name
	if err := w.called("CreateFactor after"); err != nil {
		return mfa.NewFactor{}, err
	}
	return mfa.NewFactor{Factor: *f, Secret: w.Secrets[f.SID], URI: secret.New("otpauth://totp/x")}, nil
}

// Add puts a factor in place and gives it a secret.
func (w *World) Add(identity, sid string, status mfa.FactorStatus) *mfa.Factor {
	w.Factors[identity] = append(w.Factors[identity], mfa.Factor{SID: sid, Status: status, Created: w.Clock, FriendlyName: "alice",
		TOTP: mfa.TOTPConfig{Algorithm: "sha1", Digits: 6, Step: 30 * time.Second, Skew: 1}})
	w.Secrets[sid] = secret.New(fmt.Sprintf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQ%03d", 222+len(w.Secrets)))
	return &w.Factors[identity][len(w.Factors[identity])-1]
}

// Code is what the phone shows, off by so much.
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

// VerifyFactor is that of the port.
func (w *World) VerifyFactor(_ context.Context, identity, sid, code string) (mfa.Factor, error) {
	if err := w.called("VerifyFactor"); err != nil {
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

// Challenge is that of the port.
func (w *World) Challenge(_ context.Context, identity, sid, code string) (bool, error) {
	if err := w.called("Challenge"); err != nil {
		return false, err
	}
	if _, err := w.Find(identity, sid); err != nil {
		return false, err
	}
	return w.right(sid, code), nil
}

// DeleteFactor is that of the port.
func (w *World) DeleteFactor(_ context.Context, identity, sid string) error {
	if err := w.called("DeleteFactor"); err != nil {
		return err
	}
	w.Factors[identity] = slices.DeleteFunc(w.Factors[identity], func(f mfa.Factor) bool { return f.SID == sid })
	return nil
}

// Now is that of the port.
func (w *World) Now() time.Time { return w.Clock }

// SIDs returns the factors that are left of an identity.
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
