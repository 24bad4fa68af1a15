package cmd

import (
	"slices"
	"strings"

	"uzerp-mfa/internal/output"
	"uzerp-mfa/internal/verifyservice"
)

// twilioNeed is a permission of a restricted API key, the commands that need it, and the sets that it belongs to.
type twilioNeed struct {
	permission verifyservice.Permission
	commands   []string
	sets       []twilioSet
}

// twilioSet is a set of permissions, for the keys of one kind of machine or people.
type twilioSet string

// The sets.
const (
	setMonitoring twilioSet = "monitoring"
	setHelpdesk   twilioSet = "helpdesk"
	setEnrollment twilioSet = "enrollment"
	setAll        twilioSet = "all" // every permission
)

func twilioSets() []string {
	return []string{string(setMonitoring), string(setHelpdesk), string(setEnrollment), string(setAll)}
}

// twilioNeeds are all permissions that this program needs. A script runs the commands of each set with a key that has no more.
func twilioNeeds() []twilioNeed {
	everybody := []twilioSet{setMonitoring, setHelpdesk, setEnrollment}
	desk := []twilioSet{setHelpdesk, setEnrollment}
	identify := []string{"identity send", "identity check", "user reset --identify", "user disable-next-login --identify", "enroll --identify", "assist"}
	return []twilioNeed{
		{verifyservice.MayReadService, []string{"all that ask Twilio"}, everybody},
		{verifyservice.MayListEntities, []string{"reconcile"}, []twilioSet{setMonitoring}},
		{verifyservice.MayListFactors, []string{"user show", "user reset", "enroll", "verify", "reconcile", "assist"}, everybody},
		{verifyservice.MayReadFactor, []string{"user history", "user reset", "enroll", "verify", "reconcile"}, everybody},
		{verifyservice.MayCreateFactor, []string{"enroll"}, []twilioSet{setEnrollment}},
		{verifyservice.MayUpdateFactor, []string{"enroll", "verify"}, []twilioSet{setEnrollment}},
		{verifyservice.MayDeleteFactor, []string{"user reset", "enroll --replace", "reconcile --fix"}, desk},
		{verifyservice.MayCreateChallenge, []string{"verify --check", "assist"}, desk},
		{verifyservice.MayListChallenges, []string{"user history", "user show", "assist"}, everybody},
		{verifyservice.MayCreateVerification, slices.Concat(identify[:1], identify[2:]), desk},
		{verifyservice.MayCheckVerification, identify, desk},
		{verifyservice.MayReadVerification, identify, desk},
		{verifyservice.MayCreateService, []string{"service create"}, nil},
	}
}

type twilioGrantsView struct {
	SchemaVersion int `json:"schema_version"`
	// for what the key is
	Set twilioSet `json:"set"`
	// what to tick in Twilio's console
	Permissions []permissionView `json:"permissions"`
	// the parameter Policy of Twilio's IAM API
	Policy twilioPolicy `json:"policy"`
}

type permissionView struct {
	// its name in Twilio's console
	Permission verifyservice.Permission `json:"permission"`
	// which commands need it
	Commands []string `json:"commands"`
}

// twilioPolicy is the parameter Policy of Twilio's IAM API (POST https://iam.twilio.com/v1/Keys, with KeyType=restricted).
type twilioPolicy struct {
	// the names of the permissions
	Allow []verifyservice.Permission `json:"allow"`
}

// viewTwilioGrants returns the permissions of a set.
func viewTwilioGrants(set twilioSet) twilioGrantsView {
	v := twilioGrantsView{SchemaVersion: schemaVersion, Set: set}
	for _, need := range twilioNeeds() {
		if set == setAll || slices.Contains(need.sets, set) {
			v.Permissions = append(v.Permissions, permissionView{need.permission, need.commands})
			v.Policy.Allow = append(v.Policy.Allow, need.permission)
		}
	}
	return v
}

// writeTwilioGrants prints the permissions, each as it stands in Twilio's console, with the commands that need it.
func writeTwilioGrants(app *App, set twilioSet) error {
	v := viewTwilioGrants(set)
	if app.flags.output == formatJSON {
		return output.WriteJSON(app.streams.Out, v)
	}
	var rows [][]string
	for _, p := range v.Permissions {
		rows = append(rows, []string{string(p.Permission), strings.Join(p.Commands, ", ")})
	}
	return app.writeTable(nil, []column{{name: "permission"}, {name: "commands that need it", fit: output.Prose}}, rows)
}
