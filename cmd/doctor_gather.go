package cmd

import (
	"context"
	"slices"
	"strings"
	"sync"

	"uzerp-mfa/internal/audit"
	"uzerp-mfa/internal/config"
	"uzerp-mfa/internal/doctor"
	"uzerp-mfa/internal/errs"
	"uzerp-mfa/internal/injector"
	"uzerp-mfa/internal/sessionconfig"
)

// This file asks for all that package doctor judges. What fails is an answer too, and never the end; after the first
// silence nothing more is asked of who is silent, so that each costs one time limit.

// gatherInstallation asks the database and Twilio at the same time, after uzERP's files were read. The audit log is read
// beside them: it may be long, and must not take their time away, for they would seem not to answer.
func gatherInstallation(ctx context.Context, app *App, opts *doctorOptions) doctor.Input {
	in := doctor.Input{Now: app.now(), Gateway: opts.gateway}
	gatherSettings(app, &in)
	gatherSession(app, opts, &in)
	ours, _ := app.loader.Twilio() // in.Twilio has the error
	theirs, err := app.loader.UzerpTwilio()
	if err != nil || in.Env.Path == "" || in.Env.Problem != "" || len(in.Env.Missing) > 0 {
		theirs = config.Twilio{} // they would be this program's own
	}
	var all sync.WaitGroup
	all.Go(func() { gatherAuditLog(ctx, app, &in) })
	if in.Database.OK() {
		all.Go(func() { gatherDatabase(ctx, app, &in) })
	}
	all.Go(func() { gatherTwilio(ctx, app, ours, theirs, &in) })
	all.Wait()
	return in
}

// gatherSettings resolves the settings. What is set but can't work is an error here already.
func gatherSettings(app *App, in *doctor.Input) {
	inst, err := app.loader.Installation()
	place := doctor.Place{}
	if inst != nil {
		place.Value, place.Source = app.loader.Root()
		in.Env = app.loader.UzerpSettings()
	}
	in.Root = doctor.Got(place, err)

	d, err := app.loader.Database()
	in.Database = doctor.Got(doctor.Place{Source: d.Source}, err)

	t, err := app.loader.Twilio()
	if err == nil {
		err = app.reader.CheckSettings(t)
	}
	in.Twilio = doctor.Got(doctor.Credentials{
		AccountSID: t.AccountSID, Token: t.UsesToken(), Address: t.VerifyURL, TwilioOwn: t.OwnAddress(), From: t.From(),
	}, err)

	region := app.getenv(phoneRegion)
	in.Region = doctor.Got(doctor.Place{Value: strings.ToUpper(region), Source: phoneRegion}, checkRegion(region))
}

func gatherSession(app *App, opts *doctorOptions, in *doctor.Input) {
	if opts.file == "" && (in.Env.Path == "" || in.Env.Problem != "") {
		return // uzERP reads no settings, and the check of those says why
	}
	session, err := app.sessionInput(opts.file, opts.phpIni)
	in.Session = doctor.Got(sessionconfig.Check(session), err)
}

func gatherAuditLog(ctx context.Context, app *App, in *doctor.Input) {
	path, _ := audit.WritePath(app.flags.auditLog, app.getenv)
	exists, err := audit.Examine(path)
	in.AuditLog = doctor.Got(doctor.LogFile{Path: path, Exists: exists}, err)

	path = auditLogPath(app)
	log, err := audit.OpenFile(ctx, path)
	if errs.KindOf(err) == errs.NotFound && err != nil {
		in.AuditChain = doctor.Got(doctor.Chain{Path: path, None: true}, nil)
		return
	}
	if err != nil {
		in.AuditChain = doctor.Got(doctor.Chain{}, err)
		return
	}
	defer func() { _ = log.Close() }()
	report, err := audit.Verify(log, "")
	if err != nil {
		in.AuditChain = doctor.Got(doctor.Chain{}, err)
		return
	}
	chain := doctor.Chain{Path: path, Records: report.Records, Open: len(report.Open), TornTail: report.TornTail()}
	for _, f := range report.Findings {
		chain.Findings = append(chain.Findings, f.Message)
	}
	in.AuditChain = doctor.Got(chain, nil)
}

// gatherTwilio fetches the service with this program's settings, and with uzERP's where there are any and they are others.
func gatherTwilio(ctx context.Context, app *App, ours, theirs config.Twilio, in *doctor.Input) {
	var silent bool
	if in.Twilio.OK() {
		service, offset, err := app.reader.ServiceOf(ctx, ours)
		in.Service = doctor.Got(service, err)
		if err == nil {
			in.Clock = doctor.Got(offset, nil)
		}
		silent = isSilent(ctx, err)
	}
	switch {
	case silent, theirs.AccountSID == "":
	case theirs.Same(ours):
		in.UzerpService = in.Service
	default:
		service, _, err := app.reader.ServiceOf(ctx, theirs)
		in.UzerpService = doctor.Got(service, err)
	}
}

// isSilent tells whether it makes no sense to ask again.
func isSilent(ctx context.Context, err error) bool {
	return err != nil && (errs.KindOf(err) == errs.Unavailable || ctx.Err() != nil)
}

func gatherDatabase(ctx context.Context, app *App, in *doctor.Input) {
	site, err := app.reader.Injector(ctx)
	in.Reached = doctor.Got(struct{}{}, err)
	if err != nil {
		return
	}
	schema, err := app.reader.Schema(ctx)
	in.Schema = doctor.Got(schema, err)
	if err != nil || errs.KindOf(schema.Problem) == errs.Config && schema.Problem != nil {
		return
	}
	missing, err := app.reader.MissingRights(ctx)
	in.Rights = doctor.Got(missing, err)
	if isSilent(ctx, err) {
		return
	}
	classes, err := site.InjectorClasses(ctx, injector.Names())
	in.Classes = doctor.Got(classes, err)
	if isSilent(ctx, err) {
		return
	}
	err = site.CheckNoTrial(ctx)
	onTrial := err != nil && errs.KindOf(err) == errs.Refused
	if onTrial {
		err = nil
	}
	in.Trial = doctor.Got(onTrial, err)
	if isSilent(ctx, err) || schema.Problem != nil {
		return
	}
	gatherUsers(ctx, app, in)
}

// personsAtOnce is how many users' persons are asked for in one query.
const personsAtOnce = 500

func gatherUsers(ctx context.Context, app *App, in *doctor.Input) {
	tally := doctor.NewTally()
	stream, err := app.reader.AllUsers(ctx, false)
	if err == nil {
		for u, broken := range stream {
			if err = broken; err != nil {
				break
			}
			tally.Add(u)
		}
	}
	in.Users = doctor.Got(tally, err)
	if err != nil {
		return
	}
	directory, err := app.reader.Directory(ctx)
	if err == nil {
		for names := range slices.Chunk(tally.Asked(), personsAtOnce) {
			persons, failed := directory.Details(ctx, names)
			if err = failed; err != nil {
				break
			}
			tally.AddPersons(persons, in.Now)
		}
	}
	in.Persons = doctor.Got(struct{}{}, err)
}
