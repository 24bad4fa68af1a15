package emulator

import (
	"encoding/base32"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"time"

	"uzerp-mfa/internal/pattern"
)

// base is the start of every URL in Twilio's answers.
const base = "https://verify.twilio.com"

// identityForm is "only dash (-) separated alphanumeric" (docs/facts/twilio-verify.md §1.2).
var identityForm = pattern.Lazy(`^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`)

func validIdentity(s string) bool {
	return len(s) >= 8 && len(s) <= 64 && identityForm().MatchString(s)
}

// store is the state of the emulated account.
type store struct {
	random      *rand.Rand
	last        int64 // the order of the newest record
	first       *service
	services    map[string]*service   // by SID
	order       []string              // the services' SIDs
	entityTimes []time.Time           // when entities were created, in all services, for 60328
	phone       map[string]*factor    // every factor by SID, deleted ones included: a phone keeps its accounts
	numbers     map[string]numberRule // by number, or by prefix and "*"
	inbox       map[string]string     // the last code that a number got
	sent        []string              // every code that was sent
}

func newStore(seed uint64) store {
	return store{
		random:   rand.New(rand.NewPCG(seed, 0)),
		services: make(map[string]*service),
		phone:    make(map[string]*factor),
		numbers:  make(map[string]numberRule),
		inbox:    make(map[string]string),
	}
}

// record is the part that all stored things have: a SID and a place in the order of creation.
type record struct {
	sid              string
	order            int64
	created, updated time.Time
}

func (r *record) position() int64 { return r.order }

func (st *store) newRecord(prefix string, now time.Time) record {
	st.last++
	return record{sid: prefix + hex.EncodeToString(st.bytes(16)), order: st.last, created: now, updated: now}
}

// newCode returns a new code for an SMS or a call, with this number of digits.
func (st *store) newCode(digits int) string {
	code := make([]byte, digits)
	for i := range code {
		code[i] = '0' + byte(st.random.IntN(10))
	}
	return string(code)
}

func (st *store) newSecret(size int) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(st.bytes(size))
}

func (st *store) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(st.random.Uint32())
	}
	return b
}

// attempts counts the wrong codes for a factor, a challenge or a verification.
type attempts struct {
	wrong int
	last  time.Time
}

// usedUp reports whether there were so many wrong codes that no further code is accepted.
func (a *attempts) usedUp(q Quirks, now time.Time) bool {
	if q.AttemptsResetAfter > 0 && now.Sub(a.last) >= q.AttemptsResetAfter {
		a.wrong = 0
	}
	return a.wrong >= q.MaxAttempts
}

func (a *attempts) miss(now time.Time) { a.wrong, a.last = a.wrong+1, now }

// within returns how many of the times lie less than d before now.
func within(times []time.Time, d time.Duration, now time.Time) int {
	n := 0
	for _, t := range slices.Backward(times) {
		if now.Sub(t) < d {
			n++
		}
	}
	return n
}

// stamp formats a time as Twilio does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
