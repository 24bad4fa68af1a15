package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/notify"
)

func newNotifyCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "notify",
		Short: "Show which mails to users could not be sent",
		Long: `Commands for the mails that tell users what was done to their second factor. The administrator's policy turns them on;
uzerp-mfa help notification explains them.`,
		Annotations: exitCodes(),
		Example:     "  uzerp-mfa notify pending",
		Args:        cobra.ArbitraryArgs,
		RunE:        runGroup,
	}
	c.AddCommand(newNotifyPendingCmd(app))
	return c
}

func newNotifyPendingCmd(app *App) *cobra.Command {
	since, columns := "", columnChoice{}
	c := &cobra.Command{
		Use:   "pending",
		Short: "List mails to users that were not sent",
		Long: `Lists the mails that were due and not sent, as the audit log says: for whom, about what, since when, and why. Tell these
users in another way. A mail is unknown, and may have been sent, if this program or the mail program died on the way.

It ends with 9 if there is any such mail, so that it can be watched.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Findings),
		Example:     "  uzerp-mfa notify pending\n  uzerp-mfa notify pending --since 24h -o json",
		Args:        noArgs,
	}
	c.Flags().StringVar(&since, "since", "30d", "only lines from this time on")
	columns.register(app, c, mailTable)
	c.RunE = app.run(listFormats, func(ctx context.Context, _ []string) error { return runNotifyPending(ctx, app, since, &columns) })
	return c
}

// mailTable has the columns of the table, and of the CSV.
var mailTable = []column{{name: "time"}, columnUsername, {name: "about"}, {name: "to"}, {name: "status"}, columnMessage}

// mailStatus says what is known of a mail that was not sent.
type mailStatus string

// The statuses.
const (
	mailFailed  mailStatus = "failed"
	mailUnknown mailStatus = "unknown" // it may have been sent
)

type mailView struct {
	// the id in the audit log
	ID string `json:"id"`
	// when it was tried last
	Time time.Time `json:"time"`
	// for whom it was
	Username string `json:"username"`
	// what was done to the user
	About notify.Kind `json:"about"`
	To    *string     `json:"to"` // null if uzERP has no address
	// whether it is known that it was not sent
	Status mailStatus `json:"status"`
	// the command that made the change
	Command string `json:"command"`
	// who ran it
	Operator string `json:"operator"`
	// why it was not sent
	Message string `json:"message"`
}

type mailsView struct {
	SchemaVersion int `json:"schema_version"`
	// the audit log that was read
	Path string `json:"path"`
	// those that were not sent, or perhaps not
	Mails []mailView `json:"mails"`
}

func viewMail(m audit.UnsentMail) mailView {
	v := mailView{ID: m.ID, Time: m.Time, Username: m.Username, About: notify.Kind(m.Kind), To: optional(m.To), Status: mailFailed,
		Command: m.Command, Operator: m.Operator, Message: m.Message}
	if m.Unknown {
		v.Status = mailUnknown
	}
	return v
}

func runNotifyPending(ctx context.Context, app *App, since string, columns *columnChoice) error {
	from, err := parseSince(since, app.now())
	if err != nil {
		return err
	}
	path := app.auditLog(forReading)
	log, err := openAuditLog(ctx, app, path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	recent := audit.Filter{From: from}.Select(log.Records(from), func(bad error) { warnLeftOut(app, bad) })
	unsent, err := audit.UnsentMails(recent)
	if err != nil {
		return err
	}
	view := mailsView{SchemaVersion: schemaVersion, Path: path, Mails: []mailView{}}
	for _, m := range unsent {
		view.Mails = append(view.Mails, viewMail(m))
	}
	app.streams.Notef("note: this is %s", path)
	err = showListOf(app, columns, view, view.Mails, mailTable, func(v mailView) []string {
		return []string{v.Time.Format(time.RFC3339), v.Username, string(v.About), orDash(text(v.To)), string(v.Status), v.Message}
	})
	switch {
	case err != nil:
	case len(unsent) == 0 && log.Doubt != "": // that is no all-clear
		err = errs.New(errs.Config, "whether all mails were sent is not known, since another user may have written "+path,
			"audit-log verify says why; uzerp-mfa help audit-log says whose it must be")
	case len(unsent) > 0:
		err = errs.New(errs.Findings, count(len(unsent), "mail")+" not sent, or nobody knows",
			"tell these users in another way; uzerp-mfa help notification says what to mend")
	}
	return err
}

// deliver sends the mails about what the command has changed.
func (a *App) deliver(ctx context.Context) {
	for _, ch := range a.made {
		ch.Deliver(ctx)
	}
}

// toldUser says what became of a mail. The change stands, whatever that is.
func (a *App) toldUser(m notify.Mail, err error) {
	switch {
	case err == nil:
		a.streams.Notef("A mail about it was sent to %q for %q.", m.To, m.Username)
	case m.To == "":
		a.streams.Warnf("%q gets no mail about it: %s; the change stands", m.Username, err)
	case errors.Is(err, errs.ErrLostReply):
		a.streams.Warnf("whether the mail to %q for %q was sent is not known: %s; notify pending shows the mail", m.To, m.Username, err)
	default:
		a.streams.Warnf("the mail to %q for %q was not sent: %s; the change stands, and notify pending shows the mail", m.To, m.Username, err)
	}
}

// noteRecipients says to whom mails about a change of this user would go.
func (a *App) noteRecipients(ctx context.Context, ch *changes, username string) {
	to, problems, _ := ch.Recipients(ctx, username)
	if len(to) > 0 {
		a.streams.Notef("A mail about it would go to %s.", quotedList(to))
	}
	a.warnNoMail(username, to, problems)
}

func (a *App) warnNoMail(username string, to []string, problems []error) {
	for _, problem := range problems {
		if len(to) > 0 {
			a.streams.Warnf("not every address of %q would get a mail: %s", username, problem)
		} else {
			a.streams.Warnf("%q would get no mail: %s", username, problem)
		}
	}
}

// showRecipients is noteRecipients for a line of the plan that a prompt shows.
func (a *App) showRecipients(ctx context.Context, ch *changes, username string) {
	to, problems, on := ch.Recipients(ctx, username)
	switch {
	case !on:
		return
	case len(to) > 0:
		a.streams.Sayf("  mail to     %s", quotedList(to))
	default:
		a.streams.Sayf("  mail to     -")
	}
	a.warnNoMail(username, to, problems)
}

func quotedList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(quoted, ", ")
}
