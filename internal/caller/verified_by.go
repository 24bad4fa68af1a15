package caller

import (
	"strings"
	"unicode"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/invisible"
)

// The ways in which an operator verifies a caller without a code.
const (
	ByCallBack = "call-back"
	ByInPerson = "in-person"
	ByManager  = "manager:" // followed by the manager's name
)

// longestManager is how many characters a manager's name may have.
const longestManager = 100

// ParseVerifiedBy reads how an operator has verified the caller: ByCallBack, ByInPerson, or ByManager and a name. The
// error is of errs.Usage.
func ParseVerifiedBy(text string) (string, error) {
	if text == ByCallBack || text == ByInPerson {
		return text, nil
	}
	name, ok := strings.CutPrefix(text, ByManager)
	name = strings.TrimSpace(name)
	hidden := strings.IndexFunc(name, func(r rune) bool { return r == unicode.ReplacementChar || invisible.Is(r) }) >= 0
	switch {
	case !ok:
		return "", errs.New(errs.Usage, "a caller is verified by call-back, in-person or manager:NAME", "NAME is the manager who knows the caller")
	case strings.IndexFunc(name, unicode.IsLetter) < 0:
		return "", errs.New(errs.Usage, "the manager's name is missing after manager:", "")
	case hidden || len([]rune(name)) > longestManager:
		return "", errs.New(errs.Usage, "the manager's name must be one line of at most 100 characters", "")
	}
	return ByManager + name, nil
}
