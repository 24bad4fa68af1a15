package safepath

import "testing"

// A path that only begins like one of an open file leads elsewhere, and is judged.
func TestInherited(t *testing.T) {
	for path, want := range map[string]int{
		"/dev/stdin": 0, "/dev/fd/0": 0, "/dev/fd/63": 63, "/proc/self/fd/3": 3,
		"/dev/fd/": -1, "/dev/fd/../../tmp/x": -1, "/dev/fd/3/x": -1, "/proc/self/fd/3/../x": -1, "/dev/stdin2": -1, "dev/stdin": -1, "": -1,
	} {
		if fd, is := Inherited(path); is != (want >= 0) || is && fd != want {
			t.Errorf("%q: %d, %v", path, fd, is)
		}
	}
}
