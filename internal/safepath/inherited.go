package safepath

import (
	"strconv"

	"uzerp-mfa/internal/pattern"
)

var inherited = pattern.Lazy(`^(?:/dev/stdin|(?:/dev|/proc/self)/fd/([0-9]{1,4}))$`)

// Inherited reports whether path names a file that the caller has opened for this process, such as <(command) of a shell,
// and returns its descriptor.
func Inherited(path string) (fd int, is bool) {
	number := inherited().FindStringSubmatch(path)
	if number == nil {
		return 0, false
	}
	fd, _ = strconv.Atoi(number[1]) // without a number it is stdin, which is 0
	return fd, true
}
