package verifyservice

// Permission is what a restricted API key of Twilio's may be allowed to do (docs/facts/twilio-verify.md §9).
type Permission string

// The permissions for the calls of this program.
const (
	MayReadService        Permission = "/twilio/verify/service/read"
	MayCreateService      Permission = "/twilio/verify/service/create"
	MayListEntities       Permission = "/twilio/verify/entity/list"
	MayListFactors        Permission = "/twilio/verify/factor/list"
	MayReadFactor         Permission = "/twilio/verify/factor/read"
	MayCreateFactor       Permission = "/twilio/verify/factor/create"
	MayUpdateFactor       Permission = "/twilio/verify/factor/update"
	MayDeleteFactor       Permission = "/twilio/verify/factor/delete"
	MayCreateChallenge    Permission = "/twilio/verify/challenge/create"
	MayListChallenges     Permission = "/twilio/verify/challenge/list"
	MayCreateVerification Permission = "/twilio/verify/verification/create"
	MayReadVerification   Permission = "/twilio/verify/verification/read"
	MayCheckVerification  Permission = "/twilio/verify/verification-check/create"
)

// Permissions returns all of them, in the order in which they are shown.
func Permissions() []Permission {
	return []Permission{MayReadService, MayListEntities, MayListFactors, MayReadFactor, MayCreateFactor, MayUpdateFactor, MayDeleteFactor,
		MayCreateChallenge, MayListChallenges, MayCreateVerification, MayCheckVerification, MayReadVerification, MayCreateService}
}

// Access is what an API key may do, as far as that can be seen without a change.
type Access struct{ Has, Lacks, Unknown []Permission }
