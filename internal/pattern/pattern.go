// Package pattern has regular expressions that cost nothing until they are used: each command would pay at its start for
// those of all others.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns what compiles the regular expression on its first call. Like regexp.MustCompile it panics if text is none.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
