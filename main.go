// Command uzerp-mfa sets up two-factor login to the uzERP ERP system and gets locked-out users back in.
package main

import (
	"os"

	"uzerp-mfa/cmd"
)

func main() { os.Exit(cmd.Run()) }
