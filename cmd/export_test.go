package cmd

import "os"

// RunForTests is Run with a policy and a log of the machine where the tests say. The shipped program has no such
// variables.
func RunForTests() int {
	machineRoot = "machine"
	return run(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv,
		Policy: os.Getenv("TEST_POLICY"), MachineAuditLog: os.Getenv("TEST_SYSTEM_LOG")})
}

// CommandWith returns the command line that is proposed in place of args, with other user names in it.
func CommandWith(args []string, names map[string]string) (string, error) {
	c, rest, err := newRootCmd(newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv})).Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err != nil {
		return "", err
	}
	return commandWith(c, c.Flags().Args(), names), nil
}
