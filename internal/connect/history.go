package connect

import (
	"context"
	"time"

	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/twilio"
)

// challengeReader is wrapped, so that not even a type assertion finds a method that writes.
type challengeReader struct{ history.Challenges }

// HistoryOptions say which sources of a history are asked.
type HistoryOptions struct {
	Offline  bool   // Twilio is not asked
	Workers  int    // how many users Twilio is asked about at a time; 0 is the default
	AuditLog string // this program's log
	Zone     *time.Location
}

// History returns what puts the histories of users together. What can't be opened is said in each of them.
func (r *Reader) History(ctx context.Context, o HistoryOptions) *history.Teller {
	t := &history.Teller{Zone: o.Zone, Now: r.options.Now(), Workers: o.Workers, Unopened: map[history.Source]error{}}
	if !o.Offline {
		client, err := r.ownClient(o.Workers)
		if t.NoChallenges = err; err == nil {
			t.Challenges, _ = reading(client, nil, func(c *twilio.Client) history.Challenges { return challengeReader{c} })
		}
	}
	if d, err := r.database(ctx); err != nil {
		t.Unopened[history.FromAudit] = err
	} else {
		t.Records = append(t.Records, d.Logins())
	}
	return t
}
