package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
)

// This file reports what became of several users, and prints a list in every format.

// outcome is what became of one user.
type outcome struct {
	username string
	status   userStatus
	changed  bool
	message  string
	err      error
	recorded bool // the audit log has the error already
}

// fail turns the outcome into that of an error.
func (o *outcome) fail(err error) {
	o.err, o.status, o.message = err, statusFailed, err.Error()
	switch {
	case errors.Is(err, mfa.ErrNotTried):
		o.status = statusNotTried
	case errors.Is(err, mfa.ErrRowReset), errors.Is(err, mfa.ErrOldFactorLeft):
		o.status = statusIncomplete
	case errs.KindOf(err) == errs.Refused:
		o.status = statusRefused
	case errors.Is(err, context.Canceled):
		o.message = "interrupted, nothing was changed"
	}
}

func (o outcome) view(app *App) resultView {
	return resultView{Username: o.username, Status: o.status, Changed: o.changed, Message: o.message, Hint: optional(app.hintOfOne(o.err))}
}

// writeResults shows what became of each user, and returns what the command ends with.
func (a *App) writeResults(ch *changes, results []outcome, dryRun bool) error {
	view := resultsView{SchemaVersion: schemaVersion, DryRun: dryRun, Results: []resultView{}}
	for i, r := range results {
		view.Results = append(view.Results, r.view(a))
		view.Changed = view.Changed || r.changed
		results[i].recorded = r.recorded || errors.Is(r.err, errs.ErrChanged) // a conflict is recorded as the outcome of the change
	}
	err := endOf(ch, results, &interruption{done: "the report says what became of each user",
		hint: "run the command again: users who are changed already stay as they are"})
	showErr := showList(a, view, view.Results, []column{columnUsername, {name: "status"}, columnMessage}, func(r resultView) []string {
		return []string{r.Username, string(r.Status), a.messageCell(results, err, r.Message)}
	})
	return a.afterReport(results, err, showErr)
}

// messageCell returns a user's message for a row, or "-" in a table of one user, if the command's error says the same below it, on
// the same screen.
func (a *App) messageCell(results []outcome, err error, message string) string {
	oneScreen := a.flags.output == formatTable && a.streams.OutTTY && a.streams.ErrTTY
	if oneScreen && len(results) == 1 && err != nil && err.Error() == results[0].message {
		return "-"
	}
	return message
}

// endOf records the refusals, and turns the outcomes into the command's own: a single user's own error, of several users of whom
// some failed errs.Partial, or interrupted.
func endOf(ch *changes, results []outcome, interrupted error) error {
	failed, stopped := 0, false
	var first error
	for _, r := range results {
		if r.err == nil {
			continue
		}
		failed++
		if !r.recorded {
			_ = ch.Refused(r.username, r.err)
		}
		first = cmp.Or(first, r.err)
		stopped = stopped || errors.Is(r.err, context.Canceled) || errs.KindOf(r.err) == errs.Interrupted
	}
	if !stopped {
		interrupted = nil
	}
	return outcomeOf(first, interrupted, failed, len(results))
}

// afterReport says what helps each user who failed, if there are several, and returns what the command ends with: err, or why
// the report could not be written (withLostOutput adds that to err).
func (a *App) afterReport(results []outcome, err, showErr error) error {
	if err == nil {
		return showErr
	}
	if len(results) > 1 && a.flags.output == formatTable {
		for _, r := range results {
			if hint := a.hintOfOne(r.err); hint != "" {
				a.streams.Sayf("%q: %s", r.username, hint)
			}
		}
	}
	return err
}

// outcomeOf returns the one error of several users' outcomes.
func outcomeOf(first, interrupted error, failed, all int) error {
	switch {
	case failed == 0:
		return nil
	case all == 1:
		return first
	case interrupted != nil:
		return interrupted
	default:
		return errs.New(errs.Partial, fmt.Sprintf("%d of %d users failed", failed, all),
			"the report says which and why; what is done stays done, and running the command again is safe")
	}
}

// showList prints a list in the format asked for. document is the whole of it for JSON.
func showList[T any](a *App, document any, items []T, table []column, cells func(T) []string) error {
	return showListOf(a, nil, document, items, table, cells)
}

// showListOf is showList with a choice of columns.
func showListOf[T any](a *App, choice *columnChoice, document any, items []T, table []column, cells func(T) []string) error {
	out := a.streams.Out
	if a.flags.output == formatJSON {
		return output.WriteJSON(out, document)
	}
	all := func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
	if done, err := streamList(a, nil, all, func(item T) any { return item }, table, cells); done {
		return err
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = cells(item)
	}
	return a.writeTable(choice, table, rows)
}

// streamList prints a list as it comes, of any length, in the formats for programs. empty is the document of -o json, whose list is
// empty, and line is an item of JSON. done is false for the other formats, and nothing is printed then.
func streamList[T any](a *App, empty any, items iter.Seq2[T, error], line func(T) any, table []column, cells func(T) []string) (done bool, err error) {
	out := a.streams.Out
	switch a.flags.output {
	case formatJSON:
		list, err := output.NewJSONList(out, empty)
		if err != nil {
			return true, err
		}
		if err := eachItem(items, func(item T) error { return list.Item(line(item)) }); err != nil {
			return true, err
		}
		return true, list.Close()
	case formatJSONL:
		return true, eachItem(items, func(item T) error { return output.JSONLine(out, line(item)) })
	case formatCSV:
		names := make([]string, len(table))
		for i, c := range table {
			names[i] = c.name
		}
		w := output.NewCSV(out, names...)
		err := eachItem(items, func(item T) error { return w.Row(cells(item)...) })
		if flushed := w.Flush(); err == nil { // what came before an error is shown
			err = flushed
		}
		return true, err
	}
	return false, nil
}

// eachItem calls print for each item, until the first error.
func eachItem[T any](items iter.Seq2[T, error], print func(T) error) error {
	for item, err := range items {
		if err == nil {
			err = print(item)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
