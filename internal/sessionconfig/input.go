package sessionconfig

import (
	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/installation/php"
	"uzerp-mfa/internal/installation/webconf"
)

// The settings that are judged here, all in conf/.env.
const (
	Manage          = "UZERP_MANAGE_USER_SESSIONS"
	ActivityTimeout = "USER_ACTIVITY_TIMEOUT_SECS"
	MaxAge          = "USER_SESSION_MAX_AGE_SECS"

	AccountSID = installation.AccountSID
	AuthToken  = installation.AuthToken
	ServiceSID = installation.ServiceSID
)

// SessionSettings returns the names of the session settings, in the order in which they are shown.
func SessionSettings() []string { return []string{Manage, ActivityTimeout, MaxAge} }

// TwilioSettings returns the names of the settings that uzERP needs for its second factor.
func TwilioSettings() []string { return []string{AccountSID, AuthToken, ServiceSID} }

// Input is all that a check looks at.
type Input struct {
	Env          installation.EnvFile
	Installation *installation.Installation // for its conf/config.php; nil if the user named a file and no directory
	// PHP has the settings of each part of PHP that may serve uzERP's pages, and those of the command line, which the system's
	// clean-up asks too.
	PHP []*php.Ini
	// NotRead are files with settings of PHP's that were not read.
	NotRead []file.NotRead
	// Same returns the ways in which a directory and those above it are known: two texts may mean one directory. nil compares texts.
	Same func(dir string) []string
	// PHPProblem says why no php.ini could be looked at, "" if some were or there are none.
	PHPProblem string
	// Web says what the web server's configuration does with conf/.env; nil for a draft elsewhere.
	Web     *webconf.Report
	Cleaner installation.SessionCleaner
	WebUser installation.WebUser // the user that the web server probably runs as; Name is "" if it isn't known
	Looked  []file.Facts         // the files that were looked at
}
