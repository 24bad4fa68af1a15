package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"uzerp-mfa/internal/errs"
)

// Run runs a command with the sandbox's settings and without those that would lead to a real database or account. It returns
// the command's exit code, which is 128 and the signal's number if a signal ended it, as a shell says it. When ctx ends, the
// command gets SIGTERM and some seconds.
func (s *Sandbox) Run(ctx context.Context, command []string, in, out, errOut *os.File) (code int, err error) {
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = in, out, errOut
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !Shadowing(name) {
			child.Env = append(child.Env, variable)
		}
	}
	child.Env = append(child.Env, s.Env()...)
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 10 * time.Second
	err = child.Run()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, &errs.Error{Kind: errs.Usage, Err: fmt.Errorf("run the command: %w", err)}
	}
	return 0, nil
}
