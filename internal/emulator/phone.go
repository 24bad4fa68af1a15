package emulator

import (
	"fmt"
	"slices"
	"time"
)

// Code returns the current code of the newest factor with the friendly name account, as the owner's phone shows it. It
// fails if no factor has that name (any more).
func (s *Server) Code(account string) (string, error) { return s.CodeAt(account, s.Now()) }

// CodeAt is Code at the time t.
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

// CodeFor returns the code of a factor at the time t. The factor may be deleted: a phone doesn't notice that.
func (s *Server) CodeFor(factorSID string, t time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.store.phone[factorSID]
	if !ok {
		return "", fmt.Errorf("there never was a factor %q", factorSID)
	}
	return f.config.code(f.secret, f.config.step(t))
}

// Secret returns the Base32 secret of a factor, which may be deleted. It returns "" if there never was such a factor.
func (s *Server) Secret(factorSID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.store.phone[factorSID]; ok {
		return f.secret
	}
	return ""
}

// Secrets returns the Base32 secrets of all factors in all services, deleted ones included. It is for tests that check
// that no secret is shown.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, f := range s.store.phone {
		all = append(all, f.secret)
	}
	return all
}

// SentCode returns the last code that a number got by SMS or call. ok is false if it got none. A landline gets no SMS.
func (s *Server) SentCode(to string) (code string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code, ok = s.store.inbox[to]
	return code, ok
}

// SentCodes returns every code that was sent by SMS or call. It is for tests that check that no code is shown.
func (s *Server) SentCodes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.store.sent)
}
