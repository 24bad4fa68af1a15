package php

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// describe returns "NAME=value" for a literal, "NAME?" for an unreadable one, "-" for none.
func describe(c *Config, name string) string {
	value, ok, err := c.Get(name)
	switch {
	case err != nil:
		return "?"
	case !ok:
		return "-"
	default:
		return "=" + value.Value.Reveal()
	}
}

func TestParseConfigPHP(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"single quotes", `$conf['A'] = 'v';`, "=v"},
		{"double quotes", `$conf["A"]="v";`, "=v"},
		{"single escapes", `$conf['A'] = 'a\\b\'c\n$x';`, `=a\b'c\n$x`},
		{"double escapes", `$conf['A'] = "\n\t\r\v\e\f\\\$\"\101\x41\u{20AC}\q";`, "=\n\t\r\v\x1b\f\\$\"AA€\\q"},
		{"octal wraps", `$conf['A'] = "\501";`, "=A"},
		{"dollar alone", `$conf['A'] = "pa$ 5$";`, "=pa$ 5$"},
		{"interpolation", `$conf['A'] = "pa$word";`, "?"},
		{"interpolation in braces", `$conf['A'] = "x{$y["k"]}z"; $conf['B'] = 1;`, "?"},
		{"integer", `$conf['A'] = 5432;`, "=5432"},
		{"negative", `$conf['A'] = -5;`, "=-5"},
		{"hex", `$conf['A'] = 0x1F;`, "=31"},
		{"octal", `$conf['A'] = 017;`, "=15"},
		{"new octal", `$conf['A'] = 0o17;`, "=15"},
		{"binary", `$conf['A'] = 0b101;`, "=5"},
		{"underscores", `$conf['A'] = 1_000;`, "=1000"},
		{"float", `$conf['A'] = 1.50;`, "=1.5"},
		{"small float", `$conf['A'] = 0.00001;`, "=1.0E-5"},
		{"large integer", `$conf['A'] = 9223372036854775808;`, "=9.2233720368548E+18"},
		{"large float", `$conf['A'] = 1e14;`, "=1.0E+14"},
		{"float below the limit", `$conf['A'] = 12345678901234.0;`, "=12345678901234"},
		{"true", `$conf['A'] = TRUE;`, "=1"},
		{"false", `$conf['A'] = \false;`, "="},
		{"null", `$conf['A'] = Null;`, "="},
		{"constant", `$conf['A'] = FOO;`, "?"},
		{"concatenation", `$conf['A'] = 'a' . 'b';`, "?"},
		{"call", `$conf['A'] = getenv('A');`, "?"},
		{"variable", `$conf['A'] = $b;`, "?"},
		{"ternary", `$conf['A'] = $x ? 'a' : 'b';`, "?"},
		{"later wins", `$conf['A'] = 'a'; $conf['A'] = 'b';`, "=b"},
		{"later unreadable wins", `$conf['A'] = 'a'; $conf['A'] = f();`, "?"},
		{"later literal wins", `$conf['A'] = f(); $conf['A'] = 'b';`, "=b"},
		{"if", `if (x()) { $conf['A'] = 'a'; }`, "?"},
		{"if without braces", `if (x()) $conf['A'] = 'a';`, "?"},
		{"else", `if (x()) { } else $conf['A'] = 'a';`, "?"},
		{"behind if", `if (x()) { $b = 1; } $conf['A'] = 'a';`, "=a"},
		{"alternative if", `if (x()): $b = 1; $conf['A'] = 'a'; endif;`, "?"},
		{"nested alternative", `if (x()): a(); else: if (y()): b(); endif; $conf['A'] = 'a'; endif;`, "?"},
		{"behind alternative if", `if (x()): $b = 1; endif; $conf['A'] = 'a';`, "=a"},
		{"guard", `if (!defined('X')) die('no'); $conf['A'] = 'a';`, "=a"},
		{"conditional return", `if (x()) return; $conf['A'] = 'a';`, "?"},
		{"return in a closure", `f(function () { return 1; }); $conf['A'] = 'a';`, "=a"},
		{"behind return", `$conf['A'] = 'a'; return; $conf['A'] = 'b';`, "=a"},
		{"behind exit", `$conf['A'] = 'a'; exit; $conf['A'] = 'b';`, "=a"},
		{"function", `function f() { global $conf; $conf['A'] = 'a'; }`, "?"},
		{"append", `$conf['A'] = 'a'; $conf['A'] .= 'b';`, "?"},
		{"default", `$conf['A'] = 'a'; $conf['A'] ??= 'b';`, "?"},
		{"increment", `$conf['A'] = 1; $conf['A']++;`, "?"},
		{"deeper", `$conf['A']['B'] = 'a';`, "?"},
		{"read", `$conf['A'] = 'a'; $b = $conf['A'] . 'c'; echo $conf['A'];`, "=a"},
		{"compare", `$conf['A'] = 'a'; $b = $conf['A'] == 'c';`, "=a"},
		{"chained", `$b = $conf['A'] = 'a';`, "?"},
		{"reference", `$conf['A'] = 'a'; $b = &$conf['A'];`, "?"},
		{"alias", `$c = &$conf; $conf['A'] = 'a';`, "?"},
		{"unset", `$conf['A'] = 'a'; unset($conf['A']);`, "-"},
		{"variable name", `$conf['A'] = 'a'; $conf[$n] = 'b';`, "?"},
		{"variable name before", `$conf[$n] = 'b'; $conf['A'] = 'a';`, "=a"},
		{"array", `$conf = array('B' => 1, 'A' => 'a',);`, "=a"},
		{"short array", `$conf = ['A' => 'a', 'B' => [1, 2]];`, "=a"},
		{"array with a call", `$conf = ['A' => f(1, 2), 'B' => 1];`, "?"},
		{"array replaces", `$conf['A'] = 'a'; $conf = [];`, "-"},
		{"array union", `$conf['A'] = 'a'; $conf = ['B' => 1] + $conf;`, "?"},
		{"whole from a call", `$conf['A'] = 'a'; $conf = f();`, "?"},
		{"merged", `$conf['A'] = 'a'; $conf += ['A' => 'b'];`, "?"},
		{"isset", `$conf['A'] = 'a'; if (isset($conf)) { b(); } if (is_array($conf)) c();`, "=a"},
		{"foreach", `foreach ($x as $conf['A']) {}`, "?"},
		{"foreach key", `foreach ($x as $conf['A'] => $v) {}`, "?"},
		{"list", `list($conf['A'], $b) = f();`, "?"},
		{"destructuring", `[$conf['A'], $b] = f();`, "?"},
		{"line comment", "// $conf['A'] = 'x';\n$conf['A'] = 'a'; // $conf['A'] = 'y';", "=a"},
		{"hash comment", "# $conf['A'] = 'x';\n$conf['A'] = 'a'; # $conf['A'] = 'y';", "=a"},
		{"block comment", `/* $conf['A'] = 'x'; */ $conf /* c */ ['A'] = /* ' */ 'a';`, "=a"},
		{"attribute", "#[A('x')]\nclass C { }\n$conf['A'] = 'a';", "=a"},
		{"comment ends at the tag", "// c ?> $conf['A'] = 'x'; <?php $conf['A'] = 'a';", "=a"},
		{"text outside", "?> $conf['A'] = 'x'; <?php $conf['A'] = 'a'; ?> $conf['A'] = 'y';", "=a"},
		{"short echo", "?><?= $conf['A'] ?><?php $conf['A'] = 'a' ?>", "=a"},
		{"heredoc", "$conf['A'] = <<<EOT\na\nb\nEOT;\n$conf['B'] = 1;", "=a\nb"},
		{"heredoc escapes", "$conf['A'] = <<<\"EOT\"\na\\tb\\\"\nEOT;", "=a\tb\\\""},
		{"heredoc variable", "$conf['A'] = <<<EOT\n$x\nEOT;", "?"},
		{"nowdoc", "$conf['A'] = <<<'EOT'\n$x\\n\nEOT;", "=$x\\n"},
		{"indented nowdoc", "$conf['A'] = <<<'EOT'\n  a\n\n   b\n  EOT;", "=a\n\n b"},
		{"empty heredoc", "$conf['A'] = <<<EOT\nEOT;", "="},
		{"heredoc with code in it", "$b = <<<EOT\n$conf['A'] = 'x';\nEOT;\n$conf['A'] = 'a';", "=a"},
		{"heredoc name in a word", "$conf['A'] = <<<EOT\nEOTX\nEOT;", "=EOTX"},
		{"CRLF heredoc", "$conf['A'] = <<<EOT\r\na\r\nb\r\nEOT;\r\n", "=a\r\nb"},
		{"backtick", "$conf['A'] = `id`;", "?"},
		{"binary string", `$conf['A'] = b'a';`, "=a"},
		{"halt", `$conf['A'] = 'a'; __halt_compiler(); $conf['A'] = 'b'; '`, "=a"},
		{"extract", `$conf['A'] = 'a'; extract($x);`, "?"},
		{"GLOBALS", `$conf['A'] = 'a'; $GLOBALS['conf']['A'] = 'b';`, "?"},
		{"other variable", `$config['A'] = 'x'; $x->conf['A'] = 'y'; $conf['A'] = 'a';`, "=a"},
		{"integer key", `$conf[5] = 'x'; $conf['A'] = 'a';`, "=a"},
		{"closure", `$f = function () { $x = 1; }; $conf['A'] = 'a';`, "=a"},
		{"match", `$f = match ($x) { default => 1 }; $conf['A'] = 'a';`, "=a"},
		{"none", `$b = 1;`, "-"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseConfig([]byte("<?php\n" + test.src))
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(c, "A"); got != test.want {
				t.Errorf("got %q, want %q; %+v", got, test.want, c.Unreadable)
			}
		})
	}
}

func TestParseConfigPHPErrors(t *testing.T) {
	for _, src := range []string{
		"<?php $conf['A'] = 'hunter2", `<?php $conf["A"] = "hunter2`, "<?php /* hunter2", "<?php $x = <<<E\nhunter2\n",
		"<?php if (x) { hunter2", "<?php hunter2 )", `<?php $x = "{$hunter2`, "<?php $x = <<<E\n hunter2\n   E;",
	} {
		_, err := ParseConfig([]byte(src))
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok || e.Line < 1 || e.Column < 1 {
			t.Errorf("%q: %v", src, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q is in the error", err)
		}
	}
}

func TestParseConfigPHPPositions(t *testing.T) {
	c, err := ParseConfig([]byte("<?php\n\n  $conf['A'] = 'é'; $conf['B'] = 'hunter2';\ninclude 'x.php';\n$conf['C'] = f('hunter2');"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Literals[0].Pos != (Position{3, 3}) || c.Literals[1].Pos != (Position{3, 21}) {
		t.Errorf("literals at %v and %v", c.Literals[0].Pos, c.Literals[1].Pos)
	}
	if len(c.Includes) != 1 || c.Includes[0] != (Position{4, 1}) {
		t.Errorf("includes at %v", c.Includes)
	}
	_, _, err = c.Get("C")
	if err == nil || !strings.Contains(err.Error(), "line 5: not readable here") {
		t.Errorf("got %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %v", c, *c, c, err); strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a value", text)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, src := range []string{
		"<?php $conf['A'] = 'v';", "<?php $conf = ['A' => \"x{$y[\"k\"]}\"];", "<?php <<<E\n  a\n  E; if (x): $conf[1]=2; endif;",
		"<?php #[A] function f() { return &$conf; } ?> <?= 1_0.5e3 ?>", "<?php unset($conf['A']); $conf['A']['B']++;",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := ParseConfig(src)
		if err != nil {
			return
		}
		for _, l := range c.Literals {
			if l.Pos.Line < 1 || l.Pos.Column < 1 {
				t.Errorf("%s at %v", l.Name, l.Pos)
			}
			if value, ok, err := c.Get(l.Name); err != nil || !ok || value.Value.Reveal() != l.Value.Reveal() {
				t.Errorf("Get(%q) = %v, %v", l.Name, ok, err)
			}
		}
	})
}
