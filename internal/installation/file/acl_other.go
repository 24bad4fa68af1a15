//go:build !linux

package file

// hasACL is not known here; on most of these systems the mode decides.
func hasACL(string) bool { return false }

// copyACL does nothing: only mode and owner are kept here.
func copyACL(_, _ string) error { return nil }
