package sessionconfig

import (
	"strings"

	"uzerp-mfa/internal/installation"
	"uzerp-mfa/internal/installation/dotenv"
	"uzerp-mfa/internal/pattern"
)

// Hidden stands in the place of a value that is not shown.
const Hidden = installation.Hidden

// harmless matches the values of session settings that can be shown: a number, perhaps with a unit, or a word that says
// yes or no. A token that was pasted into the wrong line is neither.
var harmless = pattern.Lazy(`^[ \t]{0,8}(?i:[-+]?[0-9]{1,40}([.,][0-9]{1,10})?(e[0-9]{1,3})?[ \t]{0,3}` +
	`(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?|` +
	`on|off|true|false|yes|no|y|n|enabled?|disabled?|none|null|never|unlimited)[;,]?[ \t]{0,8}$`)

// Shown returns a session setting's value if it may be printed, or else Hidden.
func Shown(s dotenv.Setting) string {
	value := s.Value.Reveal()
	if value == "" || !s.Borrowed && harmless().MatchString(value) {
		return value
	}
	return Hidden
}

// plainName matches what the name of a setting looks like. Any other name may be a piece of a secret: if a key was
// pasted over several lines, the reader takes each line for a name without a value, or with one if it ends in an equals
// sign, as base64 often does.
var plainName = pattern.Lazy(`^(DB|TWILIO|UZERP|USER|SMTP|MAIL|LDAP|MEMCACHED|REDIS|APP)_[A-Z][A-Z_]{0,40}$`)

func shownName(name string) string {
	if plainName().MatchString(name) {
		return name
	}
	return ""
}

func line(name, value string) string { return name + "=" + value }

func lines(all ...string) string { return strings.Join(all, "\n") }
