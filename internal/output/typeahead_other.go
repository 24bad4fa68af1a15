//go:build !linux

package output

import "os"

func dropTypeahead(*os.File) {}
