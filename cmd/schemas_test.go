package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
)

// docs/schema has a JSON Schema for each document that a command prints. They are made from the types of the views:
// go test ./cmd -run TestSchemas -update writes them, and the reference in docs/json.md.

// document is what a command prints with -o json, and with -o jsonl as one of its lines.
type document struct {
	name    string // of the schema
	command string
	when    string // of several documents of one command: when it is this one
	value   any
	lines   []any
}

// documents are all of them. A command may have several.
func documents() []document {
	results := resultsView{}
	lines := func(values ...any) []any { return values }
	return []document{
		{name: "user_list", command: "user list", value: usersView{}, lines: lines(listedUserView{})},
		{name: "user_show", command: "user show", value: usersShowDocument{}, lines: lines(userShowView{})},
		{name: "user_history", command: "user history", value: historiesDocument{}, lines: lines(eventView{}, historyView{})},
		{name: "user_enable", command: "user enable", value: results, lines: lines(resultView{})},
		{name: "user_disable-next-login", command: "user disable-next-login", value: results, lines: lines(resultView{})},
		{name: "user_reset", command: "user reset", value: results, lines: lines(resultView{})},
		{name: "set-injector", command: "set-injector", value: switchView{}},
		{name: "enroll", command: "enroll", value: enrollmentsDocument{}, lines: lines(enrollmentView{})},
		{name: "verify", command: "verify", value: verificationDocument{}},
		{name: "identity_send", command: "identity send", value: identityDocument{}},
		{name: "identity_check", command: "identity check", value: identityDocument{}},
		{name: "session_list", command: "session list", value: sessionsView{}, lines: lines(sessionView{})},
		{name: "session_end", command: "session end", value: sessionEndView{}, lines: lines(sessionEnded{})},
		{name: "session-config_check", command: "session-config check", value: sessionCheckView{}},
		{name: "session-config_plan", command: "session-config plan", value: sessionPlanView{}, lines: lines(sessionChoiceView{})},
		{name: "session-config_set", command: "session-config set", value: sessionSetView{}},
		{name: "doctor", command: "doctor", value: doctorView{}},
		{name: "reconcile", command: "reconcile", value: reconcileView{}, lines: lines(differenceView{})},
		{name: "audit-log_show", command: "audit-log show", value: auditRecordsView{}, lines: lines(auditRecordView{})},
		{name: "audit-log_verify", command: "audit-log verify", value: auditReportView{}},
		{name: "service_show", command: "service show", value: serviceDocument{}},
		{name: "service_check", command: "service check", value: serviceCheckView{}},
		{name: "service_create", command: "service create", value: serviceCreateView{}},
		{name: "detach", command: "detach", value: detachDocument{}},
		{name: "policy_show", command: "policy show", value: policyDocument{}},
		{name: "notify_pending", command: "notify pending", value: mailsView{}, lines: lines(mailView{})},
		{name: "grants", command: "grants", when: "without `--twilio`", value: grantsDocument{}},
		{name: "grants_twilio", command: "grants", when: "with `--twilio`", value: twilioGrantsView{}},
		{name: "sandbox", command: "sandbox", value: sandboxDocument{}},
		{name: "sandbox_stop", command: "sandbox stop", value: sandboxStopView{}},
		{name: "sandbox_code", command: "sandbox code", value: phoneCodeDocument{}},
		{name: "version", command: "version", value: versionDocument{}},
		{name: "error", value: errorView{}},
	}
}

const schemaDir = "../docs/schema"

// source is what the source text of a package says that reflection does not: comments, and the constants of a type.
type source struct {
	comments map[string]string   // of a field, as Type.Field
	values   map[string][]string // of a type: its constants; a type of another package is package.Type
}

var (
	readSources = map[string]*source{}
	sourcesLock sync.Mutex
)

// sourceOf reads the package with this path.
func sourceOf(path string) *source {
	sourcesLock.Lock()
	defer sourcesLock.Unlock()
	if s := readSources[path]; s != nil {
		return s
	}
	s := &source{comments: map[string]string{}, values: map[string][]string{}}
	readSources[path] = s
	dir := filepath.Join("..", strings.TrimPrefix(path, "uzerp-mfa"))
	if !strings.HasPrefix(path, "uzerp-mfa/") {
		return s
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			panic(err)
		}
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, spec := range g.Specs {
					s.read(spec)
				}
			}
		}
	}
	return s
}

func (s *source) read(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if st, ok := spec.Type.(*ast.StructType); ok {
			s.readFields(spec.Name.Name, st)
		}
	case *ast.ValueSpec:
		name := ""
		switch t := spec.Type.(type) {
		case *ast.Ident:
			name = t.Name
		case *ast.SelectorExpr:
			if pkg, ok := t.X.(*ast.Ident); ok {
				name = pkg.Name + "." + t.Sel.Name
			}
		}
		for _, v := range spec.Values {
			if text, ok := v.(*ast.BasicLit); ok && text.Kind == token.STRING && name != "" {
				value, err := strconv.Unquote(text.Value)
				if err != nil {
					panic(err)
				}
				s.values[name] = append(s.values[name], value)
			}
		}
	}
}

func (s *source) readFields(name string, st *ast.StructType) {
	for _, f := range st.Fields.List {
		comment := strings.TrimSpace(strings.ReplaceAll(f.Doc.Text()+f.Comment.Text(), "\n", " "))
		for _, n := range f.Names {
			s.comments[name+"."+n.Name] = comment
		}
	}
}

// constants returns what a text of this type may be, if that is a type of ours with constants.
func constants(t reflect.Type) []any {
	if t.Kind() != reflect.String || t.PkgPath() == "" {
		return nil
	}
	found := slices.Clone(sourceOf(t.PkgPath()).values[t.Name()])
	if t.PkgPath() != "uzerp-mfa/cmd" {
		found = append(found, sourceOf("uzerp-mfa/cmd").values[filepath.Base(t.PkgPath())+"."+t.Name()]...)
	}
	var all []any
	for _, value := range found {
		all = append(all, value)
	}
	return all
}

// schemaName returns the name of a type in a schema.
func schemaName(t reflect.Type) string {
	if t.Kind() != reflect.Struct && t.Name() != "" { // a word, which may have the name of an object
		return filepath.Base(t.PkgPath()) + "." + t.Name()
	}
	name := strings.TrimSuffix(t.Name(), "View")
	if name == "" { // a list
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// schemaOf returns the schema of a document.
func schemaOf(d document) *jsonschema.Schema {
	types := map[string]reflect.Type{} // of the definitions
	r := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, AllowAdditionalProperties: true, Namer: func(t reflect.Type) string {
		name := schemaName(t)
		if was, ok := types[name]; ok && was != t && name != "" {
			panic(fmt.Sprintf("%s and %s have the same name in a schema", was, t))
		}
		types[name] = t
		return name
	}, LookupComment: func(t reflect.Type, field string) string {
		if field == "" {
			return ""
		}
		return sourceOf(t.PkgPath()).comments[t.Name()+"."+field]
	}}
	s := r.ReflectFromType(reflect.TypeOf(d.value))
	for _, line := range d.lines { // of which the document may have none
		t := reflect.TypeOf(line)
		if _, ok := s.Definitions[schemaName(t)]; ok {
			continue
		}
		own := r.ReflectFromType(t)
		maps.Copy(s.Definitions, own.Definitions)
		own.Definitions, own.Version = nil, ""
		s.Definitions[schemaName(t)], types[schemaName(t)] = own, t
	}
	s.Title = "uzerp-mfa " + d.command + " -o json"
	if d.command == "" {
		s.Title = "an error of uzerp-mfa, on stderr"
	}
	refine(s, reflect.TypeOf(d.value))
	for name, definition := range s.Definitions {
		refine(definition, types[name])
	}
	return s
}

// refine adds what reflection does not say: null, and the values of a text.
func refine(s *jsonschema.Schema, t reflect.Type) {
	if t.Kind() != reflect.Struct || s.Properties == nil {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			refine(s, f.Type)
			continue
		}
		property, ok := s.Properties.Get(name)
		if !ok {
			continue
		}
		if property.Description == "" {
			property.Description = everywhere[name]
		}
		refineValue(property, f.Type)
		if name == "schema_version" {
			property.Const = json.Number(strconv.Itoa(schemaVersion))
		}
	}
}

// everywhere are the keys that mean the same in every document.
var everywhere = map[string]string{
	"schema_version": "changes when a key changes its meaning or goes away",
	"changed":        "whether this run has changed something",
	"dry_run":        "whether --dry-run was given, so that nothing was changed",
}

func refineValue(s *jsonschema.Schema, t reflect.Type) {
	nullable := t.Kind() == reflect.Pointer || t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Interface
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s.Enum = append(s.Enum, constants(t)...)
	switch {
	case t.Kind() == reflect.Slice:
		refineValue(s.Items, t.Elem())
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Interface:
		s.AdditionalProperties = &jsonschema.Schema{Extras: map[string]any{"type": []string{"string", "boolean", "number", "null"}}}
	case t.Kind() == reflect.Map:
		refineValue(s.AdditionalProperties, t.Elem())
	}
	switch {
	case !nullable:
	case s.Ref != "":
		s.AnyOf, s.Ref = []*jsonschema.Schema{{Ref: s.Ref}, {Type: "null"}}, ""
	default:
		s.Extras, s.Type = map[string]any{"type": []string{s.Type, "null"}}, ""
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
	}
}

func schemaText(d document) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schemaOf(d)); err != nil {
		panic(err)
	}
	return b.String()
}

// docs/schema is made from the types of the views. A change of one shows in the diff what clients will see.
func TestSchemas(t *testing.T) {
	want := map[string]string{}
	for _, d := range documents() {
		want[d.name+".json"] = schemaText(d)
	}
	got := map[string]string{}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.RemoveAll(schemaDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(schemaDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(schemaDir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(schemaDir + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(text)
	}
	want["json.md"], got["json.md"] = reference(), pageText(t, "json.md")
	intro, _, ok := strings.Cut(got["json.md"], referenceHeading)
	if !ok {
		t.Fatalf("docs/json.md has no heading %q", referenceHeading)
	}
	want["json.md"] = intro + want["json.md"]
	if flag.Lookup("update").Value.String() == "true" {
		got["json.md"] = want["json.md"]
		if err := os.WriteFile("../docs/json.md", []byte(want["json.md"]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/schema is not what the views say, run make docs (-docs +views):\n%s", diff)
	}
}

// Every key is described, in words that stand in docs/json.md too.
func TestEveryKeyIsDescribed(t *testing.T) {
	n := 0
	for _, d := range documents() {
		s := schemaOf(d)
		for _, object := range append(slices.Collect(maps.Values(s.Definitions)), s) {
			for key, property := range object.Properties.FromOldest() {
				n++
				if property.Description == "" || strings.HasSuffix(property.Description, ".") {
					t.Errorf("%s: %q is described as %q: a comment at the field of the view does that, without a full stop", d.name, key, property.Description)
				}
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d keys", n)
	}
}

// referenceHeading begins the part of docs/json.md that is made from the schemas.
const referenceHeading = "## Documents\n"

// reference returns that part.
func reference() string {
	b := &strings.Builder{}
	b.WriteString(referenceHeading + "\nThis part is made from the program's own types, as the schemas are.\n")
	for _, d := range documents() {
		s := schemaOf(d)
		title := d.command
		switch {
		case d.command == "":
			title = "an error"
		case strings.HasSuffix(d.when, "`--twilio`") && strings.HasPrefix(d.when, "with "):
			title += " --twilio"
		}
		fmt.Fprintf(b, "\n### %s\n\n", title)
		about := "Schema: `" + d.name + ".json`."
		var lines []string
		for _, line := range d.lines {
			lines = append(lines, "`"+schemaName(reflect.TypeOf(line))+"`")
		}
		if len(lines) > 0 {
			about += " A line of `-o jsonl` is " + strings.Join(lines, ", or with `--suspicious` ") + "."
		}
		b.WriteString(about + "\n\n")
		describe(b, s, s.Definitions, "", nil)
	}
	return b.String()
}

// describe writes the keys of an object, each on a line of its own, with those of the objects in it.
func describe(b *strings.Builder, object *jsonschema.Schema, defs jsonschema.Definitions, indent string, within []string) {
	for key, p := range object.Properties.FromOldest() {
		words, inner := valueWords(p)
		text := fmt.Sprintf("- `%s` (%s): %s", key, words, p.Description)
		start := indent
		for line := range strings.Lines(output.Fill("", text, 120-len(indent), 0)) {
			b.WriteString(start + line)
			start = indent + "  "
		}
		if inner != "" && !slices.Contains(within, inner) {
			describe(b, defs[inner], defs, indent+"  ", append(slices.Clone(within), inner))
		}
	}
}

// valueWords says what a value is, and which definition has its keys.
func valueWords(s *jsonschema.Schema) (words, inner string) {
	null := ""
	kind := s.Type
	if kinds, ok := s.Extras["type"].([]string); ok {
		kind, null = kinds[0], " or `null`"
	}
	if len(s.AnyOf) > 0 {
		words, inner = valueWords(s.AnyOf[0])
		return words + " or `null`", inner
	}
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return "`" + name + "`", name
	}
	var values []string
	for _, v := range s.Enum {
		if v != nil {
			values = append(values, fmt.Sprintf("`%s`", v))
		}
	}
	switch {
	case len(values) > 0:
		words = strings.Join(values, ", ")
	case kind == "array":
		words, inner = valueWords(s.Items)
		words = "list of " + words
	case kind == "string" && s.Format == "date-time":
		words = "time"
	case kind == "string" && s.Format == "date":
		words = "day"
	case kind == "string":
		words = "text"
	case kind == "integer", kind == "number":
		words = "number"
	case kind == "boolean":
		words = "true or false"
	default:
		words = "object"
	}
	return words + null, inner
}

// Every command that has JSON has a schema, and every command that can be tried dry says in it what it has changed.
func TestEveryDocumentHasASchema(t *testing.T) {
	byCommand := map[string][]document{}
	for _, d := range documents() {
		byCommand[d.command] = append(byCommand[d.command], d)
	}
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	n := 0
	walk(newRootCmd(app), func(c *cobra.Command) {
		app.flags.output = "none" // each command says first that it has no such format, and which it has
		e, ok := errors.AsType[*errs.Error](c.RunE(c, nil))
		if !ok || !strings.Contains((&App{}).hintOf(e), "it has table, json") {
			return
		}
		n++
		name := commandName(c)
		if byCommand[name] == nil {
			t.Errorf("%s has no schema", name)
		}
		for _, d := range byCommand[name] {
			s := schemaOf(d)
			for _, key := range []string{"changed", "dry_run"} {
				dry := c.Flags().Lookup("dry-run") != nil
				if _, has := s.Properties.Get(key); dry && !has || has && !dry && key == "dry_run" {
					t.Errorf("%s: %q at the top: %t", name, key, has)
				}
			}
		}
	})
	if n < 25 {
		t.Errorf("only %d commands have JSON", n)
	}
}

// The schemas that documents are held against allow no other keys than they name: so no key can be forgotten. And a text that is
// described as nothing else is no instant and no day: so no format can be forgotten. Instants are in UTC.
var strictSchemas = sync.OnceValues(func() (map[string]*validator.Schema, error) {
	compiled := map[string]*validator.Schema{}
	c := validator.NewCompiler()
	c.AssertFormat()
	for _, d := range documents() {
		parsed, err := validator.UnmarshalJSON(strings.NewReader(schemaText(d)))
		if err != nil {
			return nil, err
		}
		closeSchema(parsed)
		if err := c.AddResource(d.name+".json", parsed); err != nil {
			return nil, err
		}
		if compiled[d.name], err = c.Compile(d.name + ".json"); err != nil {
			return nil, err
		}
		for _, at := range d.lineSchemas() {
			if compiled[at], err = c.Compile(at); err != nil {
				return nil, err
			}
		}
	}
	return compiled, nil
})

func closeSchema(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, ok := schema["properties"]; ok && schema["type"] == "object" {
			schema["additionalProperties"] = false
		}
		for _, inner := range schema {
			closeSchema(inner)
		}
		if schema["format"] == "date-time" {
			schema["pattern"] = "Z$"
		}
		if schema["format"] == nil && (schema["type"] == "string" || fmt.Sprint(schema["type"]) == "[string null]") {
			schema["not"] = map[string]any{"type": "string", "anyOf": []any{map[string]any{"format": "date-time"}, map[string]any{"format": "date"}}}
		}
	case []any:
		for _, inner := range schema {
			closeSchema(inner)
		}
	}
}

// lineSchemas returns the names of the schemas of the lines of -o jsonl.
func (d document) lineSchemas() (names []string) {
	for _, line := range d.lines {
		names = append(names, d.name+".json#/$defs/"+schemaName(reflect.TypeOf(line)))
	}
	return names
}

// A text that holds an instant or a day must be described as one, and an instant is in UTC.
func TestStrictSchemas(t *testing.T) {
	for build, want := range map[string]bool{
		`"commit":"abc","date":"2026-01-02T03:04:05Z"`:                  true,
		`"commit":null,"date":null`:                                     true,
		`"commit":"abc","date":"unknown"`:                               false,
		`"commit":"abc","date":"2026-01-02T03:04:05+01:00"`:             false,
		`"commit":"2026-01-02T03:04:05Z","date":"2026-01-02T03:04:05Z"`: false,
		`"commit":"2026-01-02","date":"2026-01-02T03:04:05Z"`:           false,
		`"commit":"abc"`: false,
		`"commit":"abc","date":"2026-01-02T03:04:05Z","more":1`: false,
	} {
		text := `{"schema_version":1,"version":{"version":"1.0.0","go":"go1.26",` + build + `}}`
		if err := CheckJSON([]string{"version", "-o", "json"}, 0, text, ""); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Seen is which documents the program has printed in the tests, and which kinds of lines.
var Seen = struct {
	sync.Mutex
	Names map[string]bool
}{Names: map[string]bool{}}

// SchemaNames returns the names of all schemas, also of those of lines.
func SchemaNames() (names []string) {
	for _, d := range documents() {
		names = append(append(names, d.name), d.lineSchemas()...)
	}
	return names
}

// CheckJSON returns what is wrong with what the program has printed for a command line, held against the schemas; nil if it was to
// print no JSON. stderr is empty if it is not known.
func CheckJSON(args []string, exit int, stdout, stderr string) error {
	app := newApp(Process{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: func(string) (string, bool) { return "", false }})
	c, rest, err := newRootCmd(app).Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	format := app.flags.output
	if err != nil && asksForJSON(args) {
		format = formatJSON
	}
	if format != formatJSON && format != formatJSONL {
		return nil
	}
	schemas, compileErr := strictSchemas()
	if compileErr != nil {
		return compileErr
	}
	if err := checkError(schemas["error"], exit, stderr); err != nil {
		return err
	}
	if err != nil || commandName(c) == "sandbox" && !c.Flags().Changed("detach") {
		return nil
	}
	command := commandName(c)
	if c.Flags().Changed("version") { // uzerp-mfa --version
		command = "version"
	}
	return checkStdout(schemas, command, format, exit, stdout)
}

// checkError checks that an error is one object, behind warnings.
func checkError(schema *validator.Schema, exit int, stderr string) error {
	n := 0
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, `{"schema_version"`) {
			continue
		}
		n++
		value, err := validator.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			return fmt.Errorf("the error on stderr: %w", err)
		}
		seen("error")
	}
	if exit > 0 && exit != 130 && stderr != "" && n != 1 {
		return fmt.Errorf("%d error objects on stderr with exit code %d", n, exit)
	}
	return nil
}

func checkStdout(schemas map[string]*validator.Schema, command, format string, exit int, stdout string) error {
	var names []string
	for _, d := range documents() {
		switch {
		case d.command != command || command == "":
		case format == formatJSON:
			names = append(names, d.name)
		default:
			names = append(names, d.lineSchemas()...)
		}
	}
	answers := []int{0, 3, 9} // with these there is a document
	if format == formatJSON && stdout == "" && slices.Contains(answers, exit) {
		return fmt.Errorf("no document on stdout with exit code %d", exit)
	}
	texts := []string{stdout}
	if format == formatJSONL {
		texts = slices.Collect(strings.Lines(stdout))
	}
	for _, text := range texts {
		if text == "" {
			continue
		}
		value, err := validator.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return fmt.Errorf("not one JSON document: %w", err)
		}
		matched := ""
		var wrong error
		for _, name := range names {
			if err := schemas[name].Validate(value); err != nil {
				wrong = errors.Join(wrong, err)
			} else {
				matched = name
			}
		}
		if matched == "" {
			return fmt.Errorf("what %s prints fits no schema of %q: %w\n%s", command, names, wrong, text)
		}
		seen(matched)
	}
	return nil
}

func seen(name string) {
	Seen.Lock()
	defer Seen.Unlock()
	Seen.Names[name] = true
}
