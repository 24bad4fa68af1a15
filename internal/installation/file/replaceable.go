package file

import "fmt"

// NotReplaceableError says why no other file can be put in a file's place, or why that would not be enough. Its texts hold
// nothing of the file.
type NotReplaceableError struct {
	Path   string
	Reason string
	Advice string
}

// Error names the file and the reason.
func (e *NotReplaceableError) Error() string { return e.Path + ": " + e.Reason }

func severalNames(path string, names uint64) error {
	return &NotReplaceableError{path, fmt.Sprintf("the file has %d names (hard links), and the others would keep the old content", names),
		"the command find with -xdev and -samefile finds the other names; remove them, or make each a symbolic link to this one"}
}

func mountedItself(path string) error {
	return &NotReplaceableError{path, "the file is a mount of its own (a bind mount, as containers have), so no other file can be put in its place",
		"mount the directory and not the file; or change the file where it comes from, outside of this container, and then start the container again"}
}

func mountedElsewhere(path, there string) error {
	return &NotReplaceableError{path, fmt.Sprintf("the file is mounted by itself at %q too, where the old content would stay", there),
		"mount its directory there, and not the file; or change the file by hand, in place, and then start what uses it again"}
}

func fixed(path, attribute string) error {
	return &NotReplaceableError{path, "it has the attribute " + attribute + ", so it can not be replaced, not by root either",
		"lsattr -d shows the attribute; the administrator who has set it can take it away with chattr"}
}
