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
	"strings"
)

// Choice is the environment variable that chooses one mutant of a combined program. Without it the program is as in the
// tree.
const Choice = "UZERP_MFA_MUTANT"

// Combine puts mutants of one package into one program, because a build takes much longer than a run. Each function
// that mutants change becomes a choice between its versions. Combine returns the program's files, and the mutants in
// it. It leaves out mutants that change anything but the bodies of plain functions: each of these must be built
// alone.
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
		files[path.Join(path.Dir(file), "zz_mutant.go")] = fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar chosenMutant = os.Getenv(%q)\n",
			source.tree.Name.Name, Choice)
	}
	return files, in, nil
}

// version is a function as a mutant has it.
type version struct {
	mutant   string
	file     string
	function string // its key in the source
	text     string // with the version's own name
}

// source is a Go file.
type source struct {
	text      string
	tree      *ast.File
	functions map[string]*ast.FuncDecl // by receiver and name
	order     []string
}

func read(root, file string) (*source, error) {
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	return parseSource(string(text))
}

func parseSource(text string) (*source, error) {
	s := &source{text: text, functions: make(map[string]*ast.FuncDecl)}
	var err error
	if s.tree, err = parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, d := range s.tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			key := f.Name.Name
			if f.Recv != nil {
				key = s.of(f.Recv.List[0].Type) + "." + key
			}
			s.functions[key] = f
			s.order = append(s.order, key)
		}
	}
	return s, nil
}

// of returns the text of a node. The file is the only one of its set, so positions begin at 1.
func (s *source) of(n ast.Node) string { return s.text[n.Pos()-1 : n.End()-1] }

// named returns a function's text under another name.
func (s *source) named(f *ast.FuncDecl, name string) string {
	return s.text[f.Pos()-1:f.Name.Pos()-1] + name + s.text[f.Name.End()-1:f.End()-1]
}

// rest returns the text with the functions' bodies left out.
func (s *source) rest() string {
	var b strings.Builder
	at := token.Pos(1)
	for _, key := range s.order {
		if f := s.functions[key]; f.Body != nil {
			b.WriteString(s.text[at-1 : f.Body.Pos()-1])
			at = f.Body.End()
		}
	}
	return b.String() + s.text[at-1:]
}

// versionsOf returns the functions that a mutant changes, or false if it changes something else.
func versionsOf(root string, m Mutant) (versions []version, ok bool, err error) {
	for file, text := range m.Files {
		if path.Ext(file) != ".go" {
			return nil, false, nil
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
		for _, key := range before.order {
			was, is := before.functions[key], after.functions[key]
			if before.of(was) == after.of(is) {
				continue
			}
			generic := was.Type.TypeParams != nil || was.Recv != nil && strings.Contains(before.of(was.Recv), "[")
			if generic || was.Name.Name == "init" {
				return nil, false, nil
			}
			versions = append(versions, version{m.Name, file, key, after.named(is, versionName(was, m.Name))})
		}
	}
	return versions, len(versions) > 0, nil
}

func versionName(f *ast.FuncDecl, mutant string) string {
	return f.Name.Name + "_" + strings.ReplaceAll(mutant, "-", "_")
}

// combined returns the file with a choice in the place of each function that has versions.
func (s *source) combined(versions []version) string {
	text := s.text
	for _, key := range slices.Backward(s.order) { // backward, so that earlier positions stay right
		f := s.functions[key]
		var others []version
		for _, v := range versions {
			if v.function == key {
				others = append(others, v)
			}
		}
		if len(others) == 0 {
			continue
		}
		text = text[:f.Pos()-1] + s.choice(f, others) + "\n\n" + s.named(f, versionName(f, "unchanged")) + text[f.End()-1:]
		for _, v := range others {
			text += "\n" + v.text + "\n"
		}
	}
	return text
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
	receiver, on, results, give := "", "", "", ""
	if f.Recv != nil {
		receiver, on = "(on "+s.of(f.Recv.List[0].Type)+") ", "on."
	}
	if f.Type.Results != nil {
		results, give = s.of(f.Type.Results)+" ", "return "
	}
	var b strings.Builder
	fmt.Fprintf(&b, "func %s%s(%s) %s{\n\tswitch chosenMutant {\n", receiver, f.Name.Name, strings.Join(params, ", "), results)
	call := func(name string) string { return fmt.Sprintf("%s%s%s(%s)", give, on, name, strings.Join(args, ", ")) }
	for _, v := range versions {
		fmt.Fprintf(&b, "\tcase %q:\n\t\t%s\n", v.mutant, call(versionName(f, v.mutant)))
	}
	fmt.Fprintf(&b, "\tdefault:\n\t\t%s\n\t}\n}", call(versionName(f, "unchanged")))
	return b.String()
}
