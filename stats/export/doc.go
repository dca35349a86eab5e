// Package export writes tables of any length as CSV, XLSX, JSON Lines, JSON or Parquet
// in constant memory, so that a download neither fails nor stops short unseen.
//
// # Whole or cut
//
// A connection that breaks leaves a file that looks like a shorter table. So
// the last line of every CSV, JSON Lines and JSON file, the trailer, states the
// number of rows and the SHA-256 of every byte before that line. [Verify] checks
// both, and so does anybody with
//
//	head -n -1 responses.csv | sha256sum
//
// A cut XLSX file lacks its directory and does not open. Its last sheet,
// "manifest", states the rows and the SHA-256 that the same cells have as CSV,
// byte order mark and header line included.
//
// # Formats
//
// CSV is UTF-8 with a byte order mark and CRLF line ends, as Excel on Chinese
// Windows needs it. The header line holds the machine names of the columns. A
// cell that a spreadsheet would run as a formula, that is a text beginning with
// one of = + - @ (also full-width), tab or a line end, gets a leading '. So does
// a text that begins with ' itself: taking one leading ' away always gives the
// text back. Numbers are left alone. The trailer is the record
//
//	#end,rows=2,sha256=…
//
// with empty cells up to the width of the table, so that strict readers accept it.
//
// XLSX keeps text as text, in cells of the Text format, which Excel does not
// evaluate even when somebody edits them; so nothing is put before it. After
// 1,048,576 lines the table goes on in the next sheet, under a header line of its
// own. Characters XML 1.0 cannot hold are left out, and a text longer than Excel's
// 32,767 UTF-16 units is an error. The manifest sheet also explains the columns.
//
// JSON Lines is one object a line, and {"end":{"rows":2,"sha256":"…"}} as trailer.
// JSON is one object with the table's name, meta and columns on the first line,
// then one line a row, then the trailer line ],"count":2,"sha256":"…"}.
//
// Parquet has the columns in their order, all of them optional, as whole numbers or as
// text; its footer, without which it does not open, holds the meta, the rows and the
// SHA-256 that the same cells have as CSV.
//
// In all formats broken UTF-8 becomes U+FFFD, times are RFC 3339 with milliseconds,
// and a number that is none (NaN, ±Inf) is an empty cell. An empty cell is null in
// JSON. A list is an array in JSON and joined by ";" elsewhere.
package export
