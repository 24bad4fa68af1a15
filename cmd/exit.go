package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

// exitStatus is what scripts see of an error: a number and a word (docs/exit-codes.md).
type exitStatus struct {
	code    int
	word    errorWord
	meaning string
}

// errorWord is the code of an error in JSON.
type errorWord string

// The words.
const (
	wordFailure      errorWord = "failure"
	wordUsage        errorWord = "usage"
	wordPartial      errorWord = "partial"
	wordConfig       errorWord = "config"
	wordNotFound     errorWord = "not_found"
	wordRefused      errorWord = "refused"
	wordUnavailable  errorWord = "unavailable"
	wordDeclined     errorWord = "declined"
	wordFindings     errorWord = "findings"
	wordCodeRejected errorWord = "code_rejected"
	wordInterrupted  errorWord = "interrupted"
)

// statusOf is the only place where a kind of error becomes an exit code.
func statusOf(k errs.Kind) exitStatus {
	switch k {
	case errs.Usage:
		return exitStatus{2, wordUsage, "wrong flag or argument; or a confirmation is needed and there is no terminal (see --yes)"}
	case errs.Partial:
		return exitStatus{3, wordPartial, "of several users some failed; the report says which"}
	case errs.Config:
		return exitStatus{4, wordConfig, "settings or credentials missing, unreadable or rejected (database or Twilio)"}
	case errs.NotFound:
		return exitStatus{5, wordNotFound, "no such user, factor or service"}
	case errs.Refused:
		return exitStatus{6, wordRefused, "the present state or the administrator's policy forbids it; nothing was changed but what the message or the report names"}
	case errs.Unavailable:
		return exitStatus{7, wordUnavailable, "database or Twilio did not answer, after retries; safe to run again"}
	case errs.Declined:
		return exitStatus{8, wordDeclined, "answered no at the prompt; nothing was changed but what the message names"}
	case errs.Findings:
		return exitStatus{9, wordFindings, "a check ran and found problems"}
	case errs.CodeRejected:
		return exitStatus{10, wordCodeRejected, "the one-time code is wrong, too old or already used up"}
	case errs.Interrupted:
		return exitStatus{130, wordInterrupted, "Ctrl-C, SIGTERM or a lost terminal"}
	default:
		return exitStatus{1, wordFailure, "anything unclassified"}
	}
}

// exitCodes are the annotations of a command that can end with these kinds of errors, beside those with which every command can end:
// the word of each. No other annotations are used.
func exitCodes(kinds ...errs.Kind) map[string]string {
	words := map[string]string{}
	for _, k := range kinds {
		words[string(statusOf(k).word)] = ""
	}
	return words
}

// exitsOf returns how a command can end, in the order of the codes; nothing if it does not say so.
func exitsOf(c *cobra.Command) []exitStatus {
	if c.Annotations == nil {
		return nil
	}
	return exits(func(k errs.Kind) bool { return mayEndWith(c, k) })
}

// mayEndWith reports whether a command says that it can end with this kind of error.
func mayEndWith(c *cobra.Command, k errs.Kind) bool {
	_, can := c.Annotations[string(statusOf(k).word)]
	return can
}

// exits returns the exit codes with which every command can end, and those of the kinds that can happen.
func exits(can func(errs.Kind) bool) []exitStatus {
	all := []exitStatus{{0, "", "done, or nothing to do"}}
	for k := errs.Failure; k <= errs.Interrupted; k++ {
		if k == errs.Failure || k == errs.Usage || k == errs.Interrupted || can(k) {
			all = append(all, statusOf(k))
		}
	}
	return all
}

// exitLines lays out exit codes for the help, one a line.
func exitLines(all []exitStatus) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "  %-4d %s\n", s.code, s.meaning)
	}
	return b.String()
}

// classify returns the error as it is reported. A signal that cancelled the context, or the deadline of --timeout,
// arrives wrapped in the error of what was going on at that moment.
func classify(ctx context.Context, err error) *errs.Error {
	switch {
	case errors.Is(context.Cause(ctx), errTimeout):
		e := &errs.Error{Kind: errs.Unavailable, Err: errors.New("the time limit of --timeout was reached"),
			Hint: errs.HintOf(err).Or(errs.Plain("it is safe to run the command again, with more time"))}
		if _, ok := errors.AsType[*errs.Error](err); ok { // it says more than that the time is over
			e.Err = fmt.Errorf("%w: %w", e.Err, err)
		}
		return e
	case isInterruption(ctx, err):
		e := &errs.Error{Kind: errs.Interrupted, Err: errors.New("interrupted"), Hint: errs.Plain("it is safe to run the command again")}
		if told, ok := errors.AsType[*interruption](err); ok {
			e.Err, e.Hint = told, errs.Plain(told.hint)
		} else if told, ok := errors.AsType[*errs.Error](err); ok {
			e.Err, e.Hint = fmt.Errorf("interrupted: %w", err), told.Hint
		}
		return e
	}
	return &errs.Error{Kind: errs.KindOf(err), Hint: errs.HintOf(err), Err: err}
}

// isInterruption reports whether err comes from a signal or a lost terminal. The terminal may be gone before the signal
// comes that says so.
func isInterruption(ctx context.Context, err error) bool {
	if _, ok := errors.AsType[*interruption](err); ok || errors.Is(err, output.ErrTerminalLost) {
		return true
	}
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// errTimeout is the cause of a context that --timeout ended.
var errTimeout = errors.New("time limit reached")

// interruption says what an interrupted command had done, and what to do about it.
type interruption struct {
	done string
	hint string
}

func (i *interruption) Error() string { return "interrupted: " + i.done }

// Unwrap returns the cause of every interruption.
func (i *interruption) Unwrap() error { return context.Canceled }

// errorView is the JSON shape of an error (docs/contract.md §1).
type errorView struct {
	SchemaVersion int `json:"schema_version"`
	// what ended the command
	Error errorCode `json:"error"`
}

type errorCode struct {
	// a word for the exit code
	Code errorWord `json:"code"`
	// what is wrong
	Message string `json:"message"`
	// what to do about it
	Hint *string `json:"hint"`
	// the program's exit code
	ExitCode int `json:"exit_code"`
}

// report prints the error on stderr and returns the exit code.
func (a *App) report(asJSON bool, e *errs.Error) int {
	s, status, hint := a.streams, statusOf(e.Kind), a.hint(errs.HintOf(e))
	if asJSON {
		v := errorView{SchemaVersion: schemaVersion}
		v.Error.Code, v.Error.Message, v.Error.Hint, v.Error.ExitCode = status.word, e.Error(), optional(hint), status.code
		_ = output.JSONLine(s.Err, v) // there is nowhere left to report to
		return status.code
	}
	s.Sayf("uzerp-mfa: %s", e.Error())
	if hint != "" {
		s.Sayf("hint: %s", hint)
	}
	return status.code
}
