package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/shell"
)

// sandboxView is a sandbox that runs in the background.
type sandboxView struct {
	Root     string            `json:"root"`     // its uzERP directory
	Settings map[string]string `json:"settings"` // environment variables for everything that works on it
	Unset    []string          `json:"unset"`    // variables of the caller's that lead elsewhere
}

type sandboxDocument struct {
	SchemaVersion int `json:"schema_version"`
	// the sandbox that runs now
	Sandbox sandboxView `json:"sandbox"`
}

// detachSandbox starts a process that holds a sandbox, prints its settings, and leaves it behind. That process has none of our files
// but one pipe, which it closes: neither a terminal nor a shell's $(...) waits for it.
func detachSandbox(ctx context.Context, app *App) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := app.becomeCaller(); err != nil {
		return err
	}
	if err := keepFiles(); err != nil {
		return err
	}
	said, err := os.CreateTemp("", "uzerp-mfa-said-") // a pipe would end the process when it says something later
	if err != nil {
		return &errs.Error{Kind: errs.Config, Op: "make a file for what the sandbox says", Err: err}
	}
	defer func() { _ = said.Close() }()
	if err := os.Remove(said.Name()); err != nil {
		return err
	}
	c := &exec.Cmd{ // it outlives this command
		Path: program, Args: []string{os.Args[0], "sandbox", "--" + heldFlag, "-o", app.flags.output}, Dir: "/",
		Stderr: said, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	settings, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Signal(syscall.SIGTERM) }) // Ctrl-C while it starts
	text, readErr := io.ReadAll(io.LimitReader(settings, longestSettings))
	var document sandboxDocument
	if !stop() || readErr != nil || json.Unmarshal(text, &document) != nil {
		return sandboxFailed(app, c, said)
	}
	if err := showSandbox(app, document); err != nil {
		_ = c.Process.Signal(syscall.SIGTERM) // nobody knows of it
		_ = c.Wait()
		return err
	}
	app.streams.Notef("the sandbox runs in the background, until sandbox stop")
	return c.Process.Release()
}

// keepFiles lets a process that this one starts have none of the files which were open when this one began. A script may hold a lock
// by one, or another program may wait for the end of a pipe.
func keepFiles() error {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return &errs.Error{Kind: errs.Config, Op: "find out which files are open", Err: err}
	}
	for _, f := range open {
		if n, err := strconv.Atoi(f.Name()); err == nil && n > 2 {
			syscall.CloseOnExec(n)
		}
	}
	return nil
}

// longestSettings is more than the settings of a sandbox take.
const longestSettings = 1 << 20

// sandboxFailed passes on what the process said that could not start a sandbox, and its exit code.
func sandboxFailed(app *App, c *exec.Cmd, said *os.File) error {
	_ = c.Process.Signal(syscall.SIGTERM)
	err := c.Wait()
	if _, seekErr := said.Seek(0, io.SeekStart); seekErr == nil {
		_, _ = io.Copy(app.process.Err, io.LimitReader(said, longestSettings)) // it has made everything visible already
	}
	if code := c.ProcessState.ExitCode(); code > 0 {
		return childExit(code)
	}
	return fmt.Errorf("the sandbox did not start: %w", err)
}

func showSandbox(app *App, d sandboxDocument) error {
	if app.flags.output != formatTable {
		return output.WriteJSON(app.streams.Out, d)
	}
	return exportSettings(app, d.Sandbox)
}

// exportSettings prints settings for a shell.
func exportSettings(app *App, v sandboxView) error {
	for _, name := range v.Unset {
		if err := output.Fprintf(app.streams.Out, "unset %s\n", name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Settings)) {
		if err := output.Fprintf(app.streams.Out, "export %s=%s\n", name, shell.Quote(v.Settings[name])); err != nil {
			return err
		}
	}
	return app.streams.Out.Flush()
}

func viewSandbox(root string, env, unset []string) sandboxView {
	v := sandboxView{Root: root, Settings: map[string]string{}, Unset: append([]string{}, unset...)}
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		v.Settings[name] = value
	}
	return v
}

// holdSandbox says the settings, closes what it was started with, and waits until it is to end.
func holdSandbox(ctx context.Context, app *App, root string, env, unset []string, detach func() error) error {
	if err := detach(); err != nil {
		return err
	}
	document := sandboxDocument{SchemaVersion: schemaVersion, Sandbox: viewSandbox(root, env, unset)}
	if err := output.WriteJSON(app.streams.Out, document); err != nil {
		return err
	}
	if err := app.streams.Out.Flush(); err != nil {
		return err
	}
	if err := app.process.Out.Close(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

type sandboxStopView struct {
	SchemaVersion int  `json:"schema_version"`
	Changed       bool `json:"changed"`
	// what became of it
	Result stopResult `json:"result"`
	Root   *string    `json:"root"` // null if there was none to stop
}

func newSandboxStopCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "stop",
		Short: "End a sandbox that runs in the background",
		Long: `Ends the sandbox that sandbox --detach started in this shell (UZERP_ROOT names it), or without that the only one in the
directory for temporary files, and waits until it is gone. It removes what is left of one that was killed. With nothing to stop it
says so, and ends with 0.`,
		Annotations: exitCodes(errs.Config, errs.Refused, errs.Unavailable),
		Example:     "  uzerp-mfa sandbox stop",
		Args:        cobra.NoArgs,
	}
	c.RunE = app.run(oneFormats, func(ctx context.Context, _ []string) error { return runSandboxStop(ctx, app) })
	return c
}

func runSandboxStop(ctx context.Context, app *App) error {
	named := app.getenv("UZERP_ROOT")
	result, root, err := app.stopSandbox(ctx, named)
	if err != nil {
		return err
	}
	changed := result != stopNone
	if app.flags.output != formatTable {
		v := sandboxStopView{SchemaVersion: schemaVersion, Changed: changed, Result: result}
		if changed {
			v.Root = &root
		}
		return output.WriteJSON(app.streams.Out, v)
	}
	switch result {
	case stopNone:
		app.streams.Notef("nothing to stop: %s", whereNone(named))
	case stopTidied:
		app.streams.Notef("the sandbox had been killed; what it left behind is removed")
	case stopStopped:
		app.streams.Notef("the sandbox has ended, and all of it is gone")
	}
	return nil
}

// whereNone says where there is no sandbox, and which setting leads there: it may be elsewhere.
func whereNone(named string) string {
	if named != "" {
		return fmt.Sprintf("there is no %q (from UZERP_ROOT) any more", named)
	}
	return fmt.Sprintf("you have no detached sandbox in %q (TMPDIR chooses the directory); UZERP_ROOT names one that is elsewhere", sandboxParent())
}
