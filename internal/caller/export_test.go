package caller

// NotVerified is for the test of all its cases.
var NotVerified = notVerified
