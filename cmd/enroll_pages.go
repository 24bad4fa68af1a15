package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/handout"
	"uzerp-mfa/internal/mfa"
)

// This file is enroll for users who are not in the room: a page for each of them in a directory.

// newDir is the flag for a directory of pages. An empty name comes from a script's variable that is not set.
type newDir string

func (d *newDir) Set(name string) error {
	if name == "" {
		return errors.New("no name")
	}
	*d = newDir(name)
	return nil
}

func (d *newDir) String() string { return string(*d) }

// Type returns what the help shows for the value.
func (*newDir) Type() string { return "dir" }

// validatePages refuses what does not go together with --html-dir.
func (o *enrollOptions) validatePages() error {
	switch {
	case !o.noWait && !o.dryRun:
		return usageError("--html-dir is for users who are not in the room: no code can be asked for", "give --no-wait too; verify finishes each enrollment")
	case o.png != "" || o.html != "":
		return usageError("--html-dir makes a page for each user, and --png and --html are for one user", "")
	case o.reveal:
		return usageError("--reveal and --html-dir contradict each other: the secrets are on the pages alone", "")
	case o.replace && o.ifMissing:
		return usageError("--replace and --if-missing contradict each other", "")
	}
	return nil
}

// whose returns with whose rights files are opened and made: through sudo the caller's.
func (a *App) whose() handout.Whose {
	w := handout.Whose{UID: os.Geteuid(), GID: os.Getegid(), As: a.asCaller}
	if a.caller != nil {
		w.UID, w.GID = a.caller.UID, a.caller.GID
	}
	return w
}

// openPages opens the directory. In a dry run nothing is made there.
func (a *App) openPages(opts *enrollOptions) (*handout.Dir, error) {
	open := handout.Open
	if opts.dryRun {
		open = handout.Peek
	}
	dir, err := open(string(opts.htmlDir), a.whose())
	switch {
	case err == nil:
		return dir, nil
	case errors.Is(err, handout.ErrInUse):
		return nil, errs.New(errs.Refused, "--html-dir: "+err.Error(), "wait until it has ended")
	case errors.Is(err, fs.ErrPermission):
		return nil, usageError(fmt.Sprintf("--html-dir: you may not make files in %q", string(opts.htmlDir)),
			"name a directory of your own: through sudo files are made with your rights, and not with root's")
	}
	return nil, usageError("--html-dir: "+err.Error(), "name a new directory, which is made, or one of your own that nobody else may write to")
}

func runEnrollPages(ctx context.Context, app *App, opts *enrollOptions, args []string) error {
	if err := opts.validatePages(); err != nil {
		return err
	}
	ch, enroller, users, err := opts.open(ctx, app, args)
	if err != nil {
		return err
	}
	dir, err := app.openPages(opts)
	if err != nil {
		return err
	}
	defer dir.Close()
	if !opts.verify {
		app.warnRejected(ctx, slices.DeleteFunc(slices.Clone(users), func(u mfa.User) bool { return mfa.PlanEnroll(u, opts.replace).Refusal != nil })...)
	}
	mayBegin := func() error { return enroller.MayBegin(ctx, users[0]) }
	if err := app.verifyCaller(ctx, ch, opts.writeFlags, opts.callerFlags, users[0], "nothing was changed", mayBegin); err != nil {
		return refusedEnrollment(app, opts, users[0], err)
	}
	standings, err := app.standings(ctx, users)
	if err != nil {
		return err
	}
	app.noteIfOff(ctx)
	progress := app.streams.NewProgress("users looked at", len(users))
	rollOut := &mfa.RollOut{Enroller: enroller, Pages: dir, Now: app.now, Replace: opts.replace, IfMissing: opts.ifMissing, Another: opts.another, Left: opts.yes,
		Render: func(p *mfa.PendingEnrollment) ([]byte, error) { return enrollPage(app, p) }}
	outcomes := rollOut.Run(ctx, standings, opts.dryRun, progress.Step)
	progress.Done()
	return app.reportPages(ch, dir, outcomes, opts.dryRun)
}

// pageOutcome returns what became of a user, or what would.
func pageOutcome(o mfa.RollOutOutcome) outcome {
	out := outcome{username: o.Change.User.Username, recorded: !o.Planned} // what was asked to be changed is recorded
	switch {
	case o.Err != nil:
		out.fail(o.Err)
		if !o.Planned && errors.Is(o.Err, context.Canceled) { // a uuid or a factor may have come already
			out.message = "interrupted, no page was made"
		}
		return out
	case o.Made:
		out.status, out.changed, out.message = userStatus(enrollmentMade), true, "surely works until "+moment(o.Page.ValidUntil)
	case o.Done != "":
		out.status, out.message = statusUnchanged, o.Done
		if o.Page.File == "" && !o.Change.User.Whole() {
			out.message += "; --new makes a page"
		}
	case o.Page.File != "":
		out.status, out.message = userStatus(enrollmentWouldMake), "a new page in place of the one that is there"
	default:
		out.status, out.message = userStatus(enrollmentWouldMake), "a page"
	}
	if m := o.Message(); m != "" {
		out.message += "; " + m
	}
	return out
}

func viewPage(app *App, out outcome, o mfa.RollOutOutcome) enrollmentView {
	u := o.Change.User
	v := enrollmentView{Username: out.username, Status: enrollmentStatus(out.status), Changed: out.changed, UUID: u.UUID,
		Message: optional(out.message), Hint: optional(app.hintOfOne(out.err))}
	if o.Page.File != "" && (o.Made || o.Done != "") {
		until := o.Page.ValidUntil.UTC()
		v.File, v.FactorSID, v.ValidUntil = &o.Page.File, &o.Page.FactorSID, &until
	}
	return v
}

// reportPages prints what became of each user, and returns what the command ends with.
func (a *App) reportPages(ch *changes, dir *handout.Dir, rolledOut []mfa.RollOutOutcome, dryRun bool) error {
	path := dir.Path()
	view := enrollmentsDocument{SchemaVersion: schemaVersion, DryRun: dryRun, Directory: &path, Enrollments: []enrollmentView{}}
	made := 0
	var results []outcome
	for _, o := range rolledOut {
		out := pageOutcome(o)
		results = append(results, out)
		view.Enrollments = append(view.Enrollments, viewPage(a, out, o))
		view.Changed = view.Changed || out.changed
		if o.Made {
			made++
		}
	}
	err := endOf(ch, results, &interruption{done: "the report says who has a page", hint: "run the command again: users who have a page keep it"})
	table := []column{columnUsername, {name: "status"}, {name: "file"}, {name: "factor_sid"}, columnMessage}
	showErr := showList(a, view, view.Enrollments, table, func(v enrollmentView) []string {
		return []string{v.Username, string(v.Status), text(v.File), text(v.FactorSID), a.messageCell(results, err, text(v.Message))}
	})
	err = a.afterReport(results, err, showErr)
	if made > 0 {
		a.streams.Notef("%s made in %q; %s there says whose each is. Who has a page can make the user's codes: send it as you would send a password,",
			count(made, "page"), dir.Path(), handout.ListName)
		a.streams.Notef("and delete it when the user is enrolled. On the page is the command with which you finish when the user reads out the code.")
	}
	return err
}
