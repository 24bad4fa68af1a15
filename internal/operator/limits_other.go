//go:build !linux

package operator

// LiftLimits does nothing on this system.
func LiftLimits() error { return nil }
