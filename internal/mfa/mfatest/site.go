package mfatest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
)

// Site is a World that several goroutines may use at once. Before runs before every call, and the call fails with the
// error that it returns.
type Site struct {
	mu       sync.Mutex
	World    *World
	Before   func(n int, op, about string) error
	N        int // calls so far
	Entities func([]mfa.Entity) []mfa.Entity
}

// NewSite returns a world of these users.
func NewSite(users ...mfa.User) *Site { return &Site{World: NewWorld(users...)} }

func (s *Site) enter(op, about string) (leave func(), err error) {
	s.mu.Lock()
	s.N++
	if s.Before != nil {
		err = s.Before(s.N, op, about)
	}
	return s.mu.Unlock, err
}

// FindUsers is the method of the port.
func (s *Site) FindUsers(ctx context.Context, names []string) ([]mfa.User, error) {
	leave, err := s.enter("FindUsers", strings.Join(names, " "))
	defer leave()
	if err != nil {
		return nil, err
	}
	return s.World.FindUsers(ctx, names)
}

// CompareAndSet is the method of the port.
func (s *Site) CompareAndSet(ctx context.Context, name string, was, becomes mfa.Row) error {
	leave, err := s.enter("CompareAndSet", name)
	defer leave()
	if err != nil {
		return err
	}
	return s.World.CompareAndSet(ctx, name, was, becomes)
}

// MayWrite is the method of the port.
func (s *Site) MayWrite(ctx context.Context, name string, becomes mfa.Row) error {
	leave, err := s.enter("MayWrite", name)
	defer leave()
	if err != nil {
		return err
	}
	return s.World.MayWrite(ctx, name, becomes)
}

// Writable is the method of the port.
func (s *Site) Writable(ctx context.Context) error {
	leave, err := s.enter("Writable", "")
	defer leave()
	if err != nil {
		return err
	}
	return s.World.Writable(ctx)
}

// FactorOwners is the method of the port.
func (s *Site) FactorOwners(ctx context.Context, sids []string) (map[string][]string, error) {
	leave, err := s.enter("FactorOwners", strings.Join(sids, " "))
	defer leave()
	if err != nil {
		return nil, err
	}
	return s.World.FactorOwners(ctx, sids)
}

// UUIDOwners is the method of the port.
func (s *Site) UUIDOwners(ctx context.Context, uuids []string) (map[string][]string, error) {
	leave, err := s.enter("UUIDOwners", strings.Join(uuids, " "))
	defer leave()
	if err != nil {
		return nil, err
	}
	return s.World.UUIDOwners(ctx, uuids)
}

// CheckService is the method of the port.
func (s *Site) CheckService(context.Context) error {
	leave, err := s.enter("CheckService", "")
	defer leave()
	return err
}

// ListEntities is the method of the port.
func (s *Site) ListEntities(ctx context.Context) ([]mfa.Entity, error) {
	leave, err := s.enter("ListEntities", "")
	defer leave()
	if err != nil {
		return nil, err
	}
	all, err := s.World.ListEntities(ctx)
	if err == nil && s.Entities != nil {
		all = s.Entities(all)
	}
	return all, err
}

// ListFactors is the method of the port.
func (s *Site) ListFactors(ctx context.Context, identity string) ([]mfa.Factor, error) {
	leave, err := s.enter("ListFactors", identity)
	defer leave()
	if errors.Is(err, ErrGone) {
		return nil, nil // as package twilio does
	}
	if err != nil {
		return nil, err
	}
	return s.World.ListFactors(ctx, identity)
}

// FetchFactor is the method of the port.
func (s *Site) FetchFactor(ctx context.Context, identity, sid string) (mfa.Factor, error) {
	leave, err := s.enter("FetchFactor", sid)
	defer leave()
	if err != nil {
		return mfa.Factor{}, err
	}
	return s.World.FetchFactor(ctx, identity, sid)
}

// Allowed is the method of the port.
func (s *Site) Allowed(ctx context.Context, identity string, calls ...mfa.FactorCall) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.World.Allowed(ctx, identity, calls...)
}

// DeleteFactor is the method of the port.
func (s *Site) DeleteFactor(ctx context.Context, identity, sid string) error {
	leave, err := s.enter("DeleteFactor", sid)
	defer leave()
	if errors.Is(err, ErrGone) {
		return nil // as package twilio does
	}
	if err != nil {
		return err
	}
	return s.World.DeleteFactor(ctx, identity, sid)
}

// Now is the method of the port.
func (s *Site) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.World.Clock
}

// Users returns a copy of the users as they are now.
func (s *Site) Users() map[string]mfa.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.World.Users)
}

// Old adds a verified factor that was made two days ago.
func (s *Site) Old(identity, sid string) *mfa.Factor {
	f := s.World.Add(identity, sid, mfa.FactorVerified)
	f.Created = s.World.Clock.Add(-48 * time.Hour)
	return f
}

// CreateFactor is the method of the port.
func (s *Site) CreateFactor(ctx context.Context, identity, name string) (mfa.NewFactor, error) {
	leave, err := s.enter("CreateFactor", identity)
	defer leave()
	if err != nil {
		return mfa.NewFactor{}, err
	}
	return s.World.CreateFactor(ctx, identity, name)
}

// VerifyFactor is the method of the port.
func (s *Site) VerifyFactor(ctx context.Context, identity, sid, code string) (mfa.Factor, error) {
	leave, err := s.enter("VerifyFactor", sid)
	defer leave()
	if err != nil {
		return mfa.Factor{}, err
	}
	return s.World.VerifyFactor(ctx, identity, sid, code)
}

// Challenge is the method of the port.
func (s *Site) Challenge(ctx context.Context, identity, sid, code string) (bool, error) {
	leave, err := s.enter("Challenge", sid)
	defer leave()
	if err != nil {
		return false, err
	}
	return s.World.Challenge(ctx, identity, sid, code)
}

// ErrGone is the answer for what does not exist.
var ErrGone = errs.New(errs.NotFound, "not found", "")
