package cmd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uzerp-mfa/internal/sharedtest"
)

// The client of docs/json-client.md is generated from the schemas, built, and works against the sandbox, as the page says.
func TestClientFromTheSchemas(t *testing.T) {
	blocks := map[string][]string{}
	for i, part := range strings.Split(readFile(t, "../docs/json-client.md"), "```") {
		if language, text, _ := strings.Cut(part, "\n"); i%2 == 1 {
			blocks[language] = append(blocks[language], text)
		}
	}
	if len(blocks["sh"]) != 2 || len(blocks["go"]) != 1 || len(blocks[""]) != 1 {
		t.Fatalf("other blocks than the test knows: %q", blocks)
	}
	schema, err := filepath.Abs("../docs/schema")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shell := func(script string) (string, string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), hangs)
		defer cancel()
		c := exec.CommandContext(ctx, "sh", "-ec", script)
		c.Dir = dir
		c.Env = append(os.Environ(), "schema="+schema, "GOFLAGS=-mod=mod -buildvcs=false", "PATH="+filepath.Dir(shipped(t))+":"+os.Getenv("PATH"))
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		err := c.Run()
		return stdout.String(), stderr.String(), err
	}
	if _, stderr, err := shell(blocks["sh"][0]); err != nil {
		if strings.Contains(stderr, "dial tcp") || strings.Contains(stderr, "lookup ") || strings.Contains(stderr, "module lookup disabled") {
			sharedtest.LeaveOut(t, sharedtest.Client, err)
		}
		t.Fatalf("%v\n%s", err, stderr)
	}
	writeFile(t, filepath.Join(dir, "main.go"), blocks["go"][0])
	got, stderr, err := shell(blocks["sh"][1])
	if err != nil || got != blocks[""][0] {
		t.Errorf("%v; it prints:\n%s%s", err, got, stderr)
	}
}
