package audit

import (
	"os"
	"os/user"
	"strconv"
	"strings"
)

// Actor is who ran the command, as far as the process can know. All but Host and PID can be forged by who controls the
// environment, or the account.
type Actor struct {
	User      string `json:"user"`       // the operating system's name for the process's user; its number where it has no name
	SudoUser  string `json:"sudo_user"`  // who called sudo, or empty
	SSHClient string `json:"ssh_client"` // address of the SSH client, or empty: sudo drops it unless env_keep says otherwise
	Host      string `json:"host"`
	PID       int    `json:"pid"`
}

// CurrentActor asks the operating system and the environment. What can't be found out is left empty, never guessed.
func CurrentActor(getenv func(string) string) Actor {
	a := Actor{User: strconv.Itoa(os.Getuid()), SudoUser: getenv("SUDO_USER"), PID: os.Getpid()}
	if u, err := user.LookupId(a.User); err == nil && u.Username != "" {
		a.User = u.Username
	}
	for _, name := range []string{"SSH_CLIENT", "SSH_CONNECTION"} { // both begin with the address
		if fields := strings.Fields(getenv(name)); a.SSHClient == "" && len(fields) > 0 {
			a.SSHClient = fields[0]
		}
	}
	a.Host, _ = os.Hostname() // without one the field stays empty
	return a
}

// Is tells whether username is the operator's own uzERP user: self, which the operator gave, or without it one that has the
// name of the process's user or of sudo's caller.
func (a Actor) Is(username, self string) bool {
	if self != "" {
		return username == self
	}
	return username != "" && (username == a.User || username == a.SudoUser)
}
