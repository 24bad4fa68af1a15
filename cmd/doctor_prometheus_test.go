package cmd

import (
	"testing"
	"time"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/finding"
)

// No two samples are the same, which Prometheus would refuse, and users who could not be counted are not 0.
func TestPrometheus(t *testing.T) {
	check := func(group, id string, s finding.Severity) doctor.Check {
		return doctor.Check{Group: group, Finding: finding.Finding{ID: id, Severity: s}}
	}
	r := doctor.Report{Checks: []doctor.Check{check("users", "uuid-missing", finding.Pass), check("session", "timeout-long", finding.Warning),
		check("session", "timeout-long", finding.Warning), check("database", "database-reachable", finding.Error)}}
	const head = `# HELP uzerp_mfa_doctor_last_run_timestamp_seconds When uzerp-mfa doctor wrote this file.
# TYPE uzerp_mfa_doctor_last_run_timestamp_seconds gauge
uzerp_mfa_doctor_last_run_timestamp_seconds 1764244800
# HELP uzerp_mfa_doctor_status The worst check: 0 in order, 1 warning, 2 failure.
# TYPE uzerp_mfa_doctor_status gauge
uzerp_mfa_doctor_status 2
# HELP uzerp_mfa_doctor_checks How many checks with this id ended so: pass, info, warn, fail or skipped.
# TYPE uzerp_mfa_doctor_checks gauge
uzerp_mfa_doctor_checks{group="database",id="database-reachable",status="fail"} 1
uzerp_mfa_doctor_checks{group="session",id="timeout-long",status="warn"} 2
uzerp_mfa_doctor_checks{group="users",id="uuid-missing",status="pass"} 1
`
	now := time.Unix(1764244800, 0)
	if got := prometheus(r, now); got != head {
		t.Errorf("got\n%s\nwant\n%s", got, head)
	}
	r.Users = &doctor.Users{Enrolled: 12, NotEnrolled: 3, Broken: 1}
	const users = `# HELP uzerp_mfa_users Users by the state of their second factor.
# TYPE uzerp_mfa_users gauge
uzerp_mfa_users{state="enrolled"} 12
uzerp_mfa_users{state="not-enrolled"} 3
uzerp_mfa_users{state="skip-next-login"} 0
uzerp_mfa_users{state="broken"} 1
`
	if got := prometheus(r, now); got != head+users {
		t.Errorf("got\n%s\nwant\n%s", got, head+users)
	}
}
