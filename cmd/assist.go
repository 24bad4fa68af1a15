package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/assist"
	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/shell"
)

type assistOptions struct {
	writeFlags
	regionFlag
}

func newAssistCmd(app *App) *cobra.Command {
	opts := &assistOptions{}
	c := &cobra.Command{
		Use:   "assist [TEXT...]",
		Short: "Answer a caller who can't log in, in one dialogue",
		Long: `Leads through a whole call: who is calling, what happens at the next login and why, and what can be done about it, the safest
first. TEXT is what the caller says: a name, a part of it, an e-mail address, a user name.

What lets somebody in is done only after the caller was verified, as the administrator's policy asks, and after you have seen
the plan and said yes, which --yes does not. Each step names the command that does the same. Each record in the audit log has the ticket. q or
Ctrl-D ends the call at every question, and nothing more is changed. uzerp-mfa help assist has a whole call.`,
		Annotations: exitCodes(errs.Config, errs.NotFound, errs.Refused, errs.Unavailable, errs.Declined),
		Example:     "  uzerp-mfa assist archer\n  uzerp-mfa assist --ticket 4711 alice@example.com\n  uzerp-mfa assist",
		Args:        cobra.ArbitraryArgs,
	}
	c.Flags().StringVar(&opts.self, "self", "", "your own uzERP user name, for the audit log (also: UZERP_MFA_SELF)")
	opts.registerRegion(c)
	opts.register(c)
	c.ValidArgsFunction = app.completeUsers(1)
	c.RunE = app.run([]string{formatTable}, func(ctx context.Context, args []string) error {
		return runAssist(ctx, app, opts, strings.Join(args, " "))
	})
	return c
}

// errHungUp ends the call: the operator typed q, or Ctrl-D.
var errHungUp = errors.New("the call is over")

// desk is the operator's side of a call.
type desk struct {
	app       *App
	opts      *assistOptions
	inspector *mfa.Inspector
	asked     bool      // for a ticket
	helped    bool      // something was done or advised
	stays     string    // what a step that was not finished has changed in uzERP, for the end of the call
	waits     bool      // such a step has left an account at Twilio that no code has verified
	unsure    bool      // nobody knows whether such a step has changed something
	touched   bool      // a step that was not finished has changed something, or may have
	did       []string  // the commands of the steps that were finished and have changed something
	readAt    time.Time // when the user's row was read last
	verified  verified
}

// verified is how the caller was verified in this call.
type verified struct {
	username string
	at       time.Time
	channel  caller.Channel // of the code; empty if there was none
	by       string
}

// enough reports whether a verification from before is what a remedy needs.
func (v verified) enough(username string, p assist.Proof, now time.Time) bool {
	return v.username == username && now.Sub(v.at) < policy.BelieveFor &&
		(p.Both && v.channel != "" && v.by != "" || p.Code && v.channel != "" || p.Word && v.by != "")
}

func runAssist(ctx context.Context, app *App, opts *assistOptions, text string) error {
	if !app.streams.CanAsk() {
		return usageError("assist is a dialogue, and there is no terminal to ask on", "scripts use uzerp-mfa user show, and the command that it names")
	}
	app.warnIfOtherDatabase()
	inspector, err := newInspector(ctx, app, false, nil)
	if err != nil {
		return err
	}
	app.streams.Leave = "q"
	opts.yes = false // a wrapper may give --yes everywhere; here the question is the point
	d := &desk{app: app, opts: opts, inspector: inspector}
	err = d.call(ctx, text)
	switch {
	case errors.Is(err, errHungUp) && d.helped:
		d.say("The call is over; %s.", d.changed())
		return nil
	case errors.Is(err, errHungUp):
		return errs.New(errs.Declined, "the call is over; "+d.changed(), "")
	}
	return err
}

// changed says what was changed in the call.
func (d *desk) changed() string {
	var all []string
	if len(d.did) > 0 {
		all = append(all, "done: "+strings.Join(d.did, ", "))
	}
	switch {
	case d.unsure && len(d.did) > 0:
		all = append(all, "whether something else was changed is not known")
	case d.unsure:
		return "whether something was changed is not known"
	case d.stays != "":
		all = append(all, d.stays)
	case d.touched && !d.waits:
		all = append(all, "a step was begun and not finished")
	}
	if d.waits {
		if len(all) == 0 {
			all = append(all, "nothing was changed in uzERP")
		}
		all = append(all, "an account that no code has verified is left at Twilio")
	}
	if len(all) == 0 {
		return "nothing was changed"
	}
	return strings.Join(all, "; ")
}

// call goes from what the caller says to the end of the call.
func (d *desk) call(ctx context.Context, text string) error {
	var was *mfa.User
	for {
		u, err := d.find(ctx, text, was)
		if err != nil {
			return err
		}
		was = &u
		if text, err = d.help(ctx, u); err != nil {
			return err
		}
	}
}

// say prints a paragraph, over as many lines as the terminal needs.
func (d *desk) say(format string, args ...any) {
	width := min(widest, max(d.app.streams.Width(), narrowest))
	for _, line := range output.Wrap(fmt.Sprintf(format, args...), width-1) {
		d.app.streams.Sayf("%s", line)
	}
}

// The widths that the lines of the dialogue are made for: wider ones are hard to read.
const (
	narrowest = 40
	widest    = 80
)

// item prints a line of a list, with its number.
func (d *desk) item(n int, format string, args ...any) {
	width := min(widest, max(d.app.streams.Width(), narrowest))
	for i, line := range output.Wrap(fmt.Sprintf(format, args...), width-5) {
		if i == 0 {
			d.app.streams.Sayf("%2d  %s", n, line)
		} else {
			d.app.streams.Sayf("    %s", line)
		}
	}
}

// same names the command that does the same.
func (d *desk) same(words ...string) {
	d.app.streams.Sayf("(the same: uzerp-mfa %s)", strings.Join(words, " "))
}

// ask asks a question. The end of input, and q, end the call.
func (d *desk) ask(ctx context.Context, question string) (string, error) {
	text, err := d.app.streams.Ask(ctx, question)
	switch {
	case errors.Is(err, io.EOF):
		return "", errHungUp
	case errors.Is(err, output.ErrLineTooLong):
		return "", nil
	}
	return text, err
}

// find asks who is calling until that is one user. If nobody is found by what was typed, the call is again where it was before: at the
// list, or at the user that was.
func (d *desk) find(ctx context.Context, text string, was *mfa.User) (mfa.User, error) {
	listed := "" // what the last list was shown for
	nobody := func() bool {
		text, listed = listed, ""
		if text != "" || was == nil {
			return false
		}
		d.say("It is still about %q.", mfa.Brief(was.Username))
		return true
	}
	for {
		var err error
		if text == "" {
			if text, err = d.ask(ctx, "Who is calling? Name, e-mail address or user name:"); err != nil {
				return mfa.User{}, err
			}
			continue
		}
		all, err := d.app.reader.AllUsers(ctx)
		if err != nil {
			return mfa.User{}, err
		}
		real, err := mfa.RealNames(ctx, d.inspector.Store, []string{text}, output.ReadName)
		if errs.KindOf(err) == errs.NotFound {
			d.say("%v.", err)
			if nobody() {
				return *was, nil
			}
			continue
		}
		if err != nil {
			return mfa.User{}, err
		}
		text = real[0]
		found, err := mfa.Find(ctx, d.inspector.Store, all, []string{text})
		if err != nil {
			return mfa.User{}, err
		}
		f := found[0]
		if len(f.Candidates) == 0 {
			d.say("Nobody is found by %q.", text)
			if nobody() {
				return *was, nil
			}
			continue
		}
		if u, ok := f.User(); ok && len(f.Candidates) == 1 {
			if f.Candidates[0].Match == mfa.MatchName {
				err = d.app.warnNamesakes(ctx, u)
			}
			return u, err
		}
		u, other, err := d.choose(ctx, f)
		if err != nil || other == "" {
			return u, err
		}
		text, listed = other, f.Text
	}
}

// isName reports whether what was typed at a list is to be looked for. One letter is no name, unless it is a user's, but a mistake:
// nearly everybody has it in the name. A sign of a script that writes words with it is one.
func (d *desk) isName(ctx context.Context, text string) (bool, error) {
	if r := []rune(text); len(r) != 1 || unicode.In(r[0], unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) {
		return len(r) > 0, nil
	}
	users, err := d.inspector.Store.FindUsers(ctx, []string{text})
	if err == nil && len(users) == 0 {
		d.say("%q is no line of the list, and too short for a name.", text)
	}
	return len(users) > 0, err
}

// mostListed is how many candidates are listed, each with a number.
const mostListed = 9

// choose lists who may be meant and asks for one of them. other is another text that was typed instead.
func (d *desk) choose(ctx context.Context, f mfa.Found) (u mfa.User, other string, err error) {
	listed := f.Candidates[:min(len(f.Candidates), mostListed)]
	names := make([]string, len(listed))
	for i, c := range listed {
		names[i] = c.Username
	}
	details, err := d.inspector.Directory.Details(ctx, names)
	if ctx.Err() != nil {
		return u, "", ctx.Err()
	}
	if err != nil {
		details = nil // the companies; the choice is possible without
	}
	d.say("Several users may be meant by %q:", f.Text)
	for i, c := range listed {
		about := personOf(c.User, f.Text)
		for _, more := range []string{details[c.Username].Company, text(c.Email)} {
			if more != "" {
				about += ", " + mfa.Names([]string{more}, 1)
			}
		}
		if details[c.Username].Left(d.app.now()) {
			about += ", has left"
		}
		d.item(i+1, "%s", about)
	}
	if more := len(f.Candidates) - len(listed); more > 0 || f.Best > len(listed) {
		d.say("There are more: ask for the first name or the e-mail address.")
	}
	for {
		answer, err := d.ask(ctx, "Which? A number, or more of the name:")
		if err != nil {
			return u, "", err
		}
		if n, ok := number(answer, len(listed)); ok {
			return listed[n].User, "", nil
		}
		if isName, err := d.isName(ctx, answer); err != nil || isName {
			return u, answer, err
		}
	}
}

// number returns which line of a list an answer means, from 0 on.
func number(answer string, lines int) (int, bool) {
	n, err := strconv.Atoi(answer)
	return n - 1, err == nil && n >= 1 && n <= lines
}

// help shows a user and what can be done, and does it, until the call is over or another user is asked for.
func (d *desk) help(ctx context.Context, u mfa.User) (other string, err error) {
	for {
		c, err := d.look(ctx, u)
		if err != nil {
			return "", err
		}
		u = c.Seen.User
		d.show(c)
		d.app.warnRejected(ctx, u) // the menu is shown again after wrong codes, and what to do about them is above it
		var offered []assist.Remedy
		var refused [][2]string // what, and why; one reason is said once
		for _, r := range c.Remedies(d.rules()) {
			switch {
			case r.Refused == nil:
				offered = append(offered, r)
			case len(refused) > 0 && refused[len(refused)-1][1] == r.Refused.Error():
				refused[len(refused)-1][0] += "; " + r.Short()
			default:
				refused = append(refused, [2]string{r.Short(), r.Refused.Error()})
			}
		}
		for _, r := range refused {
			d.say("Not possible: %s. %s%s.", r[0], strings.ToUpper(r[1][:1]), r[1][1:])
		}
		question := "Nothing can be done here. Another name, or q:"
		if len(offered) > 0 {
			d.say("What helps, the safest first:")
			for i, r := range offered {
				d.item(i+1, "%s", r.Title)
			}
			question = "Which? A number, another name, or q:"
		}
		for {
			answer, err := d.ask(ctx, question)
			if err != nil {
				return "", err
			}
			if n, ok := number(answer, len(offered)); ok {
				if err := d.do(ctx, u, offered[n]); err != nil {
					return "", err
				}
				break
			}
			if answer == "" { // what is there is looked at anew
				break
			}
			if isName, err := d.isName(ctx, answer); err != nil || isName {
				return answer, err
			}
		}
	}
}

// look reads all that is known about the user, anew.
func (d *desk) look(ctx context.Context, u mfa.User) (assist.Case, error) {
	d.readAt = d.app.now()
	users, err := mfa.Lookup(ctx, d.inspector.Store, []string{u.Username})
	if err != nil {
		return assist.Case{}, err
	}
	seen, _, err := d.inspector.Inspect(ctx, users, nil)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return assist.Case{}, err
	}
	c := assist.Case{Seen: seen[0], Site: d.inspector.Site, Now: d.app.now(), Sessions: d.sessions(ctx, u.Username)}
	c.Story, err = d.story(ctx, c.Seen.User)
	return c, err
}

// story returns what happened at the user's logins of the last day. It only fails if the call is interrupted.
func (d *desk) story(ctx context.Context, u mfa.User) (*history.History, error) {
	all, err := d.app.teller(ctx, false, 0).Tell(ctx, []mfa.User{u}, d.app.now().Add(-lately))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// lately is how far back a call looks at the user's logins.
const lately = 24 * time.Hour

// sessions returns how many open sessions the user has, and 0 if they can't be seen from here.
func (d *desk) sessions(ctx context.Context, username string) int {
	sessions, err := d.app.sessions("")
	if err != nil {
		return 0
	}
	listing, err := sessions.List(ctx)
	if err != nil {
		return 0
	}
	n := 0
	for _, g := range session.PlanEnd(listing, session.Selection{Users: []string{username}}) {
		n += len(g.Sessions)
	}
	return n
}

// show shows the person, and says what is wrong.
func (d *desk) show(c assist.Case) {
	u, s := c.Seen.User, d.app.streams
	company := "unknown"
	if c.Seen.Details != nil {
		company = orDash(c.Seen.Details.Company)
	}
	s.Sayf("%s", "")
	s.Sayf("%q", mfa.Brief(u.Username))
	s.Sayf("  person      %s", output.Escape(orDash(mfa.Brief(u.Person))))
	s.Sayf("  company     %s", output.Escape(mfa.Brief(company)))
	s.Sayf("  email       %s", output.Escape(orDash(mfa.Brief(text(u.Email)))))
	s.Sayf("  last login  %s", orDash(text(lastLogin(u.LastLogin))))
	d.app.warnLookalike(u.Username)
	if d := c.Seen.Details; d != nil && d.Left(c.Now) {
		s.Warnf("this person left on %s", d.EndDate.Format(time.DateOnly))
	}
	what, why := c.Problem()
	d.say("%s %s", what, why)
	if text := c.Lately(); text != "" {
		d.say("%s", text)
	}
	if suspicion := c.Suspicion(); suspicion != "" {
		s.Warnf("%s", suspicion)
	}
	d.same("user show", shell.Quote(u.Username))
	if c.Lately() != "" {
		d.same("user history", shell.Quote(u.Username))
	}
}

// rules returns what the administrator's policy says.
func (d *desk) rules() assist.Rules {
	return func(action, username string, e policy.Evidence) error {
		return d.app.policy.CheckUser(d.request(action), username, func() policy.Evidence { return e })
	}
}

func (d *desk) request(action string) policy.Request {
	return policy.Request{Action: action, AsRoot: d.app.asRoot(), Reason: d.opts.reason, Ticket: d.opts.ticket}
}

// do advises, or makes a change after the caller was verified. Only what ends the call is an error: whatever else goes
// wrong is said, and the operator may try something else.
func (d *desk) do(ctx context.Context, u mfa.User, r assist.Remedy) error {
	if !r.Changes() {
		return d.advise(ctx, u, r)
	}
	err := d.change(ctx, u, r)
	left := d.app.streams.Left // at a question of the step
	if w, ok := errors.AsType[accountWaits](err); ok {
		d.stays, d.waits = cmp.Or(w.changed, d.stays), true
	}
	if e, ok := errors.AsType[*mfa.UUIDStaysError](err); ok {
		d.stays = e.Stays()
	}
	d.unsure = d.unsure || errors.Is(err, errs.ErrLostReply)
	switch kind := errs.KindOf(err); {
	case err == nil && left:
		return errHungUp
	case err == nil, errors.Is(err, errHungUp), isInterruption(ctx, err), ctx.Err() != nil:
		return err
	case kind == errs.Usage, kind == errs.Failure, kind == errs.Config:
		return err
	}
	d.say("%s", sentenceOf(err))
	if errors.Is(err, caller.ErrNotTyped) {
		d.say("A code was sent; it works for ten minutes.")
	}
	if hint := d.app.hintOf(err); hint != "" {
		d.app.streams.Sayf("hint: %s", hint)
	}
	if left {
		return errHungUp
	}
	return nil
}

func sentenceOf(err error) string { return "Not done: " + err.Error() + "." }

// advise says what the caller should do, and waits for the login.
func (d *desk) advise(ctx context.Context, u mfa.User, r assist.Remedy) error {
	d.say("Tell the caller: %s", r.Tell)
	d.helped = true
	return d.wait(ctx, u)
}

// change verifies the caller, shows the plan, asks, and makes the change, in the way of the remedy's own command.
func (d *desk) change(ctx context.Context, u mfa.User, r assist.Remedy) error {
	if err := d.askRecord(ctx, r); err != nil {
		return err
	}
	command := map[assist.Kind]string{assist.Reset: "user reset", assist.Skip: "user disable-next-login", assist.NewPhone: "enroll",
		assist.Sessions: "session end"}[r.Kind]
	app := d.app.as(command)
	w := d.opts.writeFlags
	flags, err := d.askProof(ctx, app, u, r, &w)
	if err != nil {
		return err
	}
	d.same(d.commandLine(command, u, flags, w)...)
	switch r.Kind {
	case assist.Sessions:
		err = runSessionEnd(ctx, app, &sessionEndOptions{writeFlags: w}, []string{u.Username})
	case assist.NewPhone:
		opts := &enrollOptions{writeFlags: w, callerFlags: flags, replace: u.Whole(), sure: true, qr: string(output.QRAuto), attempts: 5}
		err = runEnroll(ctx, app, opts, []string{u.Username})
	default:
		err = d.remedy(ctx, app, u, mfa.Remedy(r.Action()), w, flags)
	}
	app.deliver(ctx) // the user hears of it now, and not when the call is over
	touched := slices.ContainsFunc(app.made, func(ch *changes) bool { return ch.Touched() })
	var unfinished error
	if errors.Is(err, mfa.ErrOldFactorLeft) { // the new phone works
		unfinished, err = err, nil
	}
	if err != nil {
		d.touched = d.touched || touched
		return err
	}
	if touched {
		d.did = append(d.did, command+" "+shell.Quote(u.Username))
	}
	if r.Kind == assist.NewPhone { // with its flags it does nothing before the caller is verified
		d.prove(u, flags, w)
	}
	d.helped = true
	d.sayUnfinished(unfinished)
	d.say("Tell the caller: %s", r.Tell)
	if w.dryRun || r.Kind == assist.NewPhone || r.Kind == assist.Sessions {
		return nil
	}
	d.readAt = d.app.now()
	users, err := mfa.Lookup(ctx, d.inspector.Store, []string{u.Username})
	if err != nil {
		return err
	}
	return d.wait(ctx, users[0])
}

// prove remembers how the caller was verified just now.
func (d *desk) prove(u mfa.User, flags callerFlags, w writeFlags) {
	if flags.verify || flags.given {
		d.verified = verified{u.Username, d.app.now(), flags.channel, w.verifiedBy}
	}
}

// remedy takes the way that mfa/remedy.go describes.
func (d *desk) remedy(ctx context.Context, app *App, u mfa.User, remedy mfa.Remedy, w writeFlags, flags callerFlags) error {
	ch, err := app.changes(w)
	if err != nil {
		return err
	}
	planner, applier, err := app.remedies(ctx, ch, remedy, []string{u.Username}, false)
	if err != nil {
		return err
	}
	users, err := mfa.Lookup(ctx, planner.Store, []string{u.Username})
	if err != nil {
		return err
	}
	plan, err := app.takeRemedy(ctx, ch, w, flags, planner, applier, remedy, users, func(u mfa.User) { d.prove(u, flags, w) })
	if err != nil {
		return err
	}
	r := plan.Users[0]
	switch {
	case r.Err != nil && !r.Changed():
		return ch.Refused(u.Username, r.Err)
	case !r.Needed():
		d.say("%s.", r.Message())
		return nil
	case w.dryRun:
		return nil
	}
	d.say("Done: %s.", r.Result())
	d.sayUnfinished(r.Err)
	how, command := app.endsIt(ctx, shell.Quote(u.Username))
	d.say("%s", how)
	if command != "" {
		app.streams.Sayf("%s", command)
	}
	return nil
}

// sayUnfinished says what is left to do of a change that was made. It says nothing if err is nil.
func (d *desk) sayUnfinished(err error) {
	if err == nil {
		return
	}
	d.say("Not finished: %s.", err)
	if hint := d.app.hintOf(err); hint != "" {
		d.app.streams.Sayf("hint: %s", hint)
	}
}

// askRecord asks for the ticket once in a call, and for the reason if the policy wants one.
func (d *desk) askRecord(ctx context.Context, r assist.Remedy) error {
	check := func(reason, ticket string) error {
		request := d.request(r.Action())
		request.Reason, request.Ticket = reason, ticket
		return d.app.policy.Check(request)
	}
	for needed := check("-", "") != nil; d.opts.ticket == "" && (!d.asked || needed); d.asked = true {
		question := "Ticket (Enter for none):"
		if needed {
			question = "Ticket (the policy wants one):"
		}
		var err error
		if d.opts.ticket, err = d.ask(ctx, question); err != nil {
			return err
		}
	}
	for d.opts.reason == "" && check("", "-") != nil {
		var err error
		if d.opts.reason, err = d.ask(ctx, "Why (the policy wants a reason):"); err != nil {
			return err
		}
	}
	return nil
}

// askProof asks how the caller is to be verified, and sets w and the flags as the command would have them.
func (d *desk) askProof(ctx context.Context, app *App, u mfa.User, r assist.Remedy, w *writeFlags) (callerFlags, error) {
	flags := callerFlags{regionFlag: d.opts.regionFlag}
	if r.Proof == (assist.Proof{}) {
		return flags, nil
	}
	if d.verified.enough(u.Username, r.Proof, d.app.now()) {
		d.say("The caller was verified in this call.")
		w.verifiedBy, flags.channel = d.verified.by, d.verified.channel // it is asked for no more, but named
		return flags, nil
	}
	ways, noCode, err := d.ways(ctx, app, u, r, *w)
	if err != nil {
		return flags, err
	}
	if noCode != nil {
		d.say("No code can be sent: %s.", noCode)
	}
	if r.Proof.Both {
		d.say("The policy wants two verifications for this user: a code, and another way.")
	}
	for _, asked := range assist.Asks(r.Proof, noCode != nil) {
		var list []way
		for _, v := range ways {
			if asked.Code && v.channel != "" || asked.Word && v.by != "" {
				list = append(list, v)
			}
		}
		if len(list) == 0 {
			return flags, errs.New(errs.Refused, "this caller can't be verified as the policy wants", notVerifiedYet)
		}
		d.say("Verify the caller:")
		for i, v := range list {
			d.item(i+1, "%s", v.title)
		}
		v, err := d.pick(ctx, list)
		if err != nil {
			return flags, err
		}
		if v.channel != "" {
			flags.verify, flags.channel, flags.identify, w.identified = true, v.channel, string(v.channel), true
			continue
		}
		if v.by == caller.ByManager {
			if v.by, err = d.askManager(ctx); err != nil {
				return flags, err
			}
		}
		if w.verifiedBy, err = caller.ParseVerifiedBy(v.by); err != nil {
			return flags, err
		}
		flags.by, flags.given = v.by, true
	}
	return flags, nil
}

// askManager asks which manager knows the caller, until a name is typed that can be recorded.
func (d *desk) askManager(ctx context.Context) (by string, err error) {
	for {
		name, err := d.ask(ctx, "Name of the manager who knows the caller:")
		if err != nil {
			return "", err
		}
		if by = caller.ByManager + name; name == "" {
			continue
		}
		if _, err = caller.ParseVerifiedBy(by); err == nil {
			return by, nil
		}
		d.say("%s", err)
	}
}

// pick asks for a line of a list until one is chosen.
func (d *desk) pick(ctx context.Context, list []way) (way, error) {
	for {
		answer, err := d.ask(ctx, "How? A number, or q:")
		if err != nil {
			return way{}, err
		}
		if n, ok := number(answer, len(list)); ok {
			return list[n], nil
		}
		if answer != "" {
			d.say("%q is no line of the list.", answer)
		}
	}
}

// way is a way to verify a caller: a code by a channel, or a word of the operator's.
type way struct {
	title   string
	channel caller.Channel
	by      string
}

// ways returns how the caller can be verified; a code comes last if its phone is where the caller is not. noCode is why no code can be
// sent, if so.
func (d *desk) ways(ctx context.Context, app *App, u mfa.User, r assist.Remedy, w writeFlags) (list []way, noCode, err error) {
	p := r.Proof
	if p.Code || p.Both {
		w.dryRun = true // nothing is sent yet, and nothing recorded
		ch, err := app.changes(w)
		if err != nil {
			return nil, nil, err
		}
		verifier, err := app.verifier(ctx, ch, w, d.opts.regionFlag)
		if err != nil {
			return nil, nil, err
		}
		check, err := verifier.Plan(ctx, u, "")
		switch noCode = err; {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err == nil:
			for _, channel := range []caller.Channel{caller.ChannelSMS, caller.ChannelCall} {
				if check.Refuses(channel) == nil {
					list = append(list, way{channel: channel, title: fmt.Sprintf("a code by %s to %s, %s",
						channelWords(channel), check.Recipient.Phone.Masked, sourceWords(check.Source))})
				}
			}
		}
	}
	if p.Word || p.Both {
		words := []way{
			{title: "you have called them back, on a number that you know", by: caller.ByCallBack},
			{title: "you see them in person", by: caller.ByInPerson},
			{title: "their manager, whom you know, knows that it is them", by: caller.ByManager},
		}
		if r.PhoneAway {
			list = append(words, list...)
		} else {
			list = append(list, words...)
		}
	}
	return list, noCode, nil
}

// commandLine returns the command that does the same.
func (d *desk) commandLine(command string, u mfa.User, f callerFlags, w writeFlags) []string {
	words := []string{command}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, "--"+flag, shell.Word(value))
		}
	}
	if command == "enroll" && u.Whole() {
		words = append(words, "--replace")
	}
	add("identify", string(f.channel))
	if f.channel != "" {
		add(flagRegion, f.region)
	}
	add("verified-by", w.verifiedBy)
	add("reason", w.reason)
	add("ticket", w.ticket)
	if w.dryRun {
		words = append(words, "--dry-run")
	}
	return append(words, shell.Quote(u.Username))
}

// askMore asks whether the call is over, once the user is in.
func (d *desk) askMore(ctx context.Context) error {
	answer, err := d.ask(ctx, "Enter ends the call; m shows again what can be done:")
	if err == nil && !strings.EqualFold(answer, "m") {
		return errHungUp
	}
	return err
}

// lookEvery is how often the user's row is read while the operator waits for the login.
const lookEvery = 2 * time.Second

// wait says when the user has logged in. Enter ends it.
func (d *desk) wait(ctx context.Context, was mfa.User) error {
	if d.opts.dryRun {
		return nil
	}
	d.say("Waiting until they log in. Enter ends the waiting.")
	for {
		limited, cancel := context.WithTimeout(ctx, lookEvery)
		text, err := d.app.streams.ReadLine(limited)
		cancel()
		switch {
		case err == nil && strings.EqualFold(text, "q"), errors.Is(err, io.EOF):
			return errHungUp
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil, errors.Is(err, output.ErrLineTooLong):
			return nil
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		users, err := d.inspector.Store.FindUsers(ctx, []string{was.Username})
		if err != nil {
			d.say("Whether they log in can't be seen: %s.", err)
			return ctx.Err()
		}
		i := slices.IndexFunc(users, func(u mfa.User) bool { return u.Username == was.Username })
		if i < 0 {
			return nil
		}
		if !assist.Watch(was, users[i], nil).Over {
			continue
		}
		if p := assist.Watch(was, users[i], d.changes(ctx, was.Username)); p.Over {
			d.say("%s", p.Says)
			return d.askMore(ctx)
		}
	}
}

// changes returns what the audit log says was done about the user since the row was read.
func (d *desk) changes(ctx context.Context, username string) []history.Entry {
	here := d.app.reader.Here(ctx)
	reading, err := audit.UserEvents{Path: d.app.auditLog(forChanges), Here: &here}.Read(ctx, history.Query{Usernames: []string{username}, Since: d.readAt})
	if err != nil {
		return nil
	}
	return reading.Entries
}
