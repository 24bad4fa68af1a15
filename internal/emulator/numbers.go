package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// NumberKind is what is special about a phone number, or about the account's use of that number.
type NumberKind string

// The kinds of numbers, and how a verification of such a number is answered (docs/facts/twilio-verify.md §2).
const (
	Mobile          NumberKind = "mobile"           // nothing special
	Landline        NumberKind = "landline"         // 60205 if the service skips landlines, else the SMS never arrives
	InvalidNumber   NumberKind = "invalid"          // 60200: in the right form, but no such number can exist
	GeoBlocked      NumberKind = "geo-blocked"      // 60605
	FraudBlocked    NumberKind = "fraud-blocked"    // 60410, for an SMS only and for 12 hours
	TrialUnverified NumberKind = "trial-unverified" // 21608
	BlockedByTwilio NumberKind = "blocked"          // 60238
	Concurrent      NumberKind = "concurrent"       // 60212, for checks too
)

var numberKinds = []NumberKind{
	Mobile, Landline, InvalidNumber, GeoBlocked, FraudBlocked, TrialUnverified, BlockedByTwilio, Concurrent,
}

// fraudBlock is how long Fraud Guard blocks a prefix.
const fraudBlock = 12 * time.Hour

// numberRule is a kind and the time from which it holds.
type numberRule struct {
	kind  NumberKind
	since time.Time
}

// SetNumber makes a number in E.164 one of a kind from now on. If to ends with "*", this is for all numbers that begin
// so; the longest match counts. It fails if the kind is unknown or to is not in E.164.
func (s *Server) SetNumber(to string, kind NumberKind) error {
	if !slices.Contains(numberKinds, kind) {
		return fmt.Errorf("no kind of number: %q", kind)
	}
	if !e164().MatchString(strings.TrimSuffix(to, "*")) {
		return fmt.Errorf("not in E.164: %q", to)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.numbers[to] = numberRule{kind: kind, since: s.Now()}
	return nil
}

// kind returns the kind of a number.
func (st *store) kind(to string, now time.Time) NumberKind {
	rule, ok := st.numbers[to]
	for n := len(to); !ok && n > 0; n-- {
		rule, ok = st.numbers[to[:n]+"*"]
	}
	if !ok || rule.kind == FraudBlocked && now.Sub(rule.since) >= fraudBlock {
		return Mobile
	}
	return rule.kind
}
