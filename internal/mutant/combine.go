package mutant

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Choice is the environment variable that chooses one mutant of a combined program. Without it the program is as in the
// tree.
const Choice = "UZERP_MFA_MUTANT"

// Combine puts mutants of one package into one program, because a build takes much longer than a run. Each function
// that mutants change becomes a choice between its versions, and so does the value of a variable or a constant, and a text
// file that is embedded. Combine returns the program's files, and the mutants in it. It leaves out mutants that change
// anything else: each of these must be built alone.
func Combine(root string, mutants []Mutant) (files map[string]string, in []Mutant, err error) {
	changed := make(map[string][]version) // by file
	for _, m := range mutants {
		versions, ok, err := versionsOf(root, m)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		in = append(in, m)
		for _, v := range versions {
			changed[v.file] = append(changed[v.file], v)
		}
	}
	files = make(map[string]string)
	for file, versions := range changed {
		source, err := read(root, file)
		if err != nil {
			return nil, nil, err
		}
		files[file] = source.combined(versions)
		files[path.Join(path.Dir(file), "zz_mutant.go")] = fmt.Sprintf(support, source.tree.Name.Name, Choice)
	}
	return files, in, nil
}

// support is a file of each package that has choices.
const support = `package %s

import (
	"embed"
	"os"
	"slices"
)

var chosenMutant = os.Getenv(%q)

// mutantValue returns the chosen one of values: the first is the unchanged one, the others are in the order of mutants.
func mutantValue[T any](mutants []string, values ...T) T { return values[slices.Index(mutants, chosenMutant)+1] }

// mutantFiles are embedded files of which the chosen mutant changes some.
type mutantFiles struct {
	embed.FS
	changed map[string]string
}

func (f mutantFiles) ReadFile(name string) ([]byte, error) {
	if text, ok := f.changed[name]; ok {
		return []byte(text), nil
	}
	return f.FS.ReadFile(name)
}
`

// version is a part as a mutant has it.
type version struct {
	mutant   string
	file     string
	part     int    // its index in the source
	text     string // a function with the version's own name, a value, or the text of the embedded file
	embedded string // the name of the embedded file, as the program has it
}

// source is a Go file.
type source struct {
	text  string
	tree  *ast.File
	parts []part
}

// part is a declaration that may have versions.
type part struct {
	name     string
	function *ast.FuncDecl  // or
	decl     *ast.GenDecl   // of one variable or constant, with
	spec     *ast.ValueSpec // its only line
	patterns []string       // of the files that are embedded in the variable
	from, to token.Pos      // what a version may change: the function's body, or the value
}

func read(root, file string) (*source, error) {
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	return parseSource(string(text))
}

func parseSource(text string) (*source, error) {
	s := &source{text: text}
	var err error
	if s.tree, err = parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution|parser.ParseComments); err != nil {
		return nil, err
	}
	for _, d := range s.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body != nil {
				s.parts = append(s.parts, part{name: d.Name.Name, function: d, from: d.Body.Pos(), to: d.Body.End()})
			}
		case *ast.GenDecl:
			if d.Lparen.IsValid() || d.Tok != token.VAR && d.Tok != token.CONST {
				continue
			}
			spec := d.Specs[0].(*ast.ValueSpec)
			p := part{name: spec.Names[0].Name, decl: d, spec: spec, patterns: patterns(d)}
			switch {
			case len(spec.Names) == 1 && len(spec.Values) == 1:
				p.from, p.to = spec.Values[0].Pos(), spec.Values[0].End()
				s.parts = append(s.parts, p)
			case len(p.patterns) > 0:
				p.from, p.to = d.End(), d.End()
				s.parts = append(s.parts, p)
			}
		}
	}
	return s, nil
}

// patterns returns what go:embed says above a declaration.
func patterns(d *ast.GenDecl) (all []string) {
	if d.Doc == nil {
		return nil
	}
	for _, c := range d.Doc.List {
		if words, ok := strings.CutPrefix(c.Text, "//go:embed "); ok {
			all = append(all, strings.Fields(words)...)
		}
	}
	return all
}

// of returns the text of a node. The file is the only one of its set, so positions begin at 1.
func (s *source) of(n ast.Node) string { return s.text[n.Pos()-1 : n.End()-1] }

// named returns a function's text under another name.
func (s *source) named(f *ast.FuncDecl, name string) string {
	return s.text[f.Pos()-1:f.Name.Pos()-1] + name + s.text[f.Name.End()-1:f.End()-1]
}

// rest returns the text without what a version may change.
func (s *source) rest() string {
	var b strings.Builder
	at := token.Pos(1)
	for _, p := range s.parts {
		b.WriteString(s.text[at-1 : p.from-1])
		at = p.to
	}
	return b.String() + s.text[at-1:]
}

// versionsOf returns the parts that a mutant changes, or false if it changes something else.
func versionsOf(root string, m Mutant) (versions []version, ok bool, err error) {
	for file, text := range m.Files {
		if path.Ext(file) != ".go" {
			v, ok, err := embedding(root, file)
			if err != nil || !ok {
				return nil, false, err
			}
			v.mutant, v.text = m.Name, text
			versions = append(versions, v)
			continue
		}
		before, err := read(root, file)
		if err != nil {
			return nil, false, err
		}
		after, err := parseSource(text)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", m.Name, err)
		}
		if before.rest() != after.rest() {
			return nil, false, nil
		}
		for i, was := range before.parts { // that the rest is the same means that the parts are
			is := after.parts[i]
			if before.text[was.from-1:was.to-1] == after.text[is.from-1:is.to-1] {
				continue
			}
			v := version{mutant: m.Name, file: file, part: i}
			switch {
			case was.name == "init" || was.name == "_":
				return nil, false, nil
			case was.function != nil:
				v.text = after.named(is.function, versionName(was.name, m.Name))
			default:
				v.text = after.of(is.spec.Values[0])
			}
			versions = append(versions, v)
		}
	}
	return versions, len(versions) > 0, nil
}

// embedding returns the variable that a file is embedded in, as a version of it. It reports false if there is none whose
// versions can be told apart, or more than one.
func embedding(root, file string) (found version, ok bool, err error) {
	n := 0
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		sources, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			return found, false, err
		}
		embedded := strings.TrimPrefix(file, dir+"/")
		matches := func(pattern string) bool { m, _ := path.Match(pattern, embedded); return m }
		for _, name := range sources {
			in := path.Join(dir, filepath.Base(name))
			source, err := read(root, in)
			if err != nil {
				return found, false, err
			}
			for i, p := range source.parts {
				if slices.ContainsFunc(p.patterns, matches) {
					n++
					t := source.of(p.spec.Type)
					found, ok = version{file: in, part: i, embedded: embedded}, (t == "string" || t == "embed.FS") && !strings.HasSuffix(in, "_test.go")
				}
			}
		}
	}
	return found, ok && n == 1, nil
}

func versionName(name, mutant string) string {
	return name + "_" + strings.ReplaceAll(mutant, "-", "_")
}

// combined returns the file with a choice in the place of each part that has versions.
func (s *source) combined(versions []version) string {
	text := s.text
	for i, p := range slices.Backward(s.parts) { // backward, so that earlier positions stay right
		var others []version
		for _, v := range versions {
			if v.part == i {
				others = append(others, v)
			}
		}
		switch f := p.function; {
		case len(others) == 0:
		case f != nil:
			text = text[:f.Pos()-1] + s.choice(f, others) + "\n\n" + s.named(f, versionName(p.name, "unchanged")) + text[f.End()-1:]
			for _, v := range others {
				text += "\n" + v.text + "\n"
			}
		default:
			text = text[:p.decl.Pos()-1] + s.valueChoice(p, others) + text[p.decl.End()-1:]
		}
	}
	return text
}

// valueChoice returns a variable with the chosen version of a value.
func (s *source) valueChoice(p part, versions []version) string {
	var mutants, values, changed strings.Builder
	for _, v := range versions {
		fmt.Fprintf(&mutants, "%q, ", v.mutant)
		value := v.text
		if v.embedded != "" {
			value = strconv.Quote(v.text)
			fmt.Fprintf(&changed, "%q: {%q: %q},\n", v.mutant, v.embedded, v.text)
		}
		values.WriteString(", " + value)
	}
	if len(p.patterns) == 0 {
		t, of := "", ""
		if p.spec.Type != nil {
			t = s.of(p.spec.Type)
			of = "[" + t + "]"
		}
		return fmt.Sprintf("var %s %s = mutantValue%s([]string{%s}, %s%s)", p.name, t, of, &mutants, s.of(p.spec.Values[0]), &values)
	}
	t, was := s.of(p.spec.Type), versionName(p.name, "unchanged")
	embedded := fmt.Sprintf("var %s %s\n\nvar %s = ", was, t, p.name)
	if t == "string" {
		return embedded + fmt.Sprintf("mutantValue([]string{%s}, %s%s)", &mutants, was, &values)
	}
	return embedded + fmt.Sprintf("mutantFiles{%s, map[string]map[string]string{\n%s}[chosenMutant]}", was, &changed)
}

// choice returns a function that calls the chosen version of f.
func (s *source) choice(f *ast.FuncDecl, versions []version) string {
	var params, args []string
	for _, field := range f.Type.Params.List {
		for range max(1, len(field.Names)) {
			p := fmt.Sprintf("p%d", len(params))
			params = append(params, p+" "+s.of(field.Type))
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				p += "..."
			}
			args = append(args, p)
		}
	}
	receiver, on, types, of, results, give := "", "", "", "", "", ""
	if f.Recv != nil {
		receiver, on = "(on "+s.of(f.Recv.List[0].Type)+") ", "on."
	}
	if list := f.Type.TypeParams; list != nil {
		var names []string
		for _, field := range list.List {
			for _, name := range field.Names {
				names = append(names, name.Name)
			}
		}
		types, of = s.of(list), "["+strings.Join(names, ", ")+"]"
	}
	if f.Type.Results != nil {
		results, give = s.of(f.Type.Results)+" ", "return "
	}
	var b strings.Builder
	fmt.Fprintf(&b, "func %s%s%s(%s) %s{\n\tswitch chosenMutant {\n", receiver, f.Name.Name, types, strings.Join(params, ", "), results)
	call := func(name string) string {
		return fmt.Sprintf("%s%s%s%s(%s)", give, on, name, of, strings.Join(args, ", "))
	}
	for _, v := range versions {
		fmt.Fprintf(&b, "\tcase %q:\n\t\t%s\n", v.mutant, call(versionName(f.Name.Name, v.mutant)))
	}
	fmt.Fprintf(&b, "\tdefault:\n\t\t%s\n\t}\n}", call(versionName(f.Name.Name, "unchanged")))
	return b.String()
}
