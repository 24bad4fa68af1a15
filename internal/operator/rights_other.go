//go:build !linux || 386 || arm

package operator

import "errors"

// Do would run f with the caller's rights on files. This system has no way to do that for one thread.
func (c *Caller) Do(func() error) error {
	return errors.New("files can't be opened with the rights of sudo's caller on this system")
}
