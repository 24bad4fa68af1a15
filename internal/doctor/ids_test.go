package doctor_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/finding"
)

// ids returns the ID of every check of this package, with the greatest severity that it can have. SessionSettings
// stands for all findings of session-config check, and ServiceSettings for those of service check: they have their
// own IDs.
func ids() map[string]finding.Severity {
	const fail, warn, info = finding.Error, finding.Warning, finding.Info
	return map[string]finding.Severity{
		doctor.UzerpRoot: fail, doctor.DatabaseSettings: fail, doctor.SameDatabase: fail, doctor.TwilioSettings: fail,
		doctor.VerifyAddress: info, doctor.PhoneRegion: fail, doctor.PolicyFile: fail, doctor.DatabaseReachable: fail,
		doctor.MailProgram: fail, doctor.MailText: fail,
		doctor.DatabaseUzerp: fail, doctor.DatabaseSchema: fail, doctor.DatabaseVersion: warn, doctor.DatabaseWritable: fail,
		doctor.DatabaseRights: fail, doctor.TwoFactor: warn, doctor.LoginHandler: fail, doctor.Gateway: fail, doctor.Validator: fail,
		doctor.UniqueKey: fail, doctor.NoTrial: fail, doctor.EnvFile: fail, doctor.SameService: warn, doctor.UzerpLog: warn,
		doctor.TwilioService: fail, doctor.TwilioAccount: fail, doctor.TwilioCredentials: info, doctor.UzerpTwilio: fail,
		doctor.ServiceSettings: fail, doctor.Clock: fail, doctor.Proxy: fail, doctor.Certificates: warn,
		doctor.SessionSettings: fail, doctor.UserStates: fail, doctor.UsersBroken: fail,
		doctor.UUIDMissing: fail, doctor.UUIDDuplicate: fail, doctor.UsersLeft: fail, doctor.UsersSkip: info, doctor.UsersNoAccess: info,
		doctor.UsersErrorPage: warn, doctor.Maintenance: warn, doctor.AuditLogWritable: fail, doctor.AuditLogIntact: fail,
	}
}

// For every check that can fail or warn, a script makes it fail or warn, with a real database and the real program.
// Every check is in docs/doctor.md.
func TestDoctorChecksAreShownAndDocumented(t *testing.T) {
	files, err := filepath.Glob("../../cmd/testdata/script/doctor*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var expected strings.Builder // the lines of scripts that expect something on stdout
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "stdout ") {
				expected.WriteString(line)
			}
		}
	}
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for id, worst := range ids() {
		if !strings.Contains(string(page), "\n| `"+id+"` |") {
			t.Errorf("docs/doctor.md has no row for %s", id)
		}
		switch id {
		case doctor.DatabaseVersion: // there is one server to test with, and it is not that old
			continue
		case doctor.ServiceSettings: // its findings have their own ids
			id = "psd2"
		}
		failing := regexp.MustCompile(`(?m)\^(FAIL|WARN)  ` + id + `:|(CRITICAL|WARNING) - .*: (.*, )?` + id + `[,$ ']`)
		if worst == finding.Info || id == doctor.NoTrial {
			failing = regexp.MustCompile(`(?m)\^info  .*` + id)
		}
		if !failing.MatchString(expected.String()) {
			t.Errorf("no script makes %s fail", id)
		}
	}
	if len(files) < 4 {
		t.Errorf("only %d scripts", len(files))
	}
}
