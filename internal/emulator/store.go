package emulator

import (
	"encoding/base32"
	"encoding/hex"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"
)

// base is the host that Twilio puts into every URL it gives.
const base = "https://verify.twilio.com"

// identityForm is "only dash (-) separated alphanumeric" (docs/facts/twilio-verify.md §1.2).
var identityForm = regexp.MustCompile(`^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`)

func validIdentity(s string) bool { return len(s) >= 8 && len(s) <= 64 && identityForm.MatchString(s) }

// store is all that the emulated account remembers.
type store struct {
	random      *rand.Rand
	last        int64 // the order of the newest record
	first       *service
	services    map[string]*service   // by SID
	order       []string              // the services' SIDs
	entityTimes []time.Time           // creations in all services, for 60328
	phone       map[string]*factor    // every factor there ever was, by SID: a phone forgets nothing
	numbers     map[string]numberRule // by number, or by a prefix and "*"
	inbox       map[string]string     // the code that reached a number last
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

// record is what everything stored has: its SID and its place in the order of creation.
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

// newCode makes a code of so many digits for an SMS or a call.
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

// attempts counts the wrong codes that a factor, a challenge or a verification was given.
type attempts struct {
	wrong int
	last  time.Time
}

// usedUp tells whether no further code is taken.
func (a *attempts) usedUp(q Quirks, now time.Time) bool {
	if q.AttemptsResetAfter > 0 && now.Sub(a.last) >= q.AttemptsResetAfter {
		a.wrong = 0
	}
	return a.wrong >= q.MaxAttempts
}

func (a *attempts) miss(now time.Time) { a.wrong, a.last = a.wrong+1, now }

// within counts the times that lie less than d before now.
func within(times []time.Time, d time.Duration, now time.Time) int {
	n := 0
	for _, t := range slices.Backward(times) {
		if now.Sub(t) < d {
			n++
		}
	}
	return n
}

// stamp is a time as Twilio writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
