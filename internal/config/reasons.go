package config

import "uzerp-mfa/internal/errs"

// The reasons that hints have. None has parts.
const (
	ReasonNoDatabase      errs.Reason = "no-database"      // no database is set
	ReasonNoTwilio        errs.Reason = "no-twilio"        // settings for Twilio are missing
	ReasonForeignService  errs.Reason = "foreign-service"  // the settings name another service than uzERP's
	ReasonForeignDatabase errs.Reason = "foreign-database" // the settings name another database than uzERP's
	ReasonStrangers       errs.Reason = "strangers"        // somebody else could have put uzERP's files there
	ReasonStrangersFile   errs.Reason = "strangers-file"   // the same of --env-file
)

// The names of the flags that give a setting. Where a setting comes from may be one of them.
const (
	FlagDatabaseURL = "database-url"
	FlagUzerpRoot   = "uzerp-root"
	FlagEnvFile     = "env-file"
	FlagNotUzerps   = "database-not-uzerps" // says that another database than uzERP's is meant
)

// VariableVerifyURL is the variable that names another address than Twilio's own.
const VariableVerifyURL = "UZERP_MFA_VERIFY_URL"

// VariableUzerpRoot is the variable that names uzERP's directory.
const VariableUzerpRoot = "UZERP_ROOT"
