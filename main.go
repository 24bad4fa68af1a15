// Command uzerp-mfa sets up two-factor login to the uzERP ERP system and gets locked-out users back in.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"uzerp-mfa/cmd"
)

func main() {
	// A reader that goes away (| head) must not kill a change half-way: writes then give EPIPE, which output knows. Not
	// signal.Ignore, which the commands run by sandbox would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the program at once
	}()
	os.Exit(cmd.Main(ctx, os.Args[1:], cmd.Process{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv,
	}))
}
