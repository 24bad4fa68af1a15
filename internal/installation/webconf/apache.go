package webconf

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"uzerp-mfa/internal/installation/file"
	"uzerp-mfa/internal/pattern"
)

// apacheFiles are where Apache's configuration begins, and what a relative path in it begins with.
var apacheFiles = []struct{ main, base string }{
	{"etc/apache2/apache2.conf", "etc/apache2"}, {"etc/apache2/httpd.conf", "etc/apache2"}, {"etc/httpd/conf/httpd.conf", "etc/httpd"},
}

// apache judges the file by Apache's configuration, where Debian or Red Hat have it.
func (r *reader) apache(root string) {
	for _, at := range apacheFiles {
		main := filepath.Join(root, at.main)
		text, ok := r.read(main)
		if !ok {
			continue
		}
		r.report.Servers = append(r.report.Servers, "Apache")
		p := &apacheParser{reader: r, base: filepath.Join(root, at.base), defines: map[string]string{}}
		top := p.parse(main, text, 0)
		s := apacheServer{reader: r, main: top}
		own := false
		for _, d := range top {
			if d.name == "virtualhost" {
				within(d.children, d.maybe)
				s.judge(d.children, d.maybe)
				own = true
			}
		}
		if !own || slices.ContainsFunc(top, func(d *directive) bool { return d.name == "documentroot" }) {
			s.judge(nil, nil)
		}
	}
}

// apacheParser reads Apache's lines, with the files that they include.
type apacheParser struct {
	*reader
	base    string
	defines map[string]string
}

var apacheVariable = pattern.Lazy(`\$\{([^}]*)\}`)

const deepest = 20 // files that include each other

func (p *apacheParser) parse(path, text string, depth int) []*directive {
	top := &directive{}
	stack := []*directive{top}
	number := 0
	for line := range strings.Lines(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", "\x00")) {
		number++
		at := number
		number += strings.Count(line, "\x00")
		line = strings.TrimSpace(strings.ReplaceAll(line, "\x00", " "))
		in := stack[len(stack)-1]
		switch {
		case line == "" || line[0] == '#':
			continue
		case strings.HasPrefix(line, "</"):
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
			continue
		}
		block := line[0] == '<'
		words := apacheWords(strings.TrimSuffix(strings.TrimPrefix(line, "<"), ">"))
		if len(words) == 0 {
			continue
		}
		d := &directive{name: strings.ToLower(words[0]), written: words[0], args: words[1:], file: path, line: at, maybe: in.maybe}
		for i, arg := range d.args {
			d.args[i] = apacheVariable().ReplaceAllStringFunc(arg, func(name string) string {
				if value, ok := p.defines[name[2:len(name)-1]]; ok {
					return value
				}
				return name
			})
		}
		switch {
		case block && strings.HasPrefix(d.name, "if") && d.name != "if" || d.name == "else" || d.name == "elseif":
			// What stands in it counts where it stands.
			child := &directive{maybe: in.maybe}
			switch holds, known := p.holds(d); {
			case !known:
				child.maybe = d
				stack = append(stack, joined(child, in))
			case holds:
				stack = append(stack, joined(child, in))
			default:
				stack = append(stack, child)
			}
		case block:
			in.add(d)
			stack = append(stack, d)
		case d.name == "define" && len(d.args) > 0:
			p.defines[d.args[0]] = d.arg(1)
		case d.name == "include" || d.name == "includeoptional":
			if depth == deepest {
				p.notInclude(d)
				continue
			}
			for _, name := range p.included(d, p.base) {
				if more, ok := p.read(name); ok {
					for _, child := range p.parse(name, more, depth+1) {
						child.maybe = cmp.Or(child.maybe, in.maybe)
						in.add(child)
					}
				}
			}
		default:
			in.add(d)
		}
	}
	return top.children
}

// joined returns a block whose lines are lines of another one.
func joined(block, of *directive) *directive {
	block.into = of
	if of.into != nil {
		block.into = of.into
	}
	return block
}

// holds reports whether a condition holds, if that is known.
func (p *apacheParser) holds(d *directive) (holds, known bool) {
	name, not := strings.CutPrefix(d.arg(0), "!")
	switch d.name {
	case "ifmodule":
		known = slices.Contains([]string{"mod_authz_core.c", "authz_core_module", "mod_alias.c", "alias_module", "mod_dir.c", "dir_module"}, name)
		return !not, known
	case "ifdefine":
		if _, set := p.defines[name]; set {
			return !not, true
		}
	}
	return false, false
}

// apacheWords splits a line as Apache does: blanks separate, and quotes hold together.
func apacheWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		quote := line[0]
		if quote != '"' && quote != '\'' {
			word, rest, _ := strings.Cut(line, " ")
			if tab := strings.IndexByte(word, '\t'); tab >= 0 {
				word, rest = line[:tab], line[tab:]
			}
			words, line = append(words, word), rest
			continue
		}
		var word strings.Builder
		i := 1
		for ; i < len(line) && line[i] != quote; i++ {
			if line[i] == '\\' && i+1 < len(line) && (line[i+1] == quote || line[i+1] == '\\') {
				if i++; line[i] == '\\' {
					word.WriteByte('\\') // of a regular expression
				}
			}
			word.WriteByte(line[i])
		}
		words, line = append(words, word.String()), line[min(i+1, len(line)):]
	}
	return words
}

// within takes a condition off the lines that stand in it: where it does not hold, their host is not there either.
func within(lines []*directive, condition *directive) {
	for _, d := range lines {
		if d.maybe == condition {
			d.maybe = nil
		}
		within(d.children, condition)
	}
}

// apacheServer judges by the main server's lines and by those of one of its hosts.
type apacheServer struct {
	*reader
	main []*directive
}

// mapping is a line that makes a directory reachable by addresses that begin with url.
type mapping struct {
	line     *directive
	url, dir string
}

// judge judges by the lines of one host, which is there only if a condition holds; nil for none.
func (s apacheServer) judge(host []*directive, condition *directive) {
	var mappings []mapping
	for i, lines := range [][]*directive{s.main, host} {
		for _, d := range lines {
			switch d.name {
			case "documentroot":
				if i == 1 { // the host's own, in place of the main server's
					mappings = slices.DeleteFunc(mappings, func(m mapping) bool { return m.line.name == "documentroot" })
				}
				mappings = append(mappings, mapping{d, "/", d.arg(0)})
			case "alias":
				mappings = append(mappings, mapping{d, d.arg(0), d.arg(1)})
			case "aliasmatch", "virtualdocumentroot", "userdir", "use":
				if d.name != "userdir" || d.arg(0) != "disabled" {
					s.unclear(d)
				}
			}
		}
	}
	for _, m := range mappings {
		if strings.Contains(m.dir, "$") || m.dir == "" {
			s.unclear(m.line)
			continue
		}
		dir := m.dir
		if !filepath.IsAbs(dir) {
			s.unclear(m.line)
			continue
		}
		for _, rest := range s.target.below(dir) {
			url := strings.TrimSuffix(m.url, "/") + "/" + filepath.ToSlash(rest)
			if m.line.maybe == nil && slices.ContainsFunc(mappings, func(o mapping) bool { // an alias hides what is below the document root
				return o.line.name == "alias" && o != m && len(o.url) > len(m.url) && strings.HasPrefix(url, strings.TrimSuffix(o.url, "/")+"/")
			}) {
				continue
			}
			w := Way{Server: "Apache", URL: url, Place: m.line.named()}
			w.Access, w.Unclear = s.access(host, filepath.Join(dir, rest), dir, url)
			for _, maybe := range []*directive{m.line.maybe, condition} {
				if maybe != nil {
					w.Unclear = noted(w.Unclear, maybe.named())
				}
			}
			s.way(w)
		}
	}
}

// scope is a section that a file may be in.
type scope struct {
	phase, depth int
	lines        []*directive
}

// access returns who gets the file at path under url, by the sections that it is in. Later sections win, in Apache's order:
// directories from the shortest path on with their .htaccess, then by patterns, then files, then addresses.
func (s apacheServer) access(host []*directive, path, root, url string) (Access, []string) {
	var scopes []scope
	var unclear []string
	note := func(d *directive) { unclear = noted(unclear, d.named()) }
	var walk func(lines []*directive)
	walk = func(lines []*directive) {
		for _, d := range lines {
			arg, pattern := d.arg(0), strings.HasSuffix(d.name, "match")
			if arg == "~" {
				arg, pattern = d.arg(1), true
			}
			var in, known bool
			var phase, deep int
			switch d.name {
			case "directory", "directorymatch":
				if pattern { // it is held against the name of the file
					in, known = matches(arg, true, path, false)
				} else {
					in, known = matches(arg, false, filepath.Dir(path), true)
				}
				phase, deep = 1, strings.Count(strings.TrimSuffix(filepath.Clean(arg), "/"), "/")
				if pattern {
					phase, deep = 2, 0
				}
			case "files", "filesmatch":
				in, known = matches(arg, pattern, filepath.Base(path), false)
				phase, deep = 3, 0
			case "location", "locationmatch":
				in, known = matches(arg, pattern, url, true) // a pattern is held against all of it
				phase, deep = 4, 0
			case "if":
				note(d)
				continue
			case "rewriterule":
				note(d)
				continue
			case "redirect", "redirectmatch":
				if closed, known := redirects(d, url); closed && d.maybe == nil {
					scopes = append(scopes, scope{5, 0, []*directive{{name: "require", args: []string{"all", "denied"}}}})
				} else if !known || closed {
					note(d)
				}
				continue
			case "proxypass":
				if d.arg(1) != "!" && strings.HasPrefix(url, d.arg(0)) {
					scopes = append(scopes, scope{5, 0, []*directive{{name: "require", args: []string{"all", "denied"}}}})
				}
				continue
			case "proxypassmatch":
				note(d)
				continue
			default:
				continue
			}
			if !known {
				note(d)
			}
			if in {
				scopes = append(scopes, scope{phase, deep, d.children})
				walk(d.children)
			}
		}
	}
	walk(s.main)
	walk(host)
	order := func(a, b scope) int { return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.depth, b.depth)) }
	slices.SortStableFunc(scopes, order)

	// .htaccess counts where AllowOverride lets it, right after the sections of its own directory.
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if lines := s.htaccess(host, dir); len(lines) > 0 {
			depth := strings.Count(strings.TrimSuffix(dir, "/"), "/")
			scopes = append(scopes, scope{1, depth, lines})
			walk(lines)
		}
		if len(dir) <= len(root) || dir == filepath.Dir(dir) {
			break
		}
	}
	slices.SortStableFunc(scopes, order)

	required, ordered := Open, Open
	for _, sc := range scopes {
		if a, line := requires(sc.lines); line != nil {
			required = settle(required, a, line, note)
		}
		if a, line := orders(sc.lines); line != nil {
			ordered = settle(ordered, a, line, note)
		}
	}
	return min(required, ordered), unclear
}

// settle returns the access after one more section. A line that stands in a condition closes nothing for certain.
func settle(before, after Access, line *directive, note func(*directive)) Access {
	if line.maybe == nil {
		return after
	}
	if after != before {
		note(line.maybe)
	}
	return max(before, after)
}

// htaccess returns the lines of a directory's .htaccess, if Apache reads it.
func (s apacheServer) htaccess(host []*directive, dir string) []*directive {
	var maybe *directive
	allowed, depth := false, -1
	for _, lines := range [][]*directive{s.main, host} {
		for _, d := range lines {
			if d.name != "directory" || d.arg(0) == "~" { // it may not stand where a pattern is
				continue
			}
			in, _ := matches(d.arg(0), false, dir, true)
			deep := strings.Count(strings.TrimSuffix(filepath.Clean(d.arg(0)), "/"), "/")
			for _, o := range d.children {
				if in && o.name == "allowoverride" && deep >= depth {
					if o.maybe == nil {
						maybe, allowed = nil, !strings.EqualFold(o.arg(0), "none")
					} else if maybe = o.maybe; !strings.EqualFold(o.arg(0), "none") {
						allowed = true
					}
					depth = deep
				}
			}
		}
	}
	path := filepath.Join(dir, ".htaccess")
	if !allowed || !file.Exists(path) {
		return nil
	}
	text, ok := s.read(path)
	if !ok {
		return nil
	}
	p := &apacheParser{reader: s.reader, base: dir, defines: map[string]string{}}
	lines := p.parse(path, text, deepest)
	if maybe != nil {
		under(lines, maybe)
	}
	return lines
}

// under puts lines under a condition.
func under(lines []*directive, condition *directive) {
	for _, d := range lines {
		d.maybe = cmp.Or(d.maybe, condition)
		under(d.children, condition)
	}
}

// matches reports whether a section is about a path or an address, and whether that is known. below says that one about a
// directory is about all that is in it.
func matches(arg string, pattern bool, text string, below bool) (in, known bool) {
	if strings.Contains(arg, "${") {
		return false, false
	}
	if pattern {
		expression, err := regexp.Compile(arg)
		if err != nil {
			return false, false
		}
		return expression.MatchString(text), true
	}
	if !below {
		in, err := filepath.Match(arg, text)
		return in, err == nil
	}
	arg = strings.TrimSuffix(arg, "/")
	for at := text; ; at = filepath.Dir(at) {
		if in, err := filepath.Match(arg, strings.TrimSuffix(at, "/")); in || err != nil {
			return in, err == nil
		}
		if at == filepath.Dir(at) {
			return arg == "", true
		}
	}
}

// redirects reports whether a line answers an address with another one or with an error, and whether that is known.
func redirects(d *directive, url string) (closed, known bool) {
	args := d.args
	if len(args) > 1 && (strings.Trim(args[0], "0123456789") == "" || slices.Contains([]string{"permanent", "temp", "seeother", "gone"}, args[0])) {
		args = args[1:]
	}
	if len(args) == 0 {
		return false, true
	}
	if d.name == "redirect" {
		prefix := strings.TrimSuffix(args[0], "/")
		return url == prefix || strings.HasPrefix(url, prefix+"/"), true
	}
	expression, err := regexp.Compile(args[0])
	if err != nil {
		return false, false
	}
	return expression.MatchString(url), true
}

// requires returns what the Require lines of a section say, and one of them; nil if there is none.
func requires(lines []*directive) (Access, *directive) {
	var said []Access
	var line *directive
	for _, d := range lines {
		switch d.name {
		case "require":
			said = append(said, require(d))
		case "requireany", "requireall", "requirenone":
			a := Limited
			if inside := requireAll(d.children); d.name == "requireall" {
				a = inside
			} else if d.name == "requireany" {
				a, _ = requires(d.children)
			}
			said = append(said, a)
		default:
			continue
		}
		line = d
	}
	if line == nil {
		return Denied, nil
	}
	return slices.Max(said), line
}

func requireAll(lines []*directive) Access {
	least := Open
	for _, d := range lines {
		if d.name == "require" {
			least = min(least, require(d))
		} else if a, line := requires([]*directive{d}); line != nil {
			least = min(least, a)
		}
	}
	return least
}

func require(d *directive) Access {
	switch strings.ToLower(strings.Join(d.args, " ")) {
	case "all denied", "not all granted":
		return Denied
	case "all granted":
		return Open
	default:
		return Limited
	}
}

// orders returns what the Order, Deny and Allow lines of Apache 2.2 say in a section, and one of them; nil if there is none.
func orders(lines []*directive) (Access, *directive) {
	var line *directive
	allowFirst := false // Order allow,deny: what is denied wins, and the rest is denied
	denyAll, deny, allowAll, allow := false, false, false, false
	for _, d := range lines {
		all := strings.EqualFold(d.arg(1), "all")
		switch d.name {
		case "order":
			allowFirst = strings.EqualFold(d.arg(0), "allow,deny")
		case "deny":
			deny, denyAll = true, denyAll || all
		case "allow":
			allow, allowAll = true, allowAll || all
		default:
			continue
		}
		line = d
	}
	switch {
	case line == nil:
		return Denied, nil
	case allowFirst && (denyAll || !allow), !allowFirst && denyAll && !allow:
		return Denied, line
	case allowFirst && (deny || !allowAll), !allowFirst && deny && !allowAll:
		return Limited, line
	default:
		return Open, line
	}
}
