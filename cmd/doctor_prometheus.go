package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

// writePrometheus writes the report into a file for node_exporter's textfile collector. Everybody may read it. Another run's file is
// replaced as a whole: a reader sees the old report or the new one.
func writePrometheus(app *App, file string, r doctor.Report) error {
	text := []byte(prometheus(r, app.now()))
	if err := app.asCaller(func() error { return output.ReplaceFile(file, text, 0o644) }); err != nil {
		return &errs.Error{Kind: errs.Config, Op: "write the file of --prometheus", Err: err,
			Hint: errs.Plain("name a file in a directory that is there, and that you may write to yourself")}
	}
	return nil
}

// prometheus returns the report in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Several
// checks of one id, as findings are, are one sample with their number. The ids have no character that must be escaped.
func prometheus(r doctor.Report, now time.Time) string {
	var b strings.Builder
	metric := func(name, help string) {
		fmt.Fprintf(&b, "# HELP uzerp_mfa_%s %s\n# TYPE uzerp_mfa_%[1]s gauge\n", name, help)
	}

	metric("doctor_last_run_timestamp_seconds", "When uzerp-mfa doctor wrote this file.")
	fmt.Fprintf(&b, "uzerp_mfa_doctor_last_run_timestamp_seconds %d\n", now.Unix())
	metric("doctor_status", "The worst check: 0 in order, 1 warning, 2 failure.")
	fmt.Fprintf(&b, "uzerp_mfa_doctor_status %d\n", statusOfReport(r, 0, 1, 2))

	type sample struct {
		group, id string
		status    checkStatus
	}
	number := make(map[sample]int)
	for _, c := range r.Checks {
		number[sample{c.Group, c.ID, checkStatusOf(c.Severity)}]++
	}
	var samples []sample
	for s := range number {
		samples = append(samples, s)
	}
	slices.SortFunc(samples, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.id, b.id), cmp.Compare(a.status, b.status))
	})
	metric("doctor_checks", "How many checks with this id ended so: pass, info, warn, fail or skipped.")
	for _, s := range samples {
		fmt.Fprintf(&b, "uzerp_mfa_doctor_checks{group=%q,id=%q,status=%q} %d\n", s.group, s.id, s.status, number[s])
	}

	if u := r.Users; u != nil { // without them there is no sample: nobody takes 0 for an answer
		metric("users", "Users by the state of their second factor.")
		for _, s := range []struct {
			state string
			n     int
		}{{"enrolled", u.Enrolled}, {"not-enrolled", u.NotEnrolled}, {"skip-next-login", u.SkipNextLogin}, {"broken", u.Broken}} {
			fmt.Fprintf(&b, "uzerp_mfa_users{state=%q} %d\n", s.state, s.n)
		}
	}
	return b.String()
}
