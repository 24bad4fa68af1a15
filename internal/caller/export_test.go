package caller

// NotVerified lets a test try all its cases.
var NotVerified = notVerified
