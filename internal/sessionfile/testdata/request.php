<?php
// php request.php SERIALIZER DIR ID WHAT [USER]: one request of a browser with the session ID. It says "open" when it holds
// the session's lock, waits for a line on stdin, and then does WHAT.
[, $serializer, $dir, $id, $what] = $argv;
$user = $argv[5] ?? null;
ini_set('session.serialize_handler', $serializer);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_save_path($dir);
session_id($id);
session_start();
$in = ($_SESSION['loggedin'] ?? null) === true ? $_SESSION['username'] : '-';
fwrite(STDERR, "open $in\n");
fgets(STDIN);
if ($what === 'login') { // as uzERP does it: the session gets a new id, and the old file goes
    session_regenerate_id(true);
    fwrite(STDERR, "new\n");
    fgets(STDIN);
    $_SESSION['username'] = $user;
    $_SESSION['loggedin'] = true;
}
if ($what === 'page' || $what === 'login') {
    $_SESSION['started'] = $_SESSION['started'] ?? 1764000000;
    $_SESSION['injectorclass'] = [-1 => ['LoginHandler' => 'HTMLFormLoginHandler']];
}
if ($what === 'in') $_SESSION = ['started' => 1764000000, 'injectorclass' => [-1 => ['LoginHandler' => 'HTMLFormLoginHandlerMFA']],
    'username' => $user, 'loggedin' => true, 'EGS_COMPANY_ID' => 1, 'last_active' => 1764000060];
$_SESSION['clicks'] = ($_SESSION['clicks'] ?? 0) + 1;
session_write_close();
fwrite(STDERR, "done $in\n");
