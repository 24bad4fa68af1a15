package audit

import (
	"cmp"
	"os"
	"strings"

	"uzerp-mfa/internal/account"
	"uzerp-mfa/internal/operator"
)

// Actor is the person who ran the command, as far as the process can know. Somebody who controls the environment or the
// account can forge everything except Host and PID.
type Actor struct {
	User      string `json:"user"`       // the process's user in the operating system: its name, or without one "uid 12345"
	SudoUser  string `json:"sudo_user"`  // the user who called sudo, doas or pkexec, or empty
	SSHClient string `json:"ssh_client"` // the SSH client's address, or empty: sudo drops it unless env_keep names it
	Host      string `json:"host"`
	PID       int    `json:"pid"`
}

// longestActor is how many bytes of a field of an Actor stay: an address and a host have fewer.
const longestActor = 256

// CurrentActor returns what the operating system and the environment say. A field that can't be found out stays empty;
// it is never guessed. A field that is too long for what it should be is shortened.
func CurrentActor(getenv func(string) string) Actor {
	a := Actor{User: account.Name(os.Getuid()), SudoUser: getenv("SUDO_USER"), PID: os.Getpid()}
	switch caller, err := operator.CalledBy(getenv); {
	case caller != nil:
		a.SudoUser = caller.Name // doas and pkexec may let a caller keep any SUDO_USER
	case err != nil: // the variables contradict each other, or name nobody
		a.SudoUser = ""
	}
	for _, name := range []string{"SSH_CLIENT", "SSH_CONNECTION"} { // both begin with the address
		if fields := strings.Fields(getenv(name)); a.SSHClient == "" && len(fields) > 0 {
			a.SSHClient = fields[0]
		}
	}
	a.Host, _ = os.Hostname() // without one the field stays empty
	for _, field := range []*string{&a.User, &a.SudoUser, &a.SSHClient, &a.Host} {
		*field = shorten(*field, longestActor)
	}
	return a
}

// Operator returns the name of the person: that of sudo's caller, or that of the process's user.
func (a Actor) Operator() string { return cmp.Or(a.SudoUser, a.User) }

// Is reports whether username is the operator's own uzERP user. That is self, if the operator gave it. Otherwise it is
// a user with the same name as the process's user or the caller of sudo.
func (a Actor) Is(username, self string) bool {
	if self != "" {
		return username == self
	}
	return username != "" && (username == a.User || username == a.SudoUser)
}
