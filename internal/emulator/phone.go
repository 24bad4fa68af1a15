package emulator

import (
	"fmt"
	"slices"
	"time"
)

// Code gives the current code of the newest factor whose friendly name is account, as the owner's phone shows it.
// It fails if no factor has that name (any more).
func (s *Server) Code(account string) (string, error) { return s.CodeAt(account, s.Now()) }

// CodeAt is Code for the time t.
func (s *Server) CodeAt(account string, t time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest *factor
	for _, sv := range s.store.services {
		for identity := range sv.entities {
			for _, f := range s.owner(sv, identity, s.Now()).factors {
				if f.name == account && (newest == nil || f.order > newest.order) {
					newest = f
				}
			}
		}
	}
	if newest == nil {
		return "", fmt.Errorf("no factor has the name %q", account)
	}
	return newest.config.code(newest.secret, newest.config.step(t))
}

// CodeFor gives the code of a factor at the time t, also of one that was deleted: phones don't hear of that.
func (s *Server) CodeFor(factorSID string, t time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.store.phone[factorSID]
	if !ok {
		return "", fmt.Errorf("there never was a factor %q", factorSID)
	}
	return f.config.code(f.secret, f.config.step(t))
}

// Secret gives the Base32 secret of a factor, also of one that was deleted; empty if there never was such a one.
func (s *Server) Secret(factorSID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.store.phone[factorSID]; ok {
		return f.secret
	}
	return ""
}

// Secrets gives the Base32 secret of every factor there ever was, in every service, for tests that look for them where
// they must not be.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, f := range s.store.phone {
		all = append(all, f.secret)
	}
	return all
}

// SentCode gives the code that reached a number last, by SMS or call; false if none did. A landline gets no SMS.
func (s *Server) SentCode(to string) (code string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code, ok = s.store.inbox[to]
	return code, ok
}

// SentCodes gives every code that was sent by SMS or call, for tests that look for them where they must not be.
func (s *Server) SentCodes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.store.sent)
}
