package cmd

import (
	"context"
	"runtime/debug"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/output"
)

// build is what this program was made from.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// readBuild asks the binary itself; "unknown" where it was built outside a checkout.
func readBuild() build {
	b := build{Version: "unknown", Commit: "unknown", Go: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}

type versionDocument struct {
	SchemaVersion int   `json:"schema_version"`
	Version       build `json:"version"`
}

func newVersionCmd(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the Go version",
		Long:    "Prints what this program was built from.\n\n" + exitCodes(),
		Example: "  uzerp-mfa version\n  uzerp-mfa version -o json",
		Args:    noArgs,
	}
	c.RunE = app.run(oneFormats, func(context.Context, []string) error {
		b := readBuild()
		if app.flags.output == formatJSON {
			return output.WriteJSON(app.streams.Out, versionDocument{SchemaVersion: schemaVersion, Version: b})
		}
		return output.Fprintf(app.streams.Out, "uzerp-mfa %s\ncommit %s\n%s\n", b.Version, b.Commit, b.Go)
	})
	return c
}
