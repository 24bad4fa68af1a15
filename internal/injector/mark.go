package injector

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"uzerp-mfa/internal/errs"
)

// Mark says that a switch is on trial. A session of the trial's guard holds it in the database.
type Mark struct {
	Key    int64     // no two marks at the same time have the same
	Until  time.Time // when the guard switches back
	Over   bool      // Until has passed, by the server's clock, and the session has not ended
	Holder Session
}

// Session is a session of the database, as far as our role may see it.
type Session struct {
	PID         int
	Role        string
	Application string
	Address     string // of its client; empty if it came by a socket, or if our role may not see it
	Table       string // of which it holds a lock; empty if that was not asked
}

func (s Session) String() string {
	parts := []string{"role " + strconv.Quote(s.Role), "process " + strconv.Itoa(s.PID)}
	if s.Application != "" {
		parts = append(parts, strconv.Quote(s.Application))
	}
	if s.Address != "" {
		parts = append(parts, "from "+s.Address)
	}
	if s.Table != "" {
		parts = append(parts, "in table "+s.Table)
	}
	return strings.Join(parts, ", ")
}

// End returns the SQL with which an administrator ends the session.
func (s Session) End() string { return fmt.Sprintf("select pg_terminate_backend(%d)", s.PID) }

func (m *Mark) String() string {
	return fmt.Sprintf("until %s (%s)", m.Until.UTC().Format(time.RFC3339), m.Holder)
}

// Forbids returns the error of errs.Refused for another switch while m stands. It returns nil if m is nil, or if its
// time is over: then nobody can say whether its guard still switches back.
func (m *Mark) Forbids() error {
	if m == nil || m.Over {
		return nil
	}
	return errs.NewWith(errs.Refused, "a switch is on trial "+m.String()+", and would take back what is switched now",
		ReasonSwitchOnTrial.With(m.Holder.End()))
}
