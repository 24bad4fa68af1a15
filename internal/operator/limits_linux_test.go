package operator

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"uzerp-mfa/internal/sharedtest"
)

// A limit that is too low is raised, or it is an error. The test binary is also the process that has the limits.
func TestLiftLimits(t *testing.T) {
	if os.Getenv("LIFT_LIMITS") != "" {
		var processes unix.Rlimit // each shell has another letter for this one
		if err := unix.Getrlimit(unix.RLIMIT_NPROC, &processes); err != nil {
			t.Fatal(err)
		}
		if processes.Cur = 1; os.Getenv("LIFT_LIMITS") == "hard" {
			processes.Max = 1
		}
		if err := unix.Setrlimit(unix.RLIMIT_NPROC, &processes); err != nil {
			t.Fatal(err)
		}
		err := LiftLimits()
		for _, l := range limits {
			var now unix.Rlimit
			if getErr := unix.Getrlimit(l.resource, &now); getErr != nil || err == nil && now.Cur < l.least {
				t.Errorf("%s: %d, %v", l.name, now.Cur, getErr)
			}
		}
		if getErr := unix.Getrlimit(unix.RLIMIT_NPROC, &processes); getErr != nil || err == nil && processes.Cur < 100 {
			t.Errorf("processes: %d, %v", processes.Cur, getErr)
		}
		if err != nil && (os.Getenv("LIFT_LIMITS") == "soft" || !errors.Is(err, unix.EPERM)) {
			t.Error(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		sharedtest.LeaveOut(t, sharedtest.Root, errors.New("only root raises limits"))
	}
	for _, kind := range []string{"soft", "hard"} {
		for _, limit := range []string{"f 0", "n 100", "t 60", "d 1000000"} {
			shell := "ulimit -" + limit + `; exec "$0" -test.run '^TestLiftLimits$'`
			if kind == "soft" {
				shell = strings.Replace(shell, "ulimit", "ulimit -S", 1)
			}
			c := exec.CommandContext(t.Context(), "sh", "-c", shell, os.Args[0])
			c.Env = append(os.Environ(), "LIFT_LIMITS="+kind)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v\n%s", kind, limit, err, out)
			}
		}
	}
}
