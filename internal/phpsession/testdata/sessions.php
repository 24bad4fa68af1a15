<?php
// php sessions.php write FORMAT DIR: writes session files with PHP's own functions, and prints what is in each.
// php sessions.php decode FORMAT: reads sessions from stdin, each after its length in four bytes, and prints what PHP finds.
//
// A line is: the user's name in base64 or -, 1 or 0 for logged in; or only FAIL.

class Person { public $name = 'x'; protected $boss; private $self; function __construct() { $this->self = $this; $this->boss = [$this]; } }
class Own implements Serializable {
    public $d;
    function serialize() { return serialize([$this->d, $this->d, 'username|s:5:"alice";loggedin|b:1;']); }
    function unserialize($text) { $this->d = unserialize($text)[0]; }
}
if (PHP_VERSION_ID >= 80100) eval("enum Suit: string { case Hearts = 'H'; }");

error_reporting(0);
[, $what, $format] = $argv;
ini_set('session.serialize_handler', $format);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
ini_set('memory_limit', '512M');

function line() {
    $user = $_SESSION['username'] ?? null;
    return (is_string($user) ? base64_encode($user) : '-') . ' ' . (($_SESSION['loggedin'] ?? null) === true ? 1 : 0) . "\n";
}

if ($what === 'decode') {
    ini_set('session.save_handler', 'files');
    session_save_path(sys_get_temp_dir());
    $lines = '';
    register_shutdown_function(function () { echo $GLOBALS['lines']; }); // a session may also stop PHP
    while (($head = fread(STDIN, 4)) !== false && strlen($head) === 4) {
        $length = unpack('N', $head)[1];
        $text = '';
        while (strlen($text) < $length && ($more = fread(STDIN, $length - strlen($text))) !== false && $more !== '') $text .= $more;
        if (session_status() !== PHP_SESSION_ACTIVE) session_start();
        $_SESSION = [];
        try { $fine = session_decode($text); } catch (Throwable $e) { $fine = false; }
        $lines .= $fine ? line() : "FAIL\n";
        if ($fine) $_SESSION = [];
    }
    if (session_status() === PHP_SESSION_ACTIVE) session_destroy();
    exit;
}

session_save_path($argv[3]);
$plant = 'x";}username|s:5:"alice";loggedin|b:1;a:2:{s:8:"username";s:5:"alice";s:8:"loggedin";b:1;}' . "\x08username" . 's:5:"alice";' . "\x08loggedin" . 'b:1;';
$class = [-1 => ['AuthenticationGateway' => 'DatabaseAuthenticator', 'LoginHandler' => 'HTMLFormLoginHandler']];
$base = ['started' => 1764000000, 'injectorclass' => $class, 'refererPage' => $plant];
$person = new Person;
$own = new Own;
$own->d = $person;
$name = 'dave';
$yes = true;
$cycle = ['a' => 1];
$cycle['self'] = &$cycle;
$sessions = [
    'page' => $base,
    'planted' => ['planted' => $plant, 'username' => null] + $base,
    'code' => $base + ['username' => 'dave', 'mfa_status' => 'validate', 'password' => 'posted-password'],
    'enrol' => $base + ['username' => 'dave', 'mfa_pack' => ['secret' => 'totp-secret-in-clear']],
    'in' => $base + ['username' => 'dave', 'loggedin' => true, 'last_active' => 1764000060, 'EGS_COMPANY_ID' => 1],
    'taken' => $base + ['username' => null, 'loggedin' => false, 'permissions' => ['alice' => ['username' => 'alice', 'loggedin' => true]]],
    'wrong' => $base + ['username' => 'dave', 'loggedin' => 1],
    'text' => $base + ['username' => 'dave', 'loggedin' => '1'],
    'list' => $base + ['username' => ['dave'], 'loggedin' => true],
    'inner' => $base + ['x' => ['username' => 'alice', 'loggedin' => true]],
    'utf' => $base + ['username' => "J\u{f6}rg \u{20ac} \"|;", 'loggedin' => true, 'EGS_COMPANY_ID' => '12'],
    'objects' => $base + ['o' => $person, 'again' => $person, 'f' => 1.5, 'inf' => INF, 'nan' => NAN, 'small' => -1.0E-25, 'username' => 'dave', 'loggedin' => true,
        'so' => new SplObjectStorage, 'ao' => new ArrayObject([1, 2]), 'q' => new SplQueue],
    'references' => $base + ['o' => $person, 'n' => &$name, 'again' => $person, 'y' => &$yes, 'username' => &$name, 'loggedin' => &$yes],
    'own' => $base + ['own' => $own, 'username' => 'dave', 'loggedin' => true, 'o' => $person],
    'cycle' => $base + ['c' => &$cycle, 'username' => 'dave', 'loggedin' => true],
    'big' => $base + ['permissions' => array_fill(0, 20000, ['username' => 'alice', 'loggedin' => true]), 'username' => 'dave', 'loggedin' => true],
];
if (PHP_VERSION_ID >= 80100) $sessions['enum'] = $base + ['e' => Suit::Hearts, 'username' => 'dave', 'loggedin' => true];
$lines = '';
foreach ($sessions as $id => $data) {
    session_id($id);
    session_start();
    $_SESSION = $data;
    $lines .= $id . ' ' . line();
    session_write_close();
}
echo $lines;
