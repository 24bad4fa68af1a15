package connect

import (
	"context"
	"time"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/twilio"
	"uzerp-mfa/internal/uzerplog"
)

// challengeReader is wrapped, so that not even a type assertion finds a method that writes.
type (
	challengeLister = history.Challenges
	challengeReader struct{ challengeLister }
)

// HistoryOptions say which sources of a history are asked.
type HistoryOptions struct {
	Offline  bool           // Twilio is not asked
	Workers  int            // how many users Twilio is asked about at a time; 0 is the default
	AuditLog string         // this program's log
	Zone     *time.Location // this machine's
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
		t.Owners = usersReader{d}
		t.Records = append(t.Records, auditLines{d.Logins(), r.auditsNothing()})
	}
	if log, err := r.uzerpLog(); err != nil {
		t.Unopened[history.FromLog] = err
	} else {
		t.Records = append(t.Records, log)
	}
	if o.AuditLog == "" {
		t.Unopened[history.FromAuditLog] = errs.New(errs.NotFound, "there is none", "")
		return t
	}
	here := r.Here(ctx)
	t.Records = append(t.Records, audit.UserEvents{Path: o.AuditLog, Here: &here})
	return t
}

// uzerpLog returns uzERP's log, as uzERP's own settings name it. That of another installation says nothing about these users.
func (r *Reader) uzerpLog() (history.Records, error) {
	inst, err := r.options.Loader.Installation()
	switch {
	case err != nil:
		return nil, err
	case inst == nil:
		return nil, errs.New(errs.NotFound, "no uzERP directory is known", "")
	}
	if compared, err := r.CompareDatabases(); err == nil && compared.Differs() {
		return nil, errs.New(errs.Config, "it is that of another database", "")
	}
	path, _, _, err := inst.Setting("UZERP_LOG_PATH")
	if err != nil {
		return nil, &errs.Error{Kind: errs.Config, Op: "find out where uzERP's log is", Err: err}
	}
	return uzerplog.Log{Path: path, Root: inst.Root, NoSuccesses: r.auditsNothing(), Users: r.areUsers}, nil
}

// auditLines are uzERP's lines about pages. Where uzERP writes none, their silence says nothing.
type auditLines struct {
	history.Records
	off bool
}

// Read implements history.Records.
func (l auditLines) Read(ctx context.Context, q history.Query) (history.Reading, error) {
	r, err := l.Records.Read(ctx, q)
	if l.off {
		r.Missing = append(r.Missing, "AUDIT_LOGIN is off: uzERP writes nothing into audit_lines")
	}
	return r, err
}

// auditsNothing reports whether uzERP's setting AUDIT_LOGIN is off. It is not, as far as that is known, if the files are those of
// another installation, or only PHP could read the value.
func (r *Reader) auditsNothing() bool {
	inst, err := r.options.Loader.Installation()
	if err != nil || inst == nil {
		return false
	}
	if compared, err := r.CompareDatabases(); err == nil && compared.Differs() {
		return false
	}
	on, err := inst.AuditsLogins()
	return err == nil && !on
}

// areUsers returns which of these names are those of users.
func (r *Reader) areUsers(ctx context.Context, names []string) (map[string]bool, error) {
	d, err := r.database(ctx)
	if err != nil {
		return nil, err
	}
	users, err := d.FindUsers(ctx, names)
	if err != nil {
		return nil, err
	}
	are := map[string]bool{}
	for _, u := range users {
		are[u.Username] = true
	}
	return are, nil
}
