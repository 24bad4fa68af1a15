package db

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// This file is about the encodings of databases (docs/compatibility.md). The server translates to UTF-8 and back. Two cases are
// left: a database without an encoding (SQL_ASCII), whose texts come and go as bytes (queries/settings.sql), and texts that
// can't be translated. An argument of that sort is no row's. A row of that sort is an error, and never a row that is not there.

// bytesOnly is the encoding of a database in which any byte may stand for anything.
const bytesOnly = "SQL_ASCII"

// storable reports whether the database could hold text, as far as that can be said without asking it.
func storable(s session, text string) bool {
	return strings.IndexByte(text, 0) < 0 && (seen(s).Encoding == bytesOnly || utf8.ValidString(text))
}

// holdable returns those of the texts that the database can hold. The others have a NUL, are not UTF-8 in a database that
// has an encoding, or have a character that this encoding lacks.
func (db *DB) holdable(ctx context.Context, conn *pgx.Conn, texts []string) ([]string, error) {
	can := slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return !storable(conn, t) })
	if encoding := seen(conn).Encoding; encoding == bytesOnly || encoding == "UTF8" || !slices.ContainsFunc(can, beyondASCII) {
		return can, nil
	}
	return db.translatables(ctx, conn, can)
}

// translatables returns those of the texts that have only characters of the database's encoding. It asks for all of them at
// once, and only if the server refuses one, for each half.
func (db *DB) translatables(ctx context.Context, conn *pgx.Conn, texts []string) ([]string, error) {
	_, err := collect(ctx, db, conn, "holds", pgx.StrictNamedArgs{"texts": texts}, pgx.RowTo[int64])
	switch {
	case err == nil:
		return texts, nil
	case !untranslatable(err):
		return nil, err
	case len(texts) == 1:
		return nil, nil
	}
	half := len(texts) / 2
	first, err := db.translatables(ctx, conn, texts[:half])
	if err != nil {
		return nil, err
	}
	second, err := db.translatables(ctx, conn, texts[half:])
	return slices.Concat(first, second), err
}

func beyondASCII(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// untranslatable reports whether err says that a text is not of its encoding, or that another encoding lacks a character of it.
func untranslatable(err error) bool {
	return slices.Contains([]string{"22P05", "22021"}, sqlState(err))
}
