package dotenv

// safeload_test.go stands outside this package, as it asks package sessionconfig what a limit is, and that imports this one.

// Visible looks a name up in the environment.
var Visible = visible

// CheckMessage compares an error of the reader with phpdotenv's message.
func CheckMessage(message string, err error) error {
	return phpAnswer{message: message}.check(nil, err)
}
