package dotenv

// safeload_test.go is in another package, because it uses sessionconfig, which imports this one. It needs what is here.

// Visible looks a name up in the environment.
var Visible = visible

// CheckMessage compares an error of the reader with phpdotenv's message.
func CheckMessage(message string, err error) error {
	return phpAnswer{message: message}.check(nil, err)
}
