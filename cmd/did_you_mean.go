package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/alike"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/shell"
)

// takeUsers returns the users of a command that only reads: the first n of the texts may be user names, e-mail addresses
// or parts of persons' names, the rest are user names of the list's file. It says whom it took.
func (a *App) takeUsers(ctx context.Context, store mfa.Reader, list *nameList, texts []string, n int) ([]mfa.User, error) {
	all, err := a.reader.AllUsers(ctx)
	if err != nil {
		return nil, err
	}
	users, taken, err := mfa.Take(ctx, store, all, texts[:n])
	if err != nil {
		return nil, err
	}
	for _, f := range taken {
		if u, _ := f.User(); u.Username != f.Text {
			a.streams.Notef("%q is taken as %s.", f.Text, personOf(u, f.Text))
		}
	}
	exact, err := list.lookup(ctx, store, texts[n:])
	for _, u := range exact {
		if !slices.ContainsFunc(users, func(o mfa.User) bool { return o.Username == u.Username }) {
			users = append(users, u)
		}
	}
	return users, err
}

// personOf returns a user and the person as in: alice (Alice Archer). If the user name only looks like what was typed, it
// says in what it differs. A name that could be read as more than a name stands in quotes.
func personOf(u mfa.User, typed string) string {
	name := mfa.Names([]string{u.Username}, 1)
	if shell.IsBare(u.Username) && len(u.Username) <= longestPlain {
		name = u.Username
	}
	var more []string
	switch {
	case u.Person == "":
	case isPlainName(u.Person):
		more = append(more, u.Person)
	default:
		more = append(more, mfa.Names([]string{u.Person}, 1))
	}
	if d := alike.Differences(typed, u.Username); len(d) > 0 {
		more = append(more, "differs in "+strings.Join(d, " and "))
	}
	if len(more) == 0 {
		return name
	}
	return name + " (" + strings.Join(more, "; ") + ")"
}

// longestPlain is how many bytes a name may have to stand without quotes.
const longestPlain = 60

func isPlainName(name string) bool {
	return len(name) <= longestPlain && output.Escape(name) == name && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’-.", r)
	})
}

// proposeUsers adds to the error about a user whom nobody knows who may be meant, and the command that does what was asked
// for: with the flags that were given, and the right name. All commands get it here.
func (a *App) proposeUsers(ctx context.Context, c *cobra.Command, args []string, err error) error {
	var found []mfa.Found
	if unclear, ok := errors.AsType[*mfa.UnclearError](err); ok {
		found = unclear.Found
	} else if unknown, ok := errors.AsType[*mfa.UnknownUsersError](err); ok && len(unknown.Names) <= mostProposed {
		all, failed := a.reader.AllUsers(ctx)
		if failed == nil {
			found, failed = mfa.Propose(all, unknown.Names)
		}
		if failed != nil {
			return err // that the name is unknown is true all the same
		}
	}
	hint := proposal(c, args, found)
	if hint == "" {
		return err
	}
	return &errs.Error{Kind: errs.KindOf(err), Err: err, Hint: errs.Plain(hint)}
}

const (
	mostProposed = 10 // for how many unknown names users are proposed
	mostShown    = 5  // how many users are proposed for a name
	mostArgs     = 20 // how many arguments a proposed command may have
)

// proposal returns who may be meant, and the whole command if that is one user for each name.
func proposal(c *cobra.Command, args []string, found []mfa.Found) string {
	var parts []string
	names := map[string]string{}
	for _, f := range found {
		if f.Best == 0 {
			continue
		}
		who := candidates(f)
		if len(found) > 1 {
			who += fmt.Sprintf(" for %q", mfa.Brief(f.Text))
		}
		parts = append(parts, who)
		if u, ok := f.User(); ok {
			names[f.Text] = u.Username
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := "did you mean " + strings.Join(parts, ", ") + "?"
	if len(names) < len(found) {
		return text
	}
	for name := range names {
		if !slices.Contains(args, name) {
			return text + " Correct the file of names"
		}
	}
	if len(args) > mostArgs {
		return text
	}
	command := commandWith(c, args, names)
	if !canBeCopied(command) {
		return text + " The name can't be copied from the screen: uzerp-mfa user list -o jsonl writes it into a file for --from-file"
	}
	return text + " " + command
}

// candidates returns the users who fit best, as a sentence lists them.
func candidates(f mfa.Found) string {
	best := f.BestCandidates()
	var who []string
	for _, u := range best[:min(len(best), mostShown)] {
		who = append(who, personOf(u, f.Text))
	}
	more := f.Best - len(who)
	switch last := len(who) - 1; {
	case more > 0:
		return strings.Join(who, ", ") + fmt.Sprintf(" or %d more", more)
	case last > 0:
		return strings.Join(who[:last], ", ") + " or " + who[last]
	}
	return who[0]
}

// commandWith returns the command line that was typed, with other user names in it, and with these flags first, each as it is
// typed: "--identify sms". A flag that was given is left out if it is among these. Every "this command again" comes from here.
func commandWith(c *cobra.Command, args []string, names map[string]string, flags ...string) string {
	words := append([]string{c.CommandPath()}, flags...)
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.ContainsFunc(flags, func(other string) bool { return strings.Fields(other)[0] == "--"+f.Name }) {
			words = append(words, spelled(f))
		}
	})
	uses := strings.Fields(c.Use)[1:]
	var rest []string
	dashes := false
	for i, arg := range args {
		switch name, ok := names[arg]; {
		case i > 0 && !strings.HasSuffix(uses[0], "..."): // a code
			arg, _, _ = strings.Cut(strings.Trim(uses[min(i, len(uses)-1)], "[]"), "|")
		case ok:
			arg = name
		}
		dashes = dashes || strings.HasPrefix(arg, "-")
		rest = append(rest, shell.Word(arg))
	}
	if dashes {
		words = append(words, "--")
	}
	return strings.Join(append(words, rest...), " ")
}

// spelled returns a flag with its value, or with a word in capitals if the value may be one that a message must not repeat, or
// one that can't be copied from the screen.
func spelled(f *pflag.Flag) string {
	value, kind := f.Value.String(), f.Value.Type()
	switch {
	case kind == "bool" && value == "true":
		return "--" + f.Name
	case kind == "stringSlice":
		value = strings.Trim(value, "[]")
	case kind == "string" && !slices.Contains(openFlags, f.Name), !canBeCopied(shell.Word(value)):
		value = cmp.Or(valueNames[f.Name], strings.ToUpper(f.Name))
	}
	if kind == "bool" || strings.HasPrefix(value, "-") || value == "" {
		return "--" + f.Name + "=" + shell.Word(value)
	}
	return "--" + f.Name + " " + shell.Word(value)
}

// openFlags are the flags with a text that a message may repeat.
var openFlags = []string{
	"output", "audit-log", "uzerp-root", "env-file", "reason", "ticket", "identify", "channel", "region", "verified-by", "self",
	"from-file", "qr", "png", "html", "html-dir", "factor", "state", "access", "match", "sort", "only", "since", "until", "php-ini",
}

// valueNames are words for the values of the others: a phone number, and an address that could hold a password.
var valueNames = map[string]string{"to": "NUMBER", "database-url": "URL"}
