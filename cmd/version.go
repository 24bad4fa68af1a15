package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/release"
)

type versionDocument struct {
	SchemaVersion int `json:"schema_version"`
	// what the program was built from
	Version buildView `json:"version"`
}

type buildView struct {
	Version string     `json:"version"` // of the program
	Commit  *string    `json:"commit"`  // ends with -modified if there were changes that are in no commit; null if it is not certain
	Date    *time.Time `json:"date"`    // of the commit, and not of the build: who builds it again gets the same program
	Go      *string    `json:"go"`      // the version of Go that built it
}

func viewBuild(b release.Build) buildView {
	certain := func(text string) *string {
		if text == release.Unknown {
			return nil
		}
		return &text
	}
	v := buildView{Version: b.Version, Commit: certain(b.Commit), Go: certain(b.Go)}
	if date, err := time.Parse(time.RFC3339, b.Date); err == nil {
		v.Date = viewTime(date)
	}
	return v
}

func newVersionCmd(app *App) *cobra.Command {
	var licenses bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Long: `Prints what this program was built from: the version, the commit and its time, and the version of Go. What is not certain
is "unknown", and null in JSON: the commit is known if make built the program in a checkout, or from an archive that git made.

--licenses prints the licences and notices of all that the program is linked with, and of the data in it.`,
		Annotations: exitCodes(),
		Example:     "  uzerp-mfa version\n  uzerp-mfa version -o json\n  uzerp-mfa version --licenses",
		Args:        noArgs,
	}
	c.Flags().BoolVar(&licenses, "licenses", false, "print the licences of what the program is linked with")
	c.RunE = app.run(oneFormats, func(context.Context, []string) error {
		b := release.Read()
		switch asJSON := app.flags.output == formatJSON; {
		case licenses && asJSON:
			return usageError("licences are a text", "leave -o json out; with the packages comes a list of modules in JSON, the SBOM")
		case licenses:
			return app.printLicenses()
		case asJSON:
			return output.WriteJSON(app.streams.Out, versionDocument{SchemaVersion: schemaVersion, Version: viewBuild(b)})
		}
		return output.Fprintf(app.streams.Out, "uzerp-mfa %s\ncommit %s\ndate %s\n%s\n", b.Version, b.Commit, b.Date, b.Go)
	})
	return c
}

func (a *App) printLicenses() error {
	all, err := release.Licenses()
	if err != nil {
		return err
	}
	if err := output.Fprintf(a.streams.Out, "This program is linked with the following, or has data of it.\n"); err != nil {
		return err
	}
	for _, l := range all {
		heading := strings.Join(strings.Fields(l.Module+" "+l.Version), " ")
		if err := output.Fprintf(a.streams.Out, "\n%s\n%s: %s\n\n", strings.Repeat("=", 78), heading, l.File); err != nil {
			return err
		}
		for line := range strings.Lines(l.Text) {
			if err := output.Fprintf(a.streams.Out, "%s\n", strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")); err != nil {
				return err
			}
		}
	}
	return nil
}
