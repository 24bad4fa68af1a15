package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newSessionConfigCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "session-config",
		Short: "Check, plan and set how long uzERP's sessions last",
		Long: `Judges uzERP's session settings as uzERP itself reads them, says what a choice of limits means in logins and money, and
writes the limits into conf/.env. docs/session-config.md lists every finding.

` + exitCodes(),
		Example: `  uzerp-mfa session-config check --uzerp-root /var/www/uzerp
  uzerp-mfa session-config plan --users 25
  uzerp-mfa session-config set --manage on --activity-timeout 30m --max-age 8h`,
		Args: cobra.ArbitraryArgs,
		RunE: runGroup,
	}
	c.AddCommand(newSessionConfigCheckCmd(app), newSessionConfigPlanCmd(app), newSessionConfigSetCmd(app))
	return c
}

// registerEnvFile adds the flag that names another file than the installation's conf/.env.
func registerEnvFile(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "file", "", "the settings file, if not conf/.env of uzERP's directory")
}

// registerPHPIni adds the flag that names one of PHP's settings files.
func registerPHPIni(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "php-ini", "", "PHP's settings file, if not those of every PHP under /etc/php")
}

// registerLimits adds the flags of the two limits.
func registerLimits(f *pflag.FlagSet, activity, maxAge *limitValue) {
	f.Var(activity, "activity-timeout", "time without a click after which a session ends, for example 30m")
	f.Var(maxAge, "max-age", "time after which a session ends in any case, for example 8h or 7d")
}

// limitValue is a duration: 30m, 8h, 1h30m, 7d, or a plain number of seconds as in conf/.env.
type limitValue struct {
	duration time.Duration
	given    bool
}

// String gives the value as pflag shows a default: none if it was not given.
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

func parseLimit(text string) (time.Duration, error) {
	const most = int64(1<<63-1) / int64(24*time.Hour)
	if n, err := strconv.ParseInt(strings.TrimSuffix(text, "d"), 10, 64); err == nil {
		unit := time.Second
		if strings.HasSuffix(text, "d") {
			unit = 24 * time.Hour
		}
		if n < -most || n > most {
			return 0, fmt.Errorf("%q is too long", text)
		}
		return time.Duration(n) * unit, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write 30m, 8h, 7d or a number of seconds", text)
	}
	return d, nil
}

// brief writes a duration as the flags take it: 30m, 8h, 7d.
func brief(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0 && d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return strings.TrimSuffix(d.String(), "0s")
	}
}
