// Package reconcile compares the rows of uzERP's users with the factors at Twilio, and repairs what is safe to repair.
// A Reconciler finds each Difference and can change nothing. Result.PlanRepairs plans the repairs, Repairs.Apply makes
// them, and Result.Outcome says what came of it.
//
// Its laws:
//
// An outage is never a difference. Without a usable answer a user is Unknown, and nothing of that user is repaired.
// "Not found" counts only if the service itself is found after that. If Twilio stops answering before the check ends,
// nothing at all is repaired.
//
// Everything is read before anything is repaired. All repairs of a plan are made or none: too many of them, or so many
// missing factors that the settings probably name another service, refuse the whole plan.
//
// Just before each repair Twilio and the database are asked again, and a row changes by compare and set only. What is
// no longer true is not repaired. The first failure of Twilio ends the repairs.
//
// A factor that a row names is never deleted, and neither is one so young that its user may just be enrolling. After a
// deletion Twilio must say that the factor is gone, or it is not called repaired. If a row named the factor meanwhile,
// that row is reset.
//
// The kinds and their repairs are in docs/reconcile.md.
package reconcile
