package connect

import (
	"context"

	"uzerp-mfa/internal/db"
	"uzerp-mfa/internal/notify"
	"uzerp-mfa/internal/policy"
)

// mails tells users by mail what was done to their second factor. It stands around the port that changes users, so no command
// can forget it: what due changes are made through that port is mailed by Changes.Deliver.
type mails struct {
	site     *policy.Notification // nil if the policy wants no mails
	told     func(notify.Mail, error)
	notifier *notify.Notifier // nil until the database is open
}

func mailsOf(cmd Command) mails {
	m := mails{told: cmd.Told}
	if cmd.Policy != nil {
		if site, ok := cmd.Policy.Notification(cmd.Name); ok {
			m.site = &site
		}
	}
	return m
}

// open reads the text of the mails. A text that is wrong is an error before anything is changed.
func (m *mails) open(ch *Changes, d *db.DB) (err error) {
	if m.site == nil || m.notifier != nil {
		return nil
	}
	text := notify.Standard()
	if m.site.Text != "" {
		if text, err = notify.ReadText(m.site.Text); err != nil {
			return err
		}
	}
	m.notifier = &notify.Notifier{
		Directory: d, Sender: notify.Sendmail{Path: m.site.Sendmail, From: m.site.From, User: m.site.User}, Text: text,
		From: notify.From{Address: m.site.From, Helpdesk: m.site.Helpdesk, Contact: m.site.Contact},
		Now:  ch.reader.options.Now, Tell: m.told,
	}
	if ch.recorder != nil { // a nil *Recorder in an interface would not be nil
		m.notifier.Record = ch.recorder
	}
	return nil
}

// SendMails sends the mails about what was changed since the last call, for these users or for all, and prints nothing. A command
// calls it right after a change.
func (ch *Changes) SendMails(ctx context.Context, usernames ...string) {
	if ch.mails.notifier != nil {
		ch.mails.notifier.Send(ctx, ch.reader.db, usernames...)
	}
}

// Deliver is SendMails for all, and then tells what became of each mail. It is called at the end of every command.
func (ch *Changes) Deliver(ctx context.Context) {
	if ch.mails.notifier == nil {
		return
	}
	ch.mails.notifier.Deliver(ctx, ch.reader.db)
}

// Recipients returns where mails about a change of this user would go, and what in uzERP no mail can go to. on is false if
// the policy wants no mails.
func (ch *Changes) Recipients(ctx context.Context, username string) (to []string, problems []error, on bool) {
	if ch.mails.notifier == nil {
		return nil, nil, false
	}
	to, problems = ch.mails.notifier.Recipients(ctx, username)
	return to, problems, true
}
