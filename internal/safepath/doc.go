// Package safepath opens files and directories where other users of the machine may have been.
//
// Its laws: a path is walked one name at a time, on open descriptors, and each directory and link on the way is judged:
// nobody but the trusted users may have put it there or may change it. After the walk everything is done on the open
// directory, by names without a slash. So nobody can exchange a part of the path between a check and a use.
//
// A directory where everybody may make files (the sticky bit is set, as on /tmp) is fit to walk through, because what is
// taken from it must belong to a trusted user.
package safepath
