package sessionconfig

import (
	"errors"
	"slices"
	"strings"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/shell"
	"uzerp-mfa/internal/sidform"
)

// Check returns a finding for everything in in that is wrong by docs/facts/uzerp.md §5, errors first.
func Check(in Input) []finding.Finding {
	c := &check{in: in}
	c.run()
	return c.found
}

// Lockouts returns only the findings because of which nobody can work with uzERP.
func Lockouts(env installation.EnvFile) []finding.Finding {
	c := &check{in: Input{Env: env}}
	c.run()
	return c.lockouts
}

type check struct {
	in       Input
	found    []finding.Finding // all findings
	lockouts []finding.Finding // those because of which nobody can work with uzERP
}

func (c *check) run() {
	if c.checkEnvFile() {
		c.checkManaged()
		c.checkTwilio()
		c.checkOddities()
	}
	c.checkConfigPHP()
	c.checkAccess()
	c.checkCopies()
	c.checkWeb()
	c.checkPHP()
	c.add(finding.Finding{
		ID: "web-environment", Severity: finding.Info,
		Message: "the environment of the web server can not be seen from here; if it has one of these settings too, uzERP does not use the value in conf/.env",
	})
	finding.Sort(c.found)
	finding.Sort(c.lockouts)
}

func (c *check) add(f finding.Finding) { c.found = append(c.found, f) }

func (c *check) addLockout(f finding.Finding) {
	c.add(f)
	c.lockouts = append(c.lockouts, f)
}

func (c *check) value(name string) string { return c.in.Env.Settings[name].Value.Reveal() }

// about returns the beginning of a finding about a setting of conf/.env. It never shows the value of a Twilio setting.
func (c *check) about(name string, id state) finding.Finding {
	f := finding.Finding{ID: string(id), Setting: name, File: c.in.Env.Path}
	if s, ok := c.in.Env.Settings[name]; ok {
		f.Line = s.Line
		if !strings.HasPrefix(name, "TWILIO_") {
			f.Value = Shown(s)
		}
	}
	return f
}

// checkEnvFile checks the file itself, and reports whether there are settings to judge.
func (c *check) checkEnvFile() bool {
	env := c.in.Env
	switch {
	case env.Misplaced != "":
		c.add(finding.Finding{
			ID: "env-misplaced", Severity: finding.Error, File: env.Misplaced,
			Message: "nothing reads this file: uzERP reads " + env.Path + ", whatever its documentation says, so the settings in it have no effect",
			Fix:     errs.Plain("mv " + shell.Quote(env.Misplaced) + " " + shell.Quote(env.Path)),
		})
		return false
	case !env.Found:
		c.add(finding.Finding{
			ID: "env-missing", Severity: finding.Error, File: env.Path,
			Message: "there is no such file, so uzERP does not manage sessions and can not build its two-factor login",
			Fix:     errs.Plain(lines(line(Manage, "on"), line(ActivityTimeout, number(proposedActivity)), line(MaxAge, number(proposedMaxAge)))),
		})
		return false
	case env.Syntax != nil:
		c.addLockout(finding.Finding{
			ID: "env-syntax", Severity: finding.Error, File: env.Path, Line: env.Syntax.Line,
			Message: "uzERP's reader rejects this line (" + env.Syntax.Reason() + "), so uzERP reads nothing from the file " +
				"and answers every page with an error, and nothing else of the file can be judged",
			Fix: errs.Plain(syntaxFixes[env.Syntax.Kind]),
		})
		return false
	}
	return true
}

// syntaxFixes say what to write in a line that must not be shown.
var syntaxFixes = map[dotenv.SyntaxKind]string{
	dotenv.UnexpectedEquals:     `NAME="value"`,
	dotenv.InvalidName:          `NAME="value", or begin the line with # if it is a comment`,
	dotenv.UnexpectedWhitespace: `NAME="value with blanks"`,
	dotenv.UnexpectedEscape:     `NAME='value', in single quotes, or \\ for each backslash`,
	dotenv.MissingClosingQuote:  `NAME="value", with the closing quote on the same line`,
}

func (c *check) checkManaged() {
	value, set := c.value(Manage), false
	if _, set = c.in.Env.Settings[Manage]; set && IsOn(value) {
		c.checkLimits(true)
		c.checkChoice()
		return
	}
	c.add(c.notManaged(value, set))
	c.checkLimits(false)
}

// saysOff matches the words that clearly say not to manage sessions.
var saysOff = pattern.Lazy(`^(?i:off|false|no|n|0|disabled?|none)$`)

func (c *check) notManaged(value string, set bool) finding.Finding {
	f := c.about(Manage, "sessions-not-managed")
	f.Fix = errs.Plain(c.manageFix())
	_, activity := c.in.Env.Settings[ActivityTimeout]
	_, maxAge := c.in.Env.Settings[MaxAge]
	const then = "sessions then last as long as PHP keeps them, and a stolen one never ends while it is used"
	switch {
	case set && saysOff().MatchString(value):
		f.Severity, f.Message = finding.Info, "uzERP does not manage sessions, as this says, and "+then
	case set && strings.Trim(value, phpBlank) != "":
		f.Severity, f.Message = finding.Error, `uzERP manages sessions only if this is exactly the word "on"; any other value is silently ignored, and `+then
	case activity || maxAge:
		f.Severity, f.Message = finding.Error, `uzERP uses the limits in this file only if this is the word "on"; without it they are silently ignored, and `+then
	default:
		f.Severity, f.Message = finding.Warning, `uzERP manages sessions only if this is the word "on"; without it `+then
	}
	return f
}

// manageFix returns the lines that switch session management on. It includes the limits that would stop every page
// then.
func (c *check) manageFix() string {
	fix := []string{line(Manage, "on")}
	for _, name := range []string{ActivityTimeout, MaxAge} {
		s, set := c.in.Env.Settings[name]
		if value := s.Value.Reveal(); limitState(value, set) != limitGood {
			fix = append(fix, line(name, number(meant(name, value))))
		}
	}
	return lines(fix...)
}

var placeholder = pattern.Lazy(`(?i)x{5}|\*{3}|^(AC|VA|\.{3})$|your|example|change.?me|placeholder|replace|todo|[<>]`)

// checkTwilio checks uzERP's settings for Twilio. It makes only warnings: a mistake here hurts only while two-factor
// login is on, and this file doesn't say whether it is. set-injector refuses to switch it on with such a mistake.
func (c *check) checkTwilio() {
	for _, t := range []struct {
		name, form, where string
		valid             func(string) bool
	}{
		{AccountSID, "AC and 32 hexadecimal digits", "AC... from Twilio's console", sidform.Account.Valid},
		{AuthToken, "the auth token", "the auth token from Twilio's console", nil},
		{ServiceSID, "VA and 32 hexadecimal digits", "VA... of the Verify service from Twilio's console", sidform.Service.Valid},
	} {
		f := c.about(t.name, "")
		f.Severity, f.Fix = finding.Warning, errs.Plain(line(t.name, `"<`+t.where+`>"`))
		switch value := c.value(t.name); {
		case strings.Trim(value, phpBlank) == "":
			f.ID, f.Message = "twilio-missing", "with two-factor login on, everybody sees an error page instead of the login "+
				"page while this is missing or empty"
		case placeholder().MatchString(value):
			f.ID, f.Message = "twilio-placeholder", "this is the placeholder of an example, with which Twilio accepts "+
				"nothing: nobody can enroll and no code is valid"
		case t.valid != nil && !t.valid(value):
			f.ID, f.Message = "twilio-malformed", "this is not "+t.form+", so Twilio will not know it: nobody can enroll and no code is valid"
		default:
			continue
		}
		c.add(f)
	}
}

// oddities are the reader's warnings that have another severity than Warning here.
var oddities = map[dotenv.WarningID]finding.Severity{
	dotenv.WarnOpenQuote: finding.Error, dotenv.WarnCommentSwallows: finding.Error, dotenv.WarnJoinedSettings: finding.Error,
	dotenv.WarnJoinedLines: finding.Info, dotenv.WarnVariable: finding.Info, dotenv.WarnNotAVariable: finding.Info,
	dotenv.WarnLiteralEscape: finding.Info, dotenv.WarnLoneCR: finding.Info,
}

var oddityFixes = map[dotenv.WarningID]string{
	dotenv.WarnOpenQuote:       "close the quote at the end of the value",
	dotenv.WarnCommentSwallows: "take the double quote out of the comment",
	dotenv.WarnJoinedSettings:  "close the quote at the end of the value's own line",
	dotenv.WarnCutAtHash:       "put the whole value in double quotes",
	dotenv.WarnDuplicate:       "delete this line",
	dotenv.WarnBareName:        "delete the line, or write an equals sign and a value behind the name",
	dotenv.WarnUnresolved:      "set that name in an earlier line, or put the value in single quotes",
	dotenv.WarnLiteralQuote:    "put quotes around the whole value, or use no quotes in it",
	dotenv.WarnTrailingMark:    "delete the mark at the end of the line",
	dotenv.WarnTypographic:     `write plain quotes, ' or "`,
	dotenv.WarnInvisible:       "type the value anew",
	dotenv.WarnEncoding:        "save the file as UTF-8",
	dotenv.WarnServerName:      "choose another name, because PHP has this one itself",
}

// checkOddities makes a finding of each line that means something else than it seems to mean. If a value is cut off at
// a comment and is a good value, that is only an Info.
func (c *check) checkOddities() {
	for _, o := range c.in.Env.Warnings {
		f := finding.Finding{
			ID: "env-" + string(o.ID), Severity: finding.Warning, Setting: shownName(o.Name), File: c.in.Env.Path, Line: o.Line,
			Message: "uzERP reads this line differently than it looks: " + o.Message(), Fix: errs.Plain(oddityFixes[o.ID]),
		}
		if s, ok := oddities[o.ID]; ok {
			f.Severity = s
		}
		if o.ID == dotenv.WarnDuplicate {
			f.Message += " (line " + number(int64(o.EndLine)) + ")"
		}
		if o.ID == dotenv.WarnCutAtHash && c.asMeant(o.Name) {
			f.Severity = finding.Info
		}
		c.add(f)
	}
}

// asMeant reports whether a session setting has a good value. Then what was cut off can only be a comment.
func (c *check) asMeant(name string) bool {
	switch name {
	case Manage:
		return IsOn(c.value(name))
	case ActivityTimeout, MaxAge:
		_, good := Seconds(c.value(name))
		return good
	default:
		return false
	}
}

// checkConfigPHP looks in config.php for settings that have an effect only in conf/.env. For uzERP's other settings
// config.php wins, so people easily put these there too.
func (c *check) checkConfigPHP() {
	inst := c.in.Installation
	if inst == nil {
		return
	}
	if _, unclear := errors.AsType[*php.SyntaxError](inst.ConfigErr); unclear {
		c.configUnreadable("only PHP knows what is set here", "", 0)
		return
	} else if inst.ConfigErr != nil {
		reason := errors.Unwrap(installation.FileError(inst.ConfigPath(), inst.ConfigErr))
		c.configUnreadable("the file was not read ("+reason.Error()+")", "", 0)
		return
	}
	ours := slices.Concat(SessionSettings(), TwilioSettings())
	var first *php.UnreadableError
	for _, name := range ours {
		value, ok, err := inst.Config.Get(name)
		if unreadable, is := errors.AsType[*php.UnreadableError](err); is && first == nil {
			first = unreadable
		}
		if ok {
			c.add(finding.Finding{
				ID: "config-php-ignored", Severity: finding.Warning, Setting: name, File: inst.ConfigPath(), Line: value.Pos.Line,
				Message: "this line has no effect: uzERP reads this setting only from conf/.env, although conf/config.php wins for other settings",
				Fix:     errs.Plain("move it to conf/.env: " + name + "=..."),
			})
		}
	}
	switch {
	case first == nil:
	case slices.Contains(ours, first.Name):
		c.configUnreadable("only PHP knows what is set here", first.Name, first.Pos.Line)
	default: // it may be any setting
		c.configUnreadable("only PHP knows what is set here", "", first.Pos.Line)
	}
}

func (c *check) configUnreadable(why, name string, line int) {
	c.add(finding.Finding{
		ID: "config-php-unreadable", Severity: finding.Info, Setting: name, File: c.in.Installation.ConfigPath(), Line: line,
		Message: why + ", so nobody can tell whether the file has session settings, which would have no effect there",
	})
}
