// Command usage runs a program and says what it took: usage PROGRAM ARGUMENT... writes to descriptor 3 the time, the time of
// the processor (both in nanoseconds) and the peak of memory in KiB, and ends as the program did.
//
// Its law: it is small itself. The kernel counts the memory of the process that starts a program as the program's own, until
// the program has more. So a big process, such as a test with a million users, can't measure a small program.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, fmt.Errorf("which program?")
	}
	report := os.NewFile(3, "descriptor 3")
	if report == nil {
		return 2, fmt.Errorf("there is no descriptor 3")
	}
	syscall.CloseOnExec(3)
	began := time.Now()
	process, err := os.StartProcess(args[0], args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 2, err
	}
	state, err := process.Wait()
	took := time.Since(began)
	if err != nil {
		return 2, err
	}
	rusage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 2, fmt.Errorf("the system does not say what a process took")
	}
	if _, err := fmt.Fprintln(report, took.Nanoseconds(), (state.UserTime() + state.SystemTime()).Nanoseconds(), rusage.Maxrss); err != nil {
		return 2, err
	}
	if state.ExitCode() < 0 { // by a signal
		return 2, fmt.Errorf("%s: %s", args[0], state)
	}
	return state.ExitCode(), nil
}
