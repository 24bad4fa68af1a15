package cmd

import (
	"context"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/notify"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/verifyservice"
)

// doctorSource answers what package doctor asks. Its settings are read once, before anything is asked at the same time.
type doctorSource struct {
	app          *App
	file, phpIni string

	settings     doctor.Settings
	ours, theirs config.Twilio
}

func newDoctorSource(app *App, opts *doctorOptions) *doctorSource {
	s := &doctorSource{app: app, file: opts.file, phpIni: opts.phpIni}
	inst, err := app.loader.Installation()
	root := doctor.Place{}
	if inst != nil {
		root.Value, root.Source = app.loader.Root()
		s.settings.Env = app.loader.UzerpSettings()
		var web installation.WebUser
		if users := installation.WebUsers(app.loader.WebUsers); len(users) > 0 {
			web = users[0]
		}
		log, err := inst.LogAccess(web, app.now())
		s.settings.Log = doctor.Got(doctor.Log(log), err)
	}
	s.settings.Root = doctor.Got(root, err)

	d, err := app.loader.Database()
	s.settings.Database = doctor.Got(doctor.Place{Source: d.Source}, err)

	compared, err := app.reader.CompareDatabases()
	s.settings.Compared = doctor.Got(doctor.Comparison{
		Same: compared.Same(), Differs: compared.Differs(), Meant: app.loader.NotUzerps, Message: compared.Message,
	}, err)

	t, err := app.loader.Twilio()
	s.ours = t
	if err == nil {
		err = app.reader.CheckSettings(t)
	}
	s.settings.Twilio = doctor.Got(doctor.Credentials{
		AccountSID: t.AccountSID, Token: t.UsesToken(), Address: t.VerifyURL, TwilioOwn: t.OwnAddress(), From: t.From(),
	}, err)
	if err == nil {
		s.settings.Way = doctor.Got(app.reader.Way(t))
	}
	s.settings.Roots = s.trustedLists()
	s.theirs, err = app.loader.UzerpTwilio()
	s.settings.UzerpTwilio = doctor.Got(s.theirs.Same(s.ours), err)

	path, exists := app.policy.Path()
	s.settings.Policy = doctor.Got(doctor.Policy{Path: path, Exists: exists}, app.policyErr)
	s.settings.Region = doctor.Got(app.region())
	s.readMails()
	return s
}

// trustedLists looks at which certificates this machine trusts, and PHP if it has a list of its own. Where its settings can't be
// read another check says so.
func (s *doctorSource) trustedLists() []doctor.TrustedList {
	lists := []doctor.TrustedList{{Of: "this machine's list of trusted certificates", Missing: doctor.Got(s.app.reader.MissingRoots()),
		Mend: "update the package ca-certificates; SSL_CERT_FILE and SSL_CERT_DIR count instead of the machine's list where they are set"}}
	session, err := s.app.sessionInput(s.file, s.phpIni)
	if err != nil {
		return lists
	}
	seen := map[string]bool{}
	for _, ini := range session.PHP {
		for _, name := range []string{"curl.cainfo", "openssl.cafile"} {
			v := ini.Values[name]
			if v.Text == "" || v.Unknown || seen[v.Text] || !ini.ServesPages() {
				continue
			}
			seen[v.Text] = true
			var missing []string
			content, err := file.Read(v.Text)
			if err == nil {
				missing, err = s.app.reader.MissingRootsIn(content)
			}
			lists = append(lists, doctor.TrustedList{Of: "PHP's " + v.Text + " (" + name + ")", Missing: doctor.Got(missing, err),
				Mend: "put Amazon's roots into that file, or take " + name + " out of " + v.File})
		}
	}
	return lists
}

// readMails looks at what mails to users need, as for a command that helps one. No mail is sent, and the program is not started.
func (s *doctorSource) readMails() {
	n, on := s.app.policy.Notification("user reset")
	if !on {
		return
	}
	err := notify.Sendmail{Path: n.Sendmail, From: n.From, User: n.User}.Look()
	if err != nil {
		err = &errs.Error{Kind: errs.Config, Op: "no mail can be sent by " + n.Sendmail, Err: err,
			Hint: errs.Plain("mend that, or set NOTIFY_SENDMAIL or NOTIFY_USER in the policy; uzerp-mfa help notification explains both")}
	}
	s.settings.MailProgram = doctor.Got(n.Sendmail, err)
	text := "this program's own"
	err = nil
	if n.Text != "" {
		text = "that of " + n.Text
		_, err = notify.ReadText(n.Text)
	}
	s.settings.MailText = doctor.Got(text, err)
}

func (s *doctorSource) Settings() doctor.Settings { return s.settings }

func (s *doctorSource) SessionFindings() ([]finding.Finding, error) {
	session, err := s.app.sessionInput(s.file, s.phpIni)
	return sessionconfig.Check(session), err
}

func (s *doctorSource) Database(ctx context.Context) (doctor.Database, error) {
	return s.app.reader.Doctor(ctx)
}

func (s *doctorSource) Service(ctx context.Context) (verifyservice.Service, doctor.Offset, error) {
	return s.app.reader.ServiceOf(ctx, s.ours)
}

func (s *doctorSource) Access(ctx context.Context) (verifyservice.Access, error) {
	return s.app.reader.AccessOf(ctx, s.ours)
}

func (s *doctorSource) UzerpService(ctx context.Context) (verifyservice.Service, error) {
	service, _, err := s.app.reader.ServiceOf(ctx, s.theirs)
	return service, err
}

func (s *doctorSource) AuditLog() (doctor.LogFile, error) {
	path := s.app.auditLog(forChanges)
	exists, err := audit.Examine(path)
	return doctor.LogFile{Path: path, Exists: exists}, err
}

// Skips implements doctor.Source. What can't be read is not known; other checks are about the log itself.
func (s *doctorSource) Skips(ctx context.Context) doctor.Skips { return s.app.skips(ctx) }

func (s *doctorSource) AuditChain(ctx context.Context) (doctor.Chain, error) {
	path := s.app.auditLog(forReading)
	log, err := audit.OpenFiles(ctx, path)
	if err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return doctor.Chain{Path: path, None: true}, nil
		}
		return doctor.Chain{}, err
	}
	defer func() { _ = log.Close() }()
	report, err := log.Verify("")
	if err != nil {
		return doctor.Chain{}, err
	}
	chain := doctor.Chain{Path: path, Records: report.Records, Open: len(report.Open), TornTail: report.TornTail(), Doubt: log.Doubt}
	for _, f := range report.Findings {
		chain.Findings = append(chain.Findings, f.Message)
	}
	return chain, nil
}
