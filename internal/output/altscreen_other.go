//go:build !unix

package output

import "os"

func terminalSignals() []os.Signal { return nil }

func (a *AltScreen) handle(os.Signal) {}

func inForeground(*os.File) bool { return true }
