package cmd

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uzerp-mfa/docs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/page"
	"uzerp-mfa/internal/pattern"
)

// commandGroup is a group of commands in the help.
type commandGroup struct {
	title    string
	commands []string
	brief    bool // their names say enough
}

// commandGroups are the groups in the help, in their order.
var commandGroups = []commandGroup{
	{"Help a caller", []string{"assist", "user", "identity", "enroll", "verify", "session"}, false},
	{"Set up the site", []string{"set-injector", "service", "session-config", "grants", "policy", "detach"}, false},
	{"Check and repair", []string{"doctor", "reconcile", "audit-log", "notify"}, false},
	{"Scripts and tests", []string{"sandbox", "completion", "version", "help"}, true},
}

// pipeWidth is how wide help is where it is not shown on a terminal.
const pipeWidth = 80

// helpPrinter lays out help.
type helpPrinter struct {
	width int
	color bool
}

func (a *App) helpPrinter() helpPrinter {
	h := helpPrinter{pipeWidth, a.streams.ColorOut}
	if a.streams.OutTTY {
		h.width = max(40, a.streams.Width())
	}
	return h
}

func (h helpPrinter) heading(text string) string {
	if h.color {
		return output.Bold.Paint(text)
	}
	return text
}

// showHelp is what --help does. It prints the text as it is, as git does: who asked for it by a flag looks for one.
func (a *App) showHelp(c *cobra.Command, _ []string) {
	a.configureStreams()
	_, _ = a.streams.Out.Write([]byte(a.helpPrinter().command(c))) // its error stays in Out
}

// command returns the help of a command: first what is needed to type it, then what to know about it.
func (h helpPrinter) command(c *cobra.Command) string {
	if !c.HasParent() {
		return h.root(c)
	}
	var b strings.Builder
	section := func(title, text string) {
		if text != "" {
			b.WriteString("\n" + h.heading(title+":") + "\n" + text)
		}
	}
	b.WriteString(h.wrap(c.Short, 2) + h.wrap("Usage: "+useLine(c), 2))
	section("Commands", h.list(visible(c)))
	section("Examples", c.Example+"\n")
	section("Flags", h.flagList(ownFlags(c)))
	b.WriteString(h.wrap("The flags of every command: "+c.Root().Name()+" help flags", 2) + "\n")
	b.WriteString(h.text(c.Long))
	section("Exit codes", h.text(exitLines(exitsOf(c))))
	if t, ok := topicAbout(c); ok {
		b.WriteString("\n" + h.wrap("More: "+c.Root().Name()+" help "+t.Name, 2))
	}
	return b.String()
}

// useLine returns how a command is typed. Every command takes flags, which cobra knows only after it has merged those of the root.
func useLine(c *cobra.Command) string {
	c.InheritedFlags()
	return c.UseLine()
}

// root returns the help of the program, which fits on one screen.
func (h helpPrinter) root(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString(h.wrap(c.Name()+" COMMAND: "+lowerFirst(c.Short), 2))
	for _, g := range commandGroups {
		if g.brief {
			b.WriteString(h.fill(h.heading(g.title+":")+" ", strings.Join(g.commands, ", "), 2))
			continue
		}
		b.WriteString(h.heading(g.title+":") + "\n" + h.list(g.of(c)))
	}
	for _, line := range []string{"More: %s COMMAND --help; pages and runbooks: %[1]s help", "What every command takes: %s help flags"} {
		b.WriteString(h.wrap(fmt.Sprintf(line, c.Name()), 0))
	}
	return b.String()
}

// of returns the group's commands below root.
func (g commandGroup) of(root *cobra.Command) (all []*cobra.Command) {
	for _, name := range g.commands {
		if i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name }); i >= 0 {
			all = append(all, root.Commands()[i])
		}
	}
	return all
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }

func visible(c *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool { return sub.Hidden })
}

// list returns commands, one a line, with what they do.
func (h helpPrinter) list(commands []*cobra.Command) string {
	var rows [][2]string
	for _, c := range commands {
		rows = append(rows, [2]string{c.Name(), c.Short})
	}
	return h.pairs(rows)
}

// pairs returns names, and beside each a text.
func (h helpPrinter) pairs(rows [][2]string) string {
	widest := 0
	for _, row := range rows {
		widest = max(widest, len(row[0]))
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(h.fill(fmt.Sprintf("  %-*s  ", widest, row[0]), row[1], widest+4))
	}
	return b.String()
}

// ownFlags returns the flags of a command that a person may want: without those of every command, and without --help.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet(c.Name(), pflag.ContinueOnError)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden && (c.HasParent() || c.PersistentFlags().Lookup(f.Name) == nil) {
			own.AddFlag(f)
		}
	})
	return own
}

// flagList returns flags, one a line, and beside each what it does.
func (h helpPrinter) flagList(flags *pflag.FlagSet) string {
	names := map[string]string{}
	widest := 0
	flags.VisitAll(func(f *pflag.Flag) {
		value, _ := flagHelp(f)
		name := strings.TrimRight("      --"+f.Name+" "+value, " ")
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + "," + name[len("  -x,"):]
		}
		names[f.Name] = name
		widest = max(widest, len(name))
	})
	beside := widest + len("  ")
	if beside > h.width/2 { // then the text stands below the name
		beside = 8
	}
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		name := names[f.Name]
		_, text := flagHelp(f)
		if len(name)+2 > beside {
			b.WriteString(name + "\n")
			name = ""
		}
		b.WriteString(h.fill(fmt.Sprintf("%-*s", beside, name), text, beside))
	})
	return b.String()
}

// flagHelp returns what the help calls a flag's value, and what it says about the flag.
func flagHelp(f *pflag.Flag) (value, text string) {
	value, text = pflag.UnquoteUsage(f)
	if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) {
		text += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return value, text
}

// hanging matches the beginning of a line whose text is a column of its own: "  10   the code is wrong", "- an item".
var hanging = pattern.Lazy(`^ *(?:[0-9]+ +|[-*] |\S+  +)`)

// text lays out a long help: paragraphs are filled, and lines that begin with a blank stay lines.
func (h helpPrinter) text(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	paragraph := ""
	flush := func() {
		if paragraph != "" {
			b.WriteString(h.wrap(paragraph, len(hanging().FindString(paragraph))))
		}
		paragraph = ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "":
			flush()
			b.WriteString("\n")
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "- "):
			flush()
			b.WriteString(h.wrap(line, len(hanging().FindString(line))))
		case paragraph == "":
			paragraph = line
		default:
			paragraph += " " + line
		}
	}
	flush()
	return b.String()
}

// wrap returns a text in lines of the screen's width. All but the first are indented.
func (h helpPrinter) wrap(text string, indent int) string {
	head := hanging().FindString(text)
	if head == "" {
		head = text[:len(text)-len(strings.TrimLeft(text, " "))]
	}
	return h.fill(head, text[len(head):], indent)
}

// fill returns head and behind it a text in lines of the screen's width. All but the first are indented.
func (h helpPrinter) fill(head, text string, indent int) string {
	return output.Fill(head, text, min(h.width, page.Widest), indent)
}

// topicAbout returns the topic about a command: its own page, or that of the commands it belongs to.
func topicAbout(c *cobra.Command) (docs.Topic, bool) {
	for words := strings.Fields(commandName(c)); len(words) > 0; words = words[:len(words)-1] {
		if t, ok := docs.Find(strings.Join(words, "-")); ok {
			return t, true
		}
	}
	return docs.Topic{}, false
}

// commandName returns the command without the program's name: "user list".
func commandName(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().Name()), " ")
}

// flagsTopic is the topic about the flags of every command.
const flagsTopic = "flags"

func newHelpCmd(app *App, root *cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [TOPIC|COMMAND]",
		Short: "Show a page, a runbook, or the help of a command",
		Long: `Shows the pages that describe this program, from the program itself. Without an argument it lists the commands and
the topics. "help runbook" lists what to do when somebody calls, "help flags" the flags of every command.

If a topic and a command have the same name, the page is shown; --help shows the help of the command. On a terminal what is longer
than the screen is shown with $PAGER.`,
		Annotations: exitCodes(),
		Example: `  uzerp-mfa help
  uzerp-mfa help doctor
  uzerp-mfa help exit-codes
  uzerp-mfa help runbook lost-phone
  uzerp-mfa help user reset`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeTopics(root, args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.RunE = app.run([]string{formatTable}, func(_ context.Context, args []string) error {
		text, err := app.helpPrinter().topic(root, args)
		if err != nil {
			return err
		}
		return app.streams.Page(text)
	})
	return c
}

// topic returns what "help" shows for the words behind it.
func (h helpPrinter) topic(root *cobra.Command, words []string) (string, error) {
	name := strings.Join(words, " ")
	if t, ok := docs.Find(name); ok {
		return h.page(root, t), nil
	}
	switch name {
	case "":
		return h.overview(root), nil
	case flagsTopic:
		return h.flags(root), nil
	}
	if c, rest, err := root.Find(words); err == nil && len(rest) == 0 && !c.Hidden {
		return h.command(c), nil
	}
	hint := root.Name() + " help lists the topics"
	if slices.Contains(words, "runbook") {
		hint = root.Name() + " help runbook lists the runbooks"
	}
	if near := nearTopics(root, name); len(near) > 0 {
		hint = "did you mean: " + root.Name() + " help " + strings.Join(near, "; "+root.Name()+" help ")
	}
	return "", usageError(fmt.Sprintf("unknown topic or command %q", name), hint)
}

// page returns the page of a topic.
func (h helpPrinter) page(root *cobra.Command, t docs.Topic) string {
	text := page.Render(page.Parse(t.Text()), page.Options{Width: h.width, Color: h.color, Link: func(target string) string {
		return linkedCommand(root, linkedFile(t.File, target))
	}})
	if c, _, err := root.Find(strings.Fields(t.Name)); err == nil && c.HasParent() {
		text = h.wrap(fmt.Sprintf("The flags of this command: %s --help", c.CommandPath()), 2) + "\n" + text
	}
	return text
}

// linkedFile returns the path below docs/ of what a page names.
func linkedFile(page, target string) string { return path.Join(path.Dir(page), target) }

// linkedCommand returns the command that shows a file of docs/, or "".
func linkedCommand(root *cobra.Command, file string) string {
	if t, ok := docs.OfFile(file); ok {
		return root.Name() + " help " + t.Name
	}
	if command, ok := strings.CutPrefix(file, "cli/"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(command, ".md"), "_", " ") + " --help"
	}
	return ""
}

// overview returns the list of commands and topics.
func (h helpPrinter) overview(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(h.wrap(root.Short, 0) + "\n" + h.text(root.Long) + "\n" + h.heading("Examples:") + "\n" + root.Example + "\n")
	for _, g := range commandGroups {
		b.WriteString("\n" + h.heading(g.title+":") + "\n" + h.list(g.of(root)))
	}
	topics := [][2]string{{flagsTopic, "The flags of every command"}}
	var inside [][2]string
	for _, t := range docs.Topics() {
		row := [2]string{t.Name, t.Title()}
		switch {
		case slices.Contains(forContributors, strings.Fields(t.Name)[0]):
			inside = append(inside, row)
		case !strings.Contains(t.Name, " "): // "runbook" lists its own
			topics = append(topics, row)
		}
	}
	slices.SortFunc(topics, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	b.WriteString("\n" + h.heading("Topics ("+root.Name()+" help TOPIC):") + "\n" + h.pairs(topics))
	b.WriteString("\n" + h.heading("For contributors and auditors:") + "\n" + h.pairs(inside))
	return b.String()
}

// forContributors are the topics that are about how the program is made. What scripts may rely on is not among them.
var forContributors = []string{"architecture", "development", "facts", "security"}

// flags returns the flags of every command.
func (h helpPrinter) flags(root *cobra.Command) string {
	return h.heading("Flags of every command") + "\n\n" + h.flagList(root.PersistentFlags()) + "\n" +
		h.wrap("Each can be given before or behind the command. "+root.Name()+" help settings says which setting counts, and "+
			root.Name()+" COMMAND --help which other flags a command has.", 0)
}

// topicNames returns every name that "help" takes, but for those of commands.
func topicNames() []string {
	names := []string{flagsTopic}
	for _, t := range docs.Topics() {
		names = append(names, t.Name)
	}
	return names
}

// completeTopics returns the words that may follow others behind "help".
func completeTopics(root *cobra.Command, words []string) (next []string) {
	for _, name := range topicNames() {
		if parts := strings.Fields(name); len(parts) > len(words) && slices.Equal(parts[:len(words)], words) {
			title := ""
			if t, ok := docs.Find(strings.Join(parts[:len(words)+1], " ")); ok {
				title = t.Title()
			}
			next = append(next, cobra.CompletionWithDesc(parts[len(words)], title))
		}
	}
	if c, rest, err := root.Find(words); err == nil && len(rest) == 0 {
		for _, sub := range visible(c) {
			if !slices.ContainsFunc(next, func(n string) bool { return strings.HasPrefix(n, sub.Name()+"\t") }) {
				next = append(next, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// mostNear is how many topics are proposed for one that there is not.
const mostNear = 4

// nearTopics returns the topics and commands that may be meant by a name: those that it is a part of, or else those that are
// written nearly so.
func nearTopics(root *cobra.Command, name string) []string {
	names := topicNames()
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		for _, sub := range visible(c) {
			names = append(names, commandName(sub))
			add(sub)
		}
	}
	add(root)
	slices.Sort(names)
	names = slices.Compact(names)
	name = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(name), "docs/"), ".md")
	name = strings.NewReplacer("runbooks", "runbook", "/", " ").Replace(name)
	var near []string
	best := 3 // one more than the letters that may differ
	for _, n := range names {
		for _, written := range []string{n, strings.ReplaceAll(n, " ", "-"), n[strings.LastIndex(n, " ")+1:]} {
			switch d := letters(name, written); {
			case d < best:
				best, near = d, []string{n}
			case d == best && d < 3 && !slices.Contains(near, n):
				near = append(near, n)
			}
		}
	}
	for _, n := range names {
		if best == 3 && len(name) > 2 && strings.Contains(n, name) {
			near = append(near, n)
		}
	}
	said, titled := topicsAbout(name)
	switch {
	case best > 0 && len(said) > 0: // the caller's words, and no name that is only spelled alike
		near = said
	case len(near) == 0:
		near = titled
	}
	return near[:min(len(near), mostNear)]
}

// whatCallersSay matches a line of the runbooks' index: what the caller says, and the page.
var whatCallersSay = pattern.Lazy(`(?m)^\| (.+) \| \[([a-z-]+)\]`)

// topicsAbout returns what has all words of name, but the short ones ("lost my phone"): the runbooks whose line in the index has
// them, and the topics whose title has them.
func topicsAbout(name string) (said, titled []string) {
	words := slices.DeleteFunc(wordsOf(name), func(w string) bool { return len(w) < 3 || w == "runbook" })
	has := func(text string) bool {
		in := wordsOf(text)
		return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
			return !slices.ContainsFunc(in, func(other string) bool { return sameWord(w, other) })
		})
	}
	index, _ := docs.Find("runbook")
	for _, line := range whatCallersSay().FindAllStringSubmatch(index.Text(), -1) {
		if has(line[1]) {
			said = append(said, "runbook "+line[2])
		}
	}
	for _, t := range docs.Topics() {
		if has(t.Title()) {
			titled = append(titled, t.Name)
		}
	}
	return said, titled
}

// sameWord reports whether two words differ at most in how they end: "leaves" and "leaving", "code" and "codes". Both keep four letters
// or more.
func sameWord(a, b string) bool {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a == b || n >= 4 && n >= max(len(a), len(b))-3
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && r != '\'' })
}

// letters returns how many letters must be typed, left out or changed to make one text of another.
func letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
