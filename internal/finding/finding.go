// Package finding has the one shape of "something was found", for every check of this program.
package finding

// Severity says how much something that a check found matters.
type Severity string

// The severities: an error hurts the site now or leaves it without the protection that it believes to have, a warning
// is likely not meant, and info is what one should know, or what could not be looked at.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Severities gives them in the order of their weight.
func Severities() []Severity { return []Severity{Error, Warning, Info} }
