package cmd

import "os"

// RunForTests is Run with a policy and a log of the machine where the tests say. The shipped program has no such
// variables.
func RunForTests() int {
	machineRoot = "machine"
	return run(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv,
		Policy: os.Getenv("TEST_POLICY"), MachineAuditLog: os.Getenv("TEST_SYSTEM_LOG")})
}
