package sessionconfig

import (
	"io/fs"
	"slices"

	"uzerp-mfa/internal/secret"
)

// The settings that are judged here, all in conf/.env.
const (
	Manage          = "UZERP_MANAGE_USER_SESSIONS"
	ActivityTimeout = "USER_ACTIVITY_TIMEOUT_SECS"
	MaxAge          = "USER_SESSION_MAX_AGE_SECS"

	AccountSID = "TWILIO_ACCOUNT_SID"
	AuthToken  = "TWILIO_AUTH_TOKEN"
	ServiceSID = "TWILIO_SERVICE_SID"
)

// SessionSettings gives the names of the session settings, in the order in which they are shown.
func SessionSettings() []string { return []string{Manage, ActivityTimeout, MaxAge} }

// TwilioSettings gives the names of what uzERP must know for its second factor.
func TwilioSettings() []string { return []string{AccountSID, AuthToken, ServiceSID} }

// Input is all that a check looks at.
type Input struct {
	Env       EnvFile
	ConfigPHP ConfigPHP
	PHP       []PHP
	// PHPProblem says why no php.ini could be looked at, "" if some were or there are none.
	PHPProblem string
	Cleaner    Cleaner
	WebUser    WebUser
}

// EnvFile is conf/.env as uzERP's reader sees it.
type EnvFile struct {
	Path      string // as findings name it
	Found     bool
	Misplaced string  // a config/.env, which nothing reads, in its place
	Syntax    *Syntax // the line that the reader rejects; then there are no Settings
	Settings  map[string]Setting
	Oddities  []Oddity
	File, Dir Access
}

// Setting is one value that the reader gives.
type Setting struct {
	Value    secret.Secret
	Line     int
	Borrowed bool // a ${...} in it was replaced: it may hold another setting's value
}

// Syntax is what the reader says of the line that it rejects; Reason holds nothing of the line.
type Syntax struct {
	Line, Column int
	Reason       string
	Fix          string
}

// Oddity is a line that reads differently than it looks. ID and Reason are those of the reader's warning.
type Oddity struct {
	ID            string
	Line, EndLine int
	Name          string // the setting, "" if there is none
	Reason        string
}

// Access is who may do what with a file. Path is "" for one that wasn't looked at.
type Access struct {
	Path     string
	Mode     fs.FileMode
	UID, GID int  // -1 where the system has no such numbers
	ACL      bool // an access list decides beside Mode
}

// WebUser is the user as whom the web server runs, as far as that can be guessed: Name is "" if it isn't known.
type WebUser struct {
	Name string
	UID  int
	GIDs []int
}

// may tells whether the user has the permission that bit is for others (4 read, 1 search), going by the mode alone.
func (u WebUser) may(bit fs.FileMode, a Access) bool {
	switch {
	case u.UID == 0:
		return true
	case u.UID == a.UID:
		bit <<= 6
	case slices.Contains(u.GIDs, a.GID):
		bit <<= 3
	}
	return a.Mode&bit != 0
}

// ConfigPHP is what conf/config.php says of the settings that uzERP takes from conf/.env alone.
type ConfigPHP struct {
	Path       string
	Sets       []ConfigLine // in the order of the file
	Unreadable *ConfigLine  // the first place where only PHP knows what is set; Name is "" if that can be any setting
}

// ConfigLine is an assignment in conf/config.php.
type ConfigLine struct {
	Name string
	Line int
}

// PHP is the configuration of one of PHP's server interfaces.
type PHP struct {
	Name           string // "8.2 fpm", or "" for a file that the user named
	Web            bool   // it serves pages; the command line doesn't
	File           string // where a new line belongs
	MaxLifetime    IniValue
	Probability    IniValue
	CookieSecure   IniValue
	CookieHTTPOnly IniValue
	SavePath       string
	EnvFirst       bool // variables_order has an E
}

// IniValue is a number of php.ini, and where it stands: File is "" for PHP's built-in default.
type IniValue struct {
	Number int64
	Known  bool // false if only PHP could tell
	File   string
	Line   int
}

// Cleaner is the job of Debian and Ubuntu that removes session files older than session.gc_maxlifetime.
type Cleaner struct {
	Path   string // of the timer or the cron entry, "" if there is none
	Active bool
}
