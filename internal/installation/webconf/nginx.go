package webconf

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// nginxFile is where nginx's configuration begins.
const nginxFile = "etc/nginx/nginx.conf"

// nginx judges the file by nginx's configuration.
func (r *reader) nginx(root string) {
	main := filepath.Join(root, nginxFile)
	text, ok := r.read(main)
	if !ok {
		return
	}
	r.report.Servers = append(r.report.Servers, "nginx")
	p := &nginxParser{reader: r, base: filepath.Dir(main)}
	for _, http := range p.parse(main, text, 0) {
		if http.name != "http" {
			continue
		}
		for _, server := range http.children {
			if server.name == "server" {
				r.judgeNginx([]*directive{http, server})
			}
		}
	}
}

// nginxParser reads nginx's lines, with the files that they include.
type nginxParser struct {
	*reader
	base string
}

func (p *nginxParser) parse(path, text string, depth int) []*directive {
	top := &directive{}
	stack := []*directive{top}
	var words []string
	start, line := 0, 1
	for i := 0; i < len(text); {
		c := text[i]
		in := stack[len(stack)-1]
		switch c {
		case '\n':
			line++
			i++
		case ' ', '\t', '\r':
			i++
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case ';', '{':
			i++
			if len(words) == 0 {
				continue
			}
			d := &directive{name: strings.ToLower(words[0]), written: words[0], args: words[1:], file: path, line: start}
			words = nil
			switch {
			case c == '{':
				in.add(d)
				stack = append(stack, d)
			case d.name == "include" && depth < deepest:
				for _, name := range p.included(d, p.base) {
					if more, ok := p.read(name); ok {
						for _, child := range p.parse(name, more, depth+1) {
							in.add(child)
						}
					}
				}
			default:
				in.add(d)
			}
		case '}':
			i++
			if words = nil; len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		default:
			if len(words) == 0 {
				start = line
			}
			word, length := nginxWord(text[i:])
			line += strings.Count(text[i:i+length], "\n")
			words = append(words, word)
			i += length
		}
	}
	return top.children
}

// nginxWord returns the word at the beginning of a text, and its length there.
func nginxWord(text string) (word string, length int) {
	if quote := text[0]; quote == '"' || quote == '\'' {
		var b strings.Builder
		for i := 1; i < len(text); i++ {
			switch {
			case text[i] == '\\' && i+1 < len(text) && text[i+1] == quote:
				i++
			case text[i] == quote:
				return b.String(), i + 1
			}
			b.WriteByte(text[i])
		}
		return b.String(), len(text)
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ' ', '\t', '\r', '\n', ';':
			return text[:i], i
		case '{', '}':
			if i > 0 && text[i-1] == '$' || strings.Count(text[:i], "{") > strings.Count(text[:i], "}") { // ${name}
				continue
			}
			return text[:i], i
		}
	}
	return text, len(text)
}

// last returns the last line of this name in the innermost of the blocks that has one: nginx's lines hold in the blocks within.
func last(blocks []*directive, name string) *directive {
	for _, block := range slices.Backward(blocks) {
		for _, d := range slices.Backward(block.children) {
			if d.name == name {
				return d
			}
		}
	}
	return nil
}

func has(block *directive, name string) *directive { return last([]*directive{block}, name) }

// judgeNginx judges by one server. Each directory that a line of it makes reachable gives an address; whether the file is what nginx
// answers there is asked of the location that the address falls into.
func (r *reader) judgeNginx(blocks []*directive) {
	type candidate struct {
		url  string
		line *directive
	}
	var candidates []candidate
	add := func(d *directive, url string) {
		if !slices.ContainsFunc(candidates, func(c candidate) bool { return c.url == url }) {
			candidates = append(candidates, candidate{url, d})
		}
	}
	var collect func(block *directive, prefix string)
	collect = func(block *directive, prefix string) {
		for _, d := range block.children {
			switch d.name {
			case "root", "alias":
				dir := d.arg(0)
				if strings.Contains(dir, "$") || !filepath.IsAbs(dir) {
					r.unclear(d)
					continue
				}
				for _, rest := range r.target.below(dir) {
					if d.name == "root" {
						add(d, "/"+rest)
					} else if prefix != "" {
						add(d, prefix+rest)
					} else {
						r.unclear(d) // in a location with a pattern
					}
				}
			case "location":
				prefix := ""
				if len(d.args) > 0 && !strings.HasPrefix(d.arg(0), "~") {
					prefix = d.args[len(d.args)-1]
				}
				collect(d, prefix)
			}
		}
	}
	if root := last(blocks[:1], "root"); root != nil && has(blocks[1], "root") == nil {
		collect(&directive{children: []*directive{root}}, "/")
	}
	collect(blocks[1], "/")
	for _, c := range candidates {
		w := Way{Server: "nginx", URL: c.url, Place: c.line.named()}
		var here []*directive
		if here, w.Unclear = location(blocks, c.url); here == nil {
			continue
		}
		var unclear []string
		if w.Access, unclear = r.nginxAccess(here, c.url); w.Access != Denied {
			for _, line := range unclear {
				w.Unclear = noted(w.Unclear, line)
			}
			r.way(w)
		}
	}
}

// location returns the blocks that an address falls into: an exact one, or else the longest prefix; a pattern wins over a prefix
// without ^~, the first one that fits.
func location(blocks []*directive, url string) (here []*directive, unclear []string) {
	here = blocks
	for {
		var best, pattern *directive
		for _, d := range here[len(here)-1].children {
			if d.name != "location" || len(d.args) == 0 {
				continue
			}
			switch kind, text := d.arg(0), d.args[len(d.args)-1]; {
			case strings.HasPrefix(kind, "~"):
				if text == kind {
					text = strings.TrimLeft(kind, "~*") // "~*\.php$" without a blank
				}
				if strings.HasPrefix(kind, "~*") {
					text = "(?i)" + text
				}
				expression, err := regexp.Compile(text)
				if err != nil {
					unclear = noted(unclear, d.named())
				} else if pattern == nil && expression.MatchString(url) {
					pattern = d
				}
			case kind == "=" && len(d.args) > 1:
				if url == text {
					return append(slices.Clone(here), d), unclear
				}
			case strings.HasPrefix(text, "@"):
			case strings.HasPrefix(url, text) && (best == nil || len(text) > len(best.args[len(best.args)-1])):
				best = d
			}
		}
		switch {
		case pattern != nil && (best == nil || best.arg(0) != "^~"):
			here = append(slices.Clone(here), pattern)
		case best != nil:
			here = append(slices.Clone(here), best)
		default:
			return here, unclear
		}
	}
}

// nginxAccess returns who gets the file by an address that falls into these blocks, Denied if nginx answers something else there.
func (r *reader) nginxAccess(here []*directive, url string) (Access, []string) {
	var unclear []string
	for _, block := range here[1:] { // the server's own lines come first
		for _, d := range block.children {
			switch d.name {
			case "return":
				return Denied, nil
			case "if", "rewrite", "set":
				if d.name != "set" {
					unclear = noted(unclear, d.named())
				}
			}
		}
	}
	inner := here[len(here)-1]
	for _, name := range []string{"internal", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"} {
		if has(inner, name) != nil {
			return Denied, nil
		}
	}
	if try := last(here, "try_files"); try != nil && !slices.ContainsFunc(try.args, func(arg string) bool { return strings.Contains(arg, "$uri") }) {
		if len(try.args) == 0 || !strings.Contains(strings.Join(try.args[:len(try.args)-1], ""), "$") { // the last one is no file
			return Denied, nil
		}
		unclear = noted(unclear, try.named())
	}
	if !r.isFile(here, url) {
		return Denied, nil
	}
	access := Open
	for _, block := range slices.Backward(here) { // those of the innermost block that has any
		if rules := only(block, "allow", "deny"); len(rules) > 0 {
			access = listed(rules)
			break
		}
	}
	if basic := last(here, "auth_basic"); basic != nil && basic.arg(0) != "off" || last(here, "auth_request") != nil {
		access = min(access, Limited)
	}
	return access, unclear
}

// listed returns what the first rule for everybody says, and Limited if it says no after some were let in.
func listed(rules []*directive) Access {
	some := false
	for _, d := range rules {
		switch {
		case d.arg(0) != "all":
			some = some || d.name == "allow"
		case d.name == "allow":
			return Open
		case some:
			return Limited
		default:
			return Denied
		}
	}
	return Open
}

func only(block *directive, names ...string) (found []*directive) {
	for _, d := range block.children {
		if slices.Contains(names, d.name) {
			found = append(found, d)
		}
	}
	return found
}

// isFile reports whether an address leads to the file itself by root or alias, whichever holds in the blocks.
func (r *reader) isFile(here []*directive, url string) bool {
	for _, block := range slices.Backward(here) {
		root, alias := has(block, "root"), has(block, "alias")
		var dir, rest string
		switch {
		case alias != nil:
			prefix := block.args[len(block.args)-1]
			if strings.HasPrefix(block.arg(0), "~") || !strings.HasPrefix(url, prefix) {
				return true // the line itself is reported as unclear
			}
			dir, rest = alias.arg(0), url[len(prefix):]
			return r.leads(dir + rest)
		case root != nil:
			dir, rest = root.arg(0), url
			return strings.Contains(dir, "$") || r.leads(dir+rest)
		}
	}
	return false
}

func (r *reader) leads(path string) bool {
	dir, name := filepath.Split(filepath.Clean(path))
	return name == r.target.name && identity(filepath.Clean(dir)) == r.target.ways[0].id
}
