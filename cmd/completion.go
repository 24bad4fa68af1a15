package cmd

import (
	"bytes"
	"context"
	_ "embed" // for go:embed
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/mfa"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/sessionconfig"
	"uzerp-mfa/internal/shell"
)

func newCompletionCmd(app *App) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: "Prints a script that lets the shell complete commands, flags and user names.\n" +
			"Zsh and fish quote what they insert. For the others user names that must be quoted are left out.",
		Annotations: exitCodes(),
		Example:     "  source <(uzerp-mfa completion bash)\n  uzerp-mfa completion zsh > \"${fpath[1]}/_uzerp-mfa\"",
		ValidArgs:   shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("one shell is needed: bash, zsh, fish or powershell", "")
			}
			return nil
		},
	}
	c.RunE = app.run([]string{formatTable}, func(_ context.Context, args []string) error {
		root, out := c.Root(), app.streams.Out
		var script bytes.Buffer
		switch args[0] {
		case "bash":
			return errors.Join(root.GenBashCompletionV2(&script, true), adapted(out, script.String(), bashChanges))
		case "zsh":
			return errors.Join(root.GenZshCompletion(&script), adapted(out, script.String(), zshChanges))
		case "fish":
			return errors.Join(root.GenFishCompletion(&script, true), adapted(out, script.String(), fishChanges))
		case "powershell":
			return root.GenPowerShellCompletionWithDesc(out)
		}
		return usageError(fmt.Sprintf("no completion for the shell %q", args[0]), "the shells are bash, zsh, fish and powershell")
	})
	return c
}

// completingShell is set by the scripts of the shells that quote what they insert.
const completingShell = "UZERP_MFA_COMPLETING_SHELL"

// unquoteFunction is a function of bash's script.
//
//go:embed unquote.bash
var unquoteFunction string

// change is a part of a script of cobra's, and what stands there instead.
type change struct{ was, is string }

// Bash keeps only proposals that begin with what was typed, letter for letter. This program has chosen by then. Cobra's script gives
// the line to eval, which runs what stands in it: a command in $(...) before Enter is pressed, and it empties the file of a
// redirection. Here the words lose their quotes, and nothing else happens to them; of eval is left what an alias needs.
var bashChanges = []change{
	{`[[ $comp == "$cur"* ]] || continue`, `# the program has chosen, without letter case`},
	{`if [[ "${completions[*]}" != *$tab* ]]; then`, `if false; then # this way compares letter case`},
	{`COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")`, `COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")
        COMPREPLY[0]=${COMPREPLY[0]//\\,/,} # a comma needs no quotes`},
	{`__uzerp-mfa_get_completion_results() {`, unquoteFunction + "\n__uzerp-mfa_get_completion_results() {"},
	{`local requestComp lastParam lastChar args`, `local lastParam lastChar args word`},
	{`    args=("${words[@]:1}")
    requestComp="${words[0]} __complete ${args[*]}"
`, `    args=()
    for word in "${words[@]:1}"; do
        __uzerp-mfa_unquote "$word"
        args+=("$REPLY")
    done
`},
	{`requestComp="${requestComp} ''"`, `[[ -z ${lastParam} ]] || args+=('')`},
	{`__uzerp-mfa_debug "Calling ${requestComp}"
    # Use eval to handle any environment variables and such
    out=$(eval "${requestComp}" 2>/dev/null)`, `if [[ ${words[0]} == *[^A-Za-z0-9_./~+-]* ]]; then
        __uzerp-mfa_unquote "${words[0]}"
        out=$("$REPLY" __complete "${args[@]}" 2>/dev/null)
    else # this way it may be an alias
        out=$(eval "${words[0]}"' __complete "${args[@]}"' 2>/dev/null)
    fi`},
}

// Zsh does the same, unless it is told a matcher. It quotes what it inserts, and has a way of its own to take quotes away.
var zshChanges = []change{
	{`words=("${=words[1,CURRENT]}")`, `words=(${=aliases[$words[1]]:-"$words[1]"} "${(@)words[2,CURRENT]}")`},
	{`requestComp="${words[1]} __complete ${words[2,-1]}"
`, `words=("${(@Q)words/#\~\//${(q)HOME}/}")
`},
	{`requestComp="${requestComp} \"\""`, `:`},
	{`__uzerp-mfa_debug "About to call: eval ${requestComp}"

    # Use eval to handle any environment variables and such
    out=$(eval ${requestComp} 2>/dev/null)`, `out=$(` + completingShell + `=zsh "${words[1]}" __complete "${(@)words[2,-1]}" 2>/dev/null)`},
	{`completions $flagPrefix $noSpace; then`, `completions $flagPrefix $noSpace -M "'m:{a-zA-Z}={A-Za-z}'"; then`},
}

// Fish quotes what it inserts. It hands over earlier words without their quotes, so that eval would run them, and the last one
// with its quotes, which no name has.
var fishChanges = []change{
	{`(string escape -- (commandline -ct))`, `(string escape -- (string unescape -- (commandline -ct) 2>/dev/null; or commandline -ct))`},
	{`    if test $filefilter -eq 1; or test $dirfilter -eq 1`, `    if test $dirfilter -eq 1
        set -l flag (string match -r -- '^-[^=]*=' (commandline -ct))
        set -g __uzerp_mfa_comp_results "$flag"(__fish_complete_directories (string replace -- "$flag" '' (commandline -ct)) '')
        return 0
    end
    if test $filefilter -eq 1`},
	{`"UZERP_MFA_ACTIVE_HELP=0 $args[1] __complete $args[2..-1] $lastArg"`,
		`"UZERP_MFA_ACTIVE_HELP=0 ` + completingShell + `=fish "(string escape -- (string replace -r -- '^~/' "$HOME/" $args[1]))" __complete "` +
			`(string join ' ' -- (string escape -- $args[2..-1]) $lastArg)`},
}

// adapted writes a script of cobra's with our changes.
func adapted(out io.Writer, script string, changes []change) error {
	for _, c := range changes {
		if strings.Count(script, c.was) != 1 {
			return fmt.Errorf("cobra's script has not once: %s", c.was)
		}
		script = strings.Replace(script, c.was, c.is, 1)
	}
	_, err := io.WriteString(out, script)
	return err
}

const (
	completionLimit = 2 * time.Second
	maxCompletions  = 200
)

// completeUsernames returns the names for the shell's completion, each with its person. Bash would run what needs quotes, so
// it gets bare names only; zsh and fish quote what they insert, and get all names that a screen shows as they are. If anything
// fails, the shell gets no names and no message.
func (a *App) completeUsernames(c *cobra.Command, prefix string) []mfa.Proposal {
	ctx, cancel := context.WithTimeout(context.Background(), completionLimit)
	defer cancel()
	if a.loader.CheckFlags() != nil || a.readPolicy(c) != nil {
		return nil
	}
	quotes := slices.Contains([]string{"zsh", "fish"}, a.getenv(completingShell))
	found, err := a.reader.Usernames(ctx, prefix, !quotes, maxCompletions)
	if err != nil {
		return nil
	}
	return proposable(found, prefix, quotes)
}

// proposable returns of the names found those that may be proposed: to a shell that quotes what it inserts, others than bare ones
// too. If some begin with prefix letter for letter, the others are left out.
func proposable(found []mfa.Proposal, prefix string, quotes bool) []mfa.Proposal {
	found = slices.DeleteFunc(found, func(p mfa.Proposal) bool { return !shell.IsBare(p.Username) && (!quotes || !isShownAsItIs(p.Username)) })
	as := slices.IndexFunc(found, func(p mfa.Proposal) bool { return !strings.HasPrefix(p.Username, prefix) })
	if as > 0 { // letter for letter comes first
		found = found[:as]
	}
	return found
}

// isShownAsItIs reports whether a name can stand on a line that somebody edits: nothing in it is invisible, and it begins like
// neither a flag nor a path. A backslash means something to zsh's own function for proposals.
func isShownAsItIs(name string) bool {
	return name != "" && output.EscapeName(name) == name && !strings.Contains(name, `\`) && !strings.ContainsAny(name[:1], "-~=#")
}

// completeUsers completes up to limit user names (0: any number), none of them twice.
func (a *App) completeUsers(limit int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var lines []string
		for _, p := range a.completeUsernames(c, toComplete) {
			if !slices.Contains(args, p.Username) {
				lines = append(lines, cobra.CompletionWithDesc(p.Username, output.Escape(p.Person)))
			}
		}
		return lines, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeValues completes a flag that takes one of a few words.
func completeValues(c *cobra.Command, flag string, values ...string) {
	complete(c, flag, func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		return beginning(toComplete, values), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeList completes a flag that takes several of a few words, with commas between them.
func completeList(c *cobra.Command, flag string, values ...string) {
	complete(c, flag, func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		before := toComplete[:strings.LastIndexByte(toComplete, ',')+1]
		given := strings.Split(before, ",")
		var lists []string
		for _, value := range values {
			alone := value == allColumns && before != "" || slices.Contains(given, allColumns) // all stands alone
			if !alone && !slices.Contains(given, value) {
				lists = append(lists, before+value)
			}
		}
		return beginning(toComplete, lists), cobra.ShellCompDirectiveNoFileComp
	})
}

func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // a misspelled flag
	}
}

func beginning(with string, values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !strings.HasPrefix(v, with) })
}

// The flags whose value is a path.
var (
	fileFlags = []string{audit.Flag, config.FlagEnvFile, "from-file", "png", "html", "file", sessionconfig.FlagPHPIni}
	dirFlags  = []string{config.FlagUzerpRoot, "html-dir"}
	userFlags = []string{"user", "self"} // the value is a user name
)

// completeTheRest decides for every command and flag what nothing else has decided. Without that a shell proposes files.
func (a *App) completeTheRest(c *cobra.Command) {
	if c.ValidArgsFunction == nil && c.ValidArgs == nil && !c.HasSubCommands() && c.Name() != "sandbox" { // which runs any command
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has || f.Value.Type() == "bool" || slices.Contains(fileFlags, f.Name) {
			return
		}
		switch {
		case slices.Contains(dirFlags, f.Name):
			complete(c, f.Name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveFilterDirs
			})
		case slices.Contains(userFlags, f.Name):
			complete(c, f.Name, func(c *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
				return a.completeUsers(0)(c, nil, toComplete)
			})
		default:
			complete(c, f.Name, cobra.NoFileCompletions)
		}
	})
	for _, child := range c.Commands() {
		a.completeTheRest(child)
	}
}
