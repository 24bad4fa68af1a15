package cmd

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/finding"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sessionconfig"
)

type sessionConfigCheckOptions struct {
	file   string
	phpIni string
	strict bool
}

func newSessionConfigCheckCmd(app *App) *cobra.Command {
	opts := &sessionConfigCheckOptions{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Check uzERP's session settings",
		Long: `Reads conf/.env exactly as uzERP's own reader does, with PHP's own session settings and the system's clean-up of old
sessions, and says what is wrong, why it matters, and the line to write instead. No password is shown, nothing is changed.
An error ends with 9, with --strict a warning too.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Findings),
		Example: `  uzerp-mfa session-config check
  uzerp-mfa session-config check --strict -o json
  uzerp-mfa session-config check --file ./new.env --php-ini /etc/php.ini`,
		Args: noArgs,
	}
	f := c.Flags()
	registerEnvFile(f, &opts.file)
	registerPHPIni(f, &opts.phpIni)
	registerStrict(f, &opts.strict)
	c.RunE = app.run(oneFormats, func(_ context.Context, _ []string) error { return runSessionConfigCheck(app, opts) })
	return c
}

// fileView is a file that was looked at.
type fileView struct {
	// where it is
	Path string `json:"path"`
	// whether it is there
	Exists bool `json:"exists"`
	// its permissions, in octal digits
	Mode *string `json:"mode"`
	// whose it is
	Owner *string `json:"owner"`
	// its group
	Group *string `json:"group"`
}

func viewFiles(looked []file.Facts) []fileView {
	var views []fileView
	for _, f := range looked {
		v := fileView{Path: f.Path, Exists: f.Exists}
		if f.Exists {
			mode := fmt.Sprintf("%04o", f.Mode.Perm())
			v.Mode = &mode
		}
		if f.Exists && f.UID >= 0 {
			owner, group := strconv.Itoa(f.UID), strconv.Itoa(f.GID)
			if u, err := account.ByUID(f.UID); err == nil {
				owner = u.Name
			}
			if g, err := account.GroupByGID(f.GID); err == nil {
				group = g.Name
			}
			v.Owner, v.Group = &owner, &group
		}
		views = append(views, v)
	}
	return views
}

type sessionCheckView struct {
	SchemaVersion int `json:"schema_version"`
	// what was found, the most severe first
	Findings []findingView `json:"findings"`
	// the values of the session settings, and of Twilio's only set or missing; empty if uzERP can't read the file
	Settings map[string]*string `json:"settings"`
	// the files that were looked at
	Files []fileView `json:"files"`
}

func runSessionConfigCheck(app *App, opts *sessionConfigCheckOptions) error {
	in, err := app.sessionInput(opts.file, opts.phpIni)
	if err != nil {
		return err
	}
	findings := sessionconfig.Check(in)
	if err := showSessionCheck(app, in, findings); err != nil {
		return err
	}
	return verdict(findings, opts.strict, "uzERP's session settings", sessionHint(findings))
}

// sessionInput reads all that a check of the session settings looks at.
func (a *App) sessionInput(envFile, phpIni string) (sessionconfig.Input, error) {
	at, err := a.sessionPlace(envFile, phpIni)
	if err != nil {
		return sessionconfig.Input{}, err
	}
	return sessionconfig.Read(at)
}

// sessionHint names the next step, which is session-config set where that can do it.
func sessionHint(findings []finding.Finding) string {
	for _, f := range findings {
		if f.Severity == finding.Error && (f.ID == "sessions-not-managed" || strings.HasPrefix(f.ID, "limit-")) {
			return "uzerp-mfa session-config set writes these settings; session-config plan helps to choose them"
		}
	}
	return "each finding names the line to write"
}

func showSessionCheck(app *App, in sessionconfig.Input, findings []finding.Finding) error {
	out := app.streams.Out
	if app.flags.output == formatJSON {
		return output.WriteJSON(out, sessionCheckView{
			SchemaVersion: schemaVersion, Findings: viewFindings(app, findings), Settings: sessionSettings(in.Env), Files: viewFiles(in.Looked),
		})
	}
	if in.Env.Settings != nil && in.Env.Misplaced == "" {
		if err := app.writeTable(nil, columnsNamed("setting", "value", "line"), settingRows(in.Env)); err != nil {
			return err
		}
	}
	return writeFindings(app, findings)
}

// sessionSettings returns the settings as scripts see them: of Twilio's only whether they are set, and nothing at all
// of a file that uzERP can't or doesn't read.
func sessionSettings(env installation.EnvFile) map[string]*string {
	settings := map[string]*string{}
	if env.Syntax != nil || env.Misplaced != "" {
		return settings
	}
	for _, name := range sessionconfig.SessionSettings() {
		settings[name] = nil
		if s, ok := env.Settings[name]; ok {
			shown := sessionconfig.Shown(s)
			settings[name] = &shown
		}
	}
	for _, name := range sessionconfig.TwilioSettings() {
		is := "missing"
		if strings.TrimSpace(env.Settings[name].Value.Reveal()) != "" {
			is = "set"
		}
		settings[name] = &is
	}
	return settings
}

func settingRows(env installation.EnvFile) [][]string {
	var rows [][]string
	settings := sessionSettings(env)
	for _, name := range append(sessionconfig.SessionSettings(), sessionconfig.TwilioSettings()...) {
		at, value := "", "missing"
		if s, ok := env.Settings[name]; ok {
			at = fmt.Sprint(s.Line)
		}
		if settings[name] != nil {
			value = *settings[name]
		}
		rows = append(rows, []string{name, value, at})
	}
	return rows
}
