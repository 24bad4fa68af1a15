//go:build unix && !linux

package file

// hasACL returns false, because it can't find out here. On most of these systems the mode alone decides.
func hasACL(string) bool { return false }

func openHasACL(uintptr) bool { return false }
