package cmd

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/sessionconfig"
)

func newSessionConfigCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "session-config",
		Short: "Check, plan and set how long uzERP's sessions last",
		Long: `Checks uzERP's session settings as uzERP itself reads them, says what a choice of limits means in logins and money, and
writes the limits into conf/.env. uzerp-mfa help session-config lists every finding.`,
		Annotations: exitCodes(),
		Example: `  uzerp-mfa session-config check --uzerp-root /var/www/uzerp
  uzerp-mfa session-config plan --users 25
  uzerp-mfa session-config set --manage on --activity-timeout 30m --max-age 8h`,
		Args: cobra.ArbitraryArgs,
		RunE: runGroup,
	}
	c.AddCommand(newSessionConfigCheckCmd(app), newSessionConfigPlanCmd(app), newSessionConfigSetCmd(app))
	return c
}

// sessionPlace says where the session settings are: in the installation's conf/.env unless envFile names another file.
func (a *App) sessionPlace(envFile, phpIni string) (sessionconfig.Place, error) {
	at := sessionconfig.Place{EnvFile: envFile, PHPIni: phpIni, Root: "/"}
	if users := installation.WebUsers(a.loader.WebUsers); len(users) > 0 {
		at.WebUser = users[0]
	}
	if envFile != "" {
		return at, nil
	}
	var err error
	at.Installation, err = a.loader.Installation()
	if err == nil && at.Installation == nil {
		err = errs.New(errs.Config, "no uzERP directory is known, so there is no conf/.env to look at",
			"name uzERP's directory with --uzerp-root, or the file with --file")
	}
	return at, err
}

// registerEnvFile adds the flag that names another file than the installation's conf/.env.
func registerEnvFile(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "file", "", "the settings file, if not conf/.env of uzERP's directory")
}

// registerPHPIni adds the flag that names one of PHP's settings files.
func registerPHPIni(f *pflag.FlagSet, file *string) {
	f.StringVar(file, sessionconfig.FlagPHPIni, "", "PHP's settings file, if not those of every PHP under /etc/php")
}

// registerLimits adds the flags of the two limits.
func registerLimits(f *pflag.FlagSet, activity, maxAge *limitValue) {
	f.Var(activity, sessionconfig.FlagActivityTimeout, "time without a click after which a session ends, for example 30m")
	f.Var(maxAge, sessionconfig.FlagMaxAge, "time after which a session ends in any case, for example 8h or 7d")
}

// limitValue is a duration: 30m, 8h, 1h30m, 7d, or a plain number of seconds as in conf/.env.
type limitValue struct {
	duration time.Duration
	given    bool
}

// String returns the value as pflag shows a default: none if it was not given.
func (v *limitValue) String() string {
	if !v.given {
		return ""
	}
	return v.duration.String()
}

// Type names the value in a flag's help.
func (v *limitValue) Type() string { return "time" }

// Set reads the value.
func (v *limitValue) Set(text string) error {
	d, err := parseLimit(text)
	if err == nil {
		v.duration, v.given = d, true
	}
	return err
}

func (v *limitValue) wanted() *time.Duration {
	if !v.given {
		return nil
	}
	return &v.duration
}

// parseLimit reads a duration, or a plain number of seconds as in conf/.env.
func parseLimit(text string) (time.Duration, error) {
	d, err := times(text, time.Second)
	if errors.Is(err, strconv.ErrSyntax) {
		d, err = parseDuration(text)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is too long", text)
	case err != nil:
		return 0, fmt.Errorf("%q is no duration: write 30m, 8h, 7d or a number of seconds", text)
	}
	return d, nil
}
