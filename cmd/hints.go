package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/caller"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/history"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/injector/trial"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/notify"
	"uzerp-mfa/internal/pattern"
	"uzerp-mfa/internal/policy"
	"uzerp-mfa/internal/reconcile"
	"uzerp-mfa/internal/sandbox"
	"uzerp-mfa/internal/session"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/shell"
	"uzerp-mfa/internal/verifyservice"
)

const foreignDatabase = "remove that setting, so that uzERP's own database is used, or name the uzERP directory of the other one with --uzerp-root; " +
	"uzerp-mfa help settings says what is at stake"

// giveReason asks for a reason. A hint has the one that was given in its place.
const giveReason = " --reason WHY"

// oneUser is what ends the sessions of one user without a look at any.
const oneUser = "for one user, disable the access in uzERP: that ends the sessions at the next click"

// hints has the text for every reason, with the commands that help. Only this package spells command lines. %s is a
// part as it is, %q a part quoted as the last argument of a shell's command line, and %v a part quoted as the value
// of a flag.
var hints = map[errs.Reason]string{
	history.ReasonPasswordKnown: "call the person at a number that uzERP has: did they type these codes, then and from there? " +
		"If not, set a new password in uzERP's administration now, and end what is open: uzerp-mfa session end %q",
	history.ReasonTryACode: "uzerp-mfa verify --check %q tries the code that the app shows now",
	history.ReasonSiteKey:  "uzerp-mfa doctor looks at uzERP's settings for Twilio: it concerns everybody",
	history.ReasonWayToTwilio: "look from the web server, as its user, whether it reaches https://verify.twilio.com (proxy, firewall, " +
		"php-curl, curl.cainfo): it concerns everybody",
	history.ReasonLetThemIn:     "until then, after the caller was verified: uzerp-mfa user disable-next-login --identify sms %q",
	history.ReasonLookAtUser:    "uzerp-mfa user show %q says what the next login asks for, and why",
	history.ReasonReadMore:      "uzerp-mfa grants --history prints the SQL for the right to read audit_lines",
	history.ReasonTooManyWrong:  "wait an hour; or, after the caller was verified: uzerp-mfa user disable-next-login --identify sms %q",
	history.ReasonNewEnrollment: "after the caller was verified: uzerp-mfa user reset --identify sms %q; the next login asks to enroll again",
	history.ReasonSuspicious:    "uzerp-mfa user history USER shows each, and what to do",

	verifyservice.ReasonNotPermitted: "give the API key of %[2]s the permission %[1]s in Twilio's console, or take another key; " +
		"uzerp-mfa grants --twilio says which command needs which",

	mfa.ReasonUnknownUser:   "user names are compared exactly; uzerp-mfa user list --match TEXT finds them",
	mfa.ReasonNobodyFound:   "names of users, e-mail addresses and parts of persons' names are looked for; uzerp-mfa user list shows everybody",
	mfa.ReasonSharedUUID:    "uzerp-mfa reconcile says what to do",
	mfa.ReasonLeftFactor:    "uzerp-mfa reconcile finds such factors, and can delete them",
	mfa.ReasonRightsMissing: "uzerp-mfa grants prints the SQL for a role with just the needed rights",
	mfa.ReasonHistoryRights: "uzerp-mfa grants --history prints the SQL that lets the role read logins there, without session ids",
	mfa.ReasonUntranslatable: "commands that name a user exactly go on for all others; an administrator of the database finds that text and mends it; " +
		"uzerp-mfa help compatibility says which encodings have such texts",
	mfa.ReasonRoleTooPowerful: "connect as the tables' owner, as uzERP does, or as the role that uzerp-mfa grants prints: others gain nothing by these",
	mfa.ReasonTooManyCodes: "the user's login accepts no code either for now: wait an hour. So many wrong codes may mean that somebody else has the " +
		"password: let the user change it",
	mfa.ReasonOldFactorLeft:    "uzERP no longer accepts it; uzerp-mfa reconcile --fix --only stale-factor deletes it",
	mfa.ReasonOtherFactorInUse: "leave out --factor to check the one in use",
	mfa.ReasonLooksEnrolled:    "uzerp-mfa verify --check %q tests whether the user's app works",
	mfa.ReasonAlreadyEnrolled: "if the old phone still works: uzerp-mfa enroll --replace --identify sms %[1]q; if it is lost: " +
		"uzerp-mfa user reset --identify sms %[1]q",
	mfa.ReasonMayEnroll:      "uzerp-mfa enroll %q enrolls the user now",
	mfa.ReasonNotEnrolled:    "uzerp-mfa enroll %q",
	mfa.ReasonNothingToCheck: "uzerp-mfa enroll %q enrolls the user",
	mfa.ReasonNothingPending: "uzerp-mfa enroll %q starts an enrollment",
	mfa.ReasonHalfEnrolled: "if an enrollment broke off after its code was accepted, the next code finishes it: " +
		"uzerp-mfa verify --factor %[2]s %[1]q CODE; else uzerp-mfa enroll %[1]q starts an enrollment",
	mfa.ReasonHalfReplaced: "if a replacement broke off after its code was accepted, the next code finishes it: " +
		"uzerp-mfa verify --factor %[2]s %[1]q CODE; else uzerp-mfa enroll --replace --identify sms %[1]q starts one",
	mfa.ReasonReplaceUsedUp:  "this factor takes no more codes: uzerp-mfa enroll --replace --identify sms %q makes a new one; until then the old phone works",
	mfa.ReasonReplaceGone:    "uzerp-mfa enroll --replace --identify sms %q makes a new one; until then the old phone works",
	mfa.ReasonAttemptsUsedUp: "this factor takes no more codes: uzerp-mfa enroll %q makes a new one",
	mfa.ReasonHasLeft:        "if the person works here again, --yes makes the page: then name nobody else who has left",
	mfa.ReasonPageOfOther:    "if the directory is the right one, --new makes a new page",
	mfa.ReasonWhichFactor: "name the factor that the app was set up with: uzerp-mfa verify --factor YF... %[1]q CODE; " +
		"or uzerp-mfa enroll %[1]q makes a new one",
	mfa.ReasonPendingGone: "uzerp-mfa enroll %q makes a new one",
	mfa.ReasonAnswerLost: "run the command again; if nothing is pending then, the code was taken, and the next one finishes it: " +
		"uzerp-mfa verify --factor %[2]s %[1]q CODE",
	mfa.ReasonRowNotWritten:    "finish with the next code: uzerp-mfa verify --factor %[2]s %[1]q CODE",
	mfa.ReasonRowNotReset:      "run uzerp-mfa user reset --identify sms %q: the user is locked out until then",
	mfa.ReasonResetMeanwhile:   "somebody has reset the user just now; uzerp-mfa enroll %q starts anew",
	mfa.ReasonRowChanged:       "uzerp-mfa user list --match=%v shows the row as it is now",
	mfa.ReasonLockedOut:        "uzerp-mfa user reset --identify sms %q",
	mfa.ReasonFactorGone:       "uzerp-mfa user reset --identify sms %q, then the user enrolls again",
	mfa.ReasonNoUUID:           "uzerp-mfa user reset --identify sms %q mends it; the user then enrolls",
	mfa.ReasonBrokenEnrollment: "uzerp-mfa user reset --identify sms %q mends it; the user then enrolls again",
	mfa.ReasonTwilioDown: "nothing was changed; wait, for without Twilio nobody can enroll either. If only this machine does not reach it: " +
		"verify the caller in another way, and only then reset with --skip-twilio instead of --identify; a later reset cleans up at Twilio",
	mfa.ReasonTwilioSilent: "wait. Twilio can't verify a caller now; for somebody whom you see or call back yourself: " +
		"uzerp-mfa user disable-next-login --verified-by call-back %q",

	caller.ReasonLandline:    "a call reaches it: --channel call, or --identify call with user reset",
	caller.ReasonSMSRefused:  "let Twilio call instead (identity send --channel call, user reset --identify call)",
	caller.ReasonSMSBlocked:  "let Twilio call instead (identity send --channel call, user reset --identify call), or wait 12 hours",
	caller.ReasonNoRegion:    "set UZERP_MFA_PHONE_REGION or --region to the country of such numbers, such as GB",
	caller.ReasonCodeWanted:  "uzerp-mfa identity send --channel %s %q",
	caller.ReasonCodeToGiven: "uzerp-mfa identity send --channel %s --to NUMBER" + giveReason + " %q",
	caller.ReasonNotSent:     "send one: %s",
	caller.ReasonSpent:       "send a new one: %s",
	caller.ReasonMaybeSpent:  "it may be used up now, so send a new one: %s",
	caller.ReasonOtherNumber: "check it with the --to that it was sent with, or without one if it was sent without; or send a new one: %s",
	caller.ReasonSendLost:    "wait ten minutes, then send a new one: %s",
	caller.ReasonNoRecord:    "identity send and identity check need it; user reset --identify does both in one run",
	caller.ReasonBeginAgain:  "do not help this caller unless you can verify them in another way; or begin again: %s",

	reconcile.ReasonNoAnswer:     "nothing is repaired without an answer; run reconcile again",
	reconcile.ReasonOutage:       "run reconcile again when Twilio answers",
	reconcile.ReasonWrongService: "check TWILIO_SERVICE_SID; if they are really gone, --max N says how many repairs you expect",
	reconcile.ReasonTooMany:      "look at the findings first; if they are right, --fix --max %s",
	reconcile.ReasonSkips:        "left alone while the next login skips the code; uzerp-mfa user reset --identify sms %q lets the user enroll instead",
	reconcile.ReasonKeepsUUID: "enrolled users keep their uuid; " +
		"if several share one, uzerp-mfa user reset USER for all of them but one, and run reconcile --fix",
	reconcile.ReasonMayBeCopy: "left alone, since a copy of the database shares its uuids with the live one; " +
		"if this is the live one, name it: --fix --only orphan-entity",

	injector.ReasonNoSettings:     "without these settings uzERP would lock everybody out: run this as a user who may read uzERP's conf/.env",
	injector.ReasonNoDirectory:    "name it with --uzerp-root, or run this where uzERP runs: without its settings uzERP would lock everybody out",
	injector.ReasonTwilioNotAsked: "if Twilio refuses uzERP's settings, two-factor login locks everybody out: run this where Twilio can be asked",
	injector.ReasonTwilioNoAnswer: "while uzERP gets no answer from Twilio either, two-factor login would lock everybody out: run it again when Twilio answers",
	injector.ReasonBrokenUsers:    "uzerp-mfa user list --state broken shows them; user reset --identify sms mends each",
	injector.ReasonUnknownGateway: "if you are sure that it does, name it with --gateway",
	injector.ReasonNotKnownKept: "uzerp-mfa doctor -v shows it: two-factor says whether it is still switched on, and trial whether it still waits for a yes; " +
		"if it waits, run this again",
	injector.ReasonSwitchOnTrial: "let it end first: answer the question of set-injector --try, or wait until its time is over; " +
		"set-injector --off does not wait; an administrator of the database ends its session with: %s",

	trial.ReasonNoTrial: "uzerp-mfa set-injector --dry-run shows how it is",
	trial.ReasonNotKept: "browsers that opened uzERP meanwhile keep the login of the trial until their session ends; " +
		"uzerp-mfa doctor looks for what is wrong",
	trial.ReasonNoGuard:   "nothing was changed; without --try the switch needs no such process",
	trial.ReasonUnclear:   "it may have been switched back, or may still be: uzerp-mfa set-injector --dry-run shows how it is",
	trial.ReasonStillMade: "the switch is still there: uzerp-mfa set-injector --dry-run shows how it is, and set-injector takes it back",

	config.ReasonNoDatabase: "set DATABASE_URL (postgres://user@host/database), or name uzERP's directory with --uzerp-root",
	config.ReasonNoTwilio:   "set them in the environment or in a file given with --env-file, or name uzERP's directory with --uzerp-root",
	config.ReasonForeignService: "remove the TWILIO_ settings from the environment and --env-file, so that uzERP's own are used; " +
		"or name another uzERP directory with --uzerp-root",

	config.ReasonForeignDatabase: foreignDatabase,
	config.ReasonStrangers: "uzERP's files must belong to root, to the web server or to you (through sudo: to root), and nobody else may change them; " +
		"name uzERP's own directory with --uzerp-root",
	config.ReasonStrangersFile: "it must belong to root, to the web server or to you (through sudo: to root), and nobody else may change it",

	audit.ReasonNoLog:      "nothing was logged there yet; if something was, it was moved or removed; --audit-log names another file",
	audit.ReasonUnreadable: "root may read it, or name another with --audit-log",
	audit.ReasonUnwritable: "root must make it writable, or make room; or name another file with --audit-log",
	audit.ReasonNoPlace: "root makes a place for the log of this account: install -d -o %q -m 0750 %q " +
		"(where the policy sets AUDIT_LOG, that file must be writable instead)",
	audit.ReasonUnfit: "%s; or name another file with --audit-log",
	audit.ReasonSandboxLog: "unset UZERP_MFA_AUDIT_LOG and the other settings of the sandbox (UZERP_ROOT, UZERP_MFA_VERIFY_URL, DATABASE_URL), " +
		"or take a new shell; --audit-log names another file",
	audit.ReasonRealLog: "keep the UZERP_MFA_AUDIT_LOG of the sandbox, or name a new file with --audit-log",

	notify.ReasonText: "root must correct %s, which NOTIFY_TEXT in the policy names (uzerp-mfa help notification)",

	policy.ReasonFile:        "root must correct %s; uzerp-mfa doctor shows what else is wrong",
	policy.ReasonRule:        "ask the administrator of this machine; uzerp-mfa policy show lists the rules",
	policy.ReasonSudoDefault: "do without it; if it is needed, root can allow it with the line %s in %s",
	policy.ReasonCallerNeeded: "verify the caller first: {again --identify sms}; or uzerp-mfa identity send --channel sms %[1]q, and then " +
		"uzerp-mfa identity check %[1]q CODE (uzerp-mfa help identity says which codes count)",
	policy.ReasonEachNeeded: "verify each caller first: uzerp-mfa identity send --channel sms %[1]q, then uzerp-mfa identity check %[1]q CODE, " +
		"and so on for the others; or, if you have called all of them back: {again --verified-by call-back}",
	policy.ReasonEachByCode: "verify each caller first: uzerp-mfa identity send --channel sms %[1]q, then uzerp-mfa identity check %[1]q CODE, " +
		"and so on for the others; who is protected needs --verified-by there too",
	policy.ReasonBothNeeded:    "by a code to the phone in uzERP, and in the way that --verified-by names (user reset, identity check)",
	policy.ReasonNoEnrollment:  "after the caller was verified, begin anew: uzerp-mfa enroll %q",
	policy.ReasonFlagMissing:   "{again --%[1]s TEXT}",
	policy.ReasonTooManyByHour: "wait, or ask the administrator of this machine; uzerp-mfa audit-log show --since 1h lists what was changed",

	doctor.ReasonRootUnknown:      "name it with --uzerp-root or UZERP_ROOT",
	doctor.ReasonOtherDatabase:    foreignDatabase,
	doctor.ReasonRoleLacksRights:  "uzerp-mfa grants prints the SQL that gives a role what it needs",
	doctor.ReasonLoginOff:         "uzerp-mfa set-injector switches it on",
	doctor.ReasonForeignHandler:   "uzerp-mfa set-injector --dry-run shows what a switch to uzERP's own would change",
	doctor.ReasonNoValidator:      "uzerp-mfa set-injector adds it",
	doctor.ReasonForeignValidator: "uzerp-mfa set-injector sets uzERP's own",
	doctor.ReasonKeyLacks:         "uzerp-mfa grants --twilio says which commands need each; a command that lacks one says so before it changes anything",
	doctor.ReasonTrialOver: "uzerp-mfa set-injector --off switches back now; if logins work, nothing needs to be done, " +
		"but that guard may still switch back if it wakes up",
	doctor.ReasonUsersBroken:    "uzerp-mfa user reset --identify sms USER lets such a user enroll again; user list --state broken shows all",
	doctor.ReasonBrokenNoAccess: "uzerp-mfa user reset USER before one of them gets access again",
	doctor.ReasonUUIDMissing:    "uzerp-mfa reconcile --fix --only uuid-missing gives each one",
	doctor.ReasonUUIDDuplicate:  "uzerp-mfa reconcile --only uuid-duplicate shows what to do",
	doctor.ReasonUsersSkip:      "uzerp-mfa user enable USER takes that back",
	doctor.ReasonUsersLeft:      "disable their access in uzERP; then uzerp-mfa user reset USER takes their second factor away",
	doctor.ReasonLogChanged:     "keep a copy of %s; uzerp-mfa audit-log verify shows more",
	doctor.ReasonLogTorn:        "uzerp-mfa audit-log verify shows more; the next change continues the log",
	doctor.ReasonChangesOpen:    "uzerp-mfa audit-log verify lists them",

	verifyservice.ReasonSkipsLandlines: "call such a user: identity send --channel call",
	verifyservice.ReasonOtherAccount: "make the service in uzERP's own account: " +
		"without TWILIO_ settings in the environment and --env-file, those of that file are used",
	verifyservice.ReasonOtherDatabase:   "leave out the settings of the other database; or leave out --write-env, and the line for conf/.env is printed",
	verifyservice.ReasonEnrolledUnknown: "without --write-env the service is made, and the line for conf/.env printed",
	verifyservice.ReasonUsersEnrolled: "reset them first (user list shows them, in the column enrolled), " +
		"and they enroll in the new service at the next login. " +
		"Without --write-env the service is made, and uzERP stays with the old one",

	sessionconfig.ReasonLimitsLockOut: "give %s too",
	installation.ReasonEnvOdd:         "correct the file by hand; session-config check shows what is odd in it",

	session.ReasonNotListed: "run it as root: only root and the web server may read session files, and on Debian only root may list them",
	session.ReasonSettings:  "look into %s for session.save_path, and name the php.ini that counts with --php-ini; or correct what keeps it from being read",
	session.ReasonNoPlace:   "name the php.ini of the web server's PHP with --php-ini",
	session.ReasonNoFiles:   "what keeps them can end them: redis and memcached by removing their keys; " + oneUser,
	session.ReasonIgbinary:  "to end all of them stop the web server's PHP, remove the files sess_* in %s and start it again; " + oneUser,
	session.ReasonUnclear:   "to end all of them stop the web server's PHP, remove the files sess_* in %s and start it again; " + oneUser,
	session.ReasonTooLarge:  "all of these end with find %q -type f -name 'sess_*' -size +64M -delete; " + oneUser,
	session.ReasonTwoNames:  "all of these end, and their other names stay, with find %q -type f -name 'sess_*' -links +1 -delete; " + oneUser,
	session.ReasonUntrusted: "let that directory, and each one below %s, belong to root or the web server, and let nobody else write in it; " +
		"a link there is not followed",
	session.ReasonNoUser: "correct the name %s in that pool's file, or name the php.ini of the web server's PHP with --php-ini",
	session.ReasonRequestOpen: "what is ended stays ended, and uzerp-mfa session list shows whether somebody is logged in again; if visitors keep login pages " +
		"busy all the time, restart the web server's PHP, which ends all requests, and run it again",
	session.ReasonRequestGoesOn: "the next click in that browser shows the login page; what the request does now, only a restart of the web server's PHP stops",
	session.ReasonStillThere:    "a browser logs in again and again: disable the user's access in uzERP, then run it again",

	mfa.ReasonPeer: "sudo -u %v {again }; sudo leaves out the variables of your shell, so uzERP's own files or flags must say where the database is",
	mfa.ReasonPeerOther: "run it under the account that has that name; or give the role a password and connect by TCP (host=localhost), " +
		"with the password in ~/.pgpass",

	sandbox.ReasonSeveral:   "run it in the shell that has the settings of one of them; or set UZERP_ROOT to its directory",
	sandbox.ReasonOther:     "in the shell that has the sandbox's settings, or if there is only one: env -u UZERP_ROOT uzerp-mfa sandbox stop",
	sandbox.ReasonNotInside: "run this inside one: uzerp-mfa sandbox -- sh",
	sandbox.ReasonNoAccount: "uzerp-mfa enroll --no-wait %q makes one",
	sandbox.ReasonLeft:      "end the PostgreSQL that runs in it, if one does, and remove it: rm -r %q; then sandbox stop",
	sandbox.ReasonNoMessage: "uzerp-mfa identity send --channel sms USER sends one; a landline gets it in a call only",
}

// A text may say {again FLAG}: that is the command line that was typed once more, with this flag, or {again }: without one.
var again = pattern.Lazy(`\{again ([^}]*)\}`)

// hint returns the text of a hint. The commands in it have the flags that were given, as far as these say
// where uzERP is, or why something is done.
func (a *App) hint(h errs.Hint) string {
	return a.hintWith(h, func(flag string) string {
		if flag == "" && a.typed != nil {
			return commandWith(a.typed, a.args, nil)
		}
		if name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), " "); a.typed == nil || a.typed.Flags().Lookup(name) == nil {
			return sameCommand(flag)
		}
		return commandWith(a.typed, a.args, nil, flag)
	})
}

// hintOf is hint for that of an error, or "" if it has none.
func (a *App) hintOf(err error) string { return a.hint(errs.HintOf(err)) }

// hintOfOne is hintOf for one line of a report of several users: the command line that was typed is not repeated there, for it
// names all of them.
func (a *App) hintOfOne(err error) string { return a.hintWith(errs.HintOf(err), sameCommand) }

func (a *App) hintWith(h errs.Hint, repeat func(string) string) string {
	return hintWith(h, func(text string) string {
		if a.typed == nil {
			return text
		}
		if f := a.typed.Flags().Lookup("reason"); f != nil && strings.TrimSpace(f.Value.String()) != "" {
			text = strings.ReplaceAll(text, giveReason, "")
		}
		return ourCommand().ReplaceAllStringFunc(text, a.withGivenFlags)
	}, repeat)
}

func sameCommand(flag string) string {
	if flag == "" {
		return "the same command"
	}
	return "the same command with " + flag
}

// ourCommand matches the words of a command in the text of a hint, up to its first argument or flag.
var ourCommand = pattern.Lazy(`uzerp-mfa( [a-z][a-z-]*)+`)

// withFlags is withGivenFlags for words that nobody formats.
func (a *App) withFlags(words string) string {
	if a.typed == nil {
		return words
	}
	return strings.ReplaceAll(a.withGivenFlags(words), "%%", "%")
}

// withGivenFlags returns the words of a command with the flags that were given and that it has too.
func (a *App) withGivenFlags(words string) string {
	path := strings.Fields(words)
	c, rest, err := a.tree().Find(path[1:])
	if err != nil || c.HasSubCommands() || c.Name() == "help" { // a page is the same everywhere
		return words
	}
	path = path[:len(path)-len(rest)]
	a.typed.Flags().Visit(func(f *pflag.Flag) {
		blank := strings.TrimSpace(f.Value.String()) == ""
		if slices.Contains(carriedFlags, f.Name) && !blank && (c.Flags().Lookup(f.Name) != nil || c.InheritedFlags().Lookup(f.Name) != nil) {
			path = append(path, escapeVerbs(spelled(f)))
		}
	})
	return strings.Join(append(path, rest...), " ")
}

// escapeVerbs protects what was typed from being formatted.
func escapeVerbs(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// carriedFlags are the flags that the next command needs as well: another uzERP, and why something is done.
var carriedFlags = []string{"uzerp-root", "database-url", "env-file", "database-not-uzerps", "reason", "ticket"}

// hintWith returns the text of a hint. complete completes its text before the parts are put in, and repeat returns the command
// line that was typed, with a flag.
func hintWith(h errs.Hint, complete, repeat func(string) string) string {
	if h.Reason == "" {
		return h.Text
	}
	parts := make([]any, len(h.Parts))
	for i, p := range h.Parts {
		if inner, ok := p.(errs.Hint); ok {
			p = hintWith(inner, complete, repeat)
		}
		parts[i] = hintPart{fmt.Sprint(p)}
	}
	// What is between the commands that are repeated is completed alone: what was typed, a reason for one, is no text of ours.
	raw, text, done := hints[h.Reason], "", 0
	for _, at := range again().FindAllStringSubmatchIndex(raw, -1) {
		flag := raw[at[2]:at[3]]
		if strings.Contains(flag, "%") {
			flag = fmt.Sprintf(flag, parts...)
		}
		text += complete(raw[done:at[0]]) + escapeVerbs(repeat(flag))
		done = at[1]
	}
	text += complete(raw[done:])
	if !strings.Contains(strings.ReplaceAll(text, "%%", ""), "%") { // all parts are in the command that is repeated, or there are none
		return strings.ReplaceAll(text, "%%", "%")
	}
	return fmt.Sprintf(text, parts...)
}

// hintPart is a part of a hint. It formats itself for the verbs in the texts of hints.
type hintPart struct{ text string }

// Format implements fmt.Formatter.
func (p hintPart) Format(s fmt.State, verb rune) {
	text := p.text
	switch verb {
	case 'q':
		text = shell.Quote(text)
	case 'v':
		text = shell.Word(text)
	}
	_, _ = fmt.Fprint(s, text)
}
