package cmd

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/errs"
)

// A CommandHelp is what the help says about one command, in parts: scripts/man makes a manual page of it.
type CommandHelp struct {
	Name      string // "uzerp-mfa user list"
	Short     string
	Usage     string
	Examples  string
	Flags     []FlagHelp
	Global    []FlagHelp // of every command; the program alone has them
	About     string
	ExitCodes string // one a line
	Topic     docs.Topic
	Above     string   // the command that it belongs to, or ""
	Below     []string // the commands that belong to it
}

// A FlagHelp is what the help says about one flag.
type FlagHelp struct{ Name, Short, Value, Text string }

// Manual returns the help of the program, and of every command that is not hidden.
func Manual() (all []CommandHelp) {
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		h := CommandHelp{Name: c.CommandPath(), Short: c.Short, Usage: useLine(c), Examples: c.Example, Flags: flagHelps(ownFlags(c))}
		h.About, h.ExitCodes = c.Long, exitLines(exitsOf(c))
		h.Topic, _ = topicAbout(c)
		if c.HasParent() {
			h.Above = c.Parent().CommandPath()
		} else {
			h.Global = flagHelps(c.PersistentFlags())
			h.ExitCodes = exitLines(exits(func(errs.Kind) bool { return true }))
		}
		h.ExitCodes = strings.TrimSuffix(h.ExitCodes, "\n")
		at := len(all)
		all = append(all, h)
		for _, sub := range visible(c) {
			all[at].Below = append(all[at].Below, sub.CommandPath())
			add(sub)
		}
	}
	add(looseTree())
	return all
}

func flagHelps(flags *pflag.FlagSet) (all []FlagHelp) {
	flags.VisitAll(func(f *pflag.Flag) {
		value, text := flagHelp(f)
		all = append(all, FlagHelp{f.Name, f.Shorthand, value, text})
	})
	return all
}
