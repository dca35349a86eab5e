package export

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/snappy"
)

// parquetRows is how many rows are gathered before they are written: what is held is
// one such group.
const parquetRows = 20_000

// parquetEncoder writes Apache Parquet: the table's columns in their order, all of them
// optional; whole numbers as such in the columns the table says hold nothing else, and
// text as it is everywhere else.
type parquetEncoder struct {
	cells *csvEncoder // takes the same cells for the hash; its output is dropped
	table Table
	whole []bool // by column
	out   *parquet.GenericWriter[any]
	row   parquet.Row
	rows  int
	err   error
}

func newParquet(w io.Writer, t Table) *parquetEncoder {
	e := &parquetEncoder{cells: newCSV(io.Discard, t), table: t, whole: make([]bool, len(t.Columns))}
	fields := make([]reflect.StructField, len(t.Columns))
	for i, c := range t.Columns {
		kind := reflect.TypeFor[string]()
		if slices.Contains(t.Whole, c.Name) {
			e.whole[i], kind = true, reflect.TypeFor[int64]()
		}
		fields[i] = reflect.StructField{Name: "C" + strconv.Itoa(i), Type: kind, Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s,optional"`, c.Name))}
	}
	schema := parquet.NewSchema(t.Name, parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
	e.out = parquet.NewGenericWriter[any](w, schema, parquet.Compression(&snappy.Codec{}), parquet.CreatedBy("manyi", "", ""))
	return e
}

func (e *parquetEncoder) start() error { return e.cells.start() }

func (e *parquetEncoder) put(col int, v parquet.Value) {
	level := 1
	if v.IsNull() {
		level = 0
	}
	e.row = append(e.row, v.Level(0, level, col))
}

func (e *parquetEncoder) text(col int, s string) {
	e.cells.text(col, s)
	switch {
	case s == "":
		e.put(col, parquet.NullValue())
	case e.whole[col]:
		e.err = fmt.Errorf("column %s of whole numbers cannot hold a text", e.table.Columns[col].Name)
	default:
		e.put(col, parquet.ByteArrayValue([]byte(s)))
	}
}

func (e *parquetEncoder) token(col int, b []byte) {
	e.cells.token(col, b)
	e.put(col, parquet.ByteArrayValue(slices.Clone(b)))
}

func (e *parquetEncoder) number(col int, b []byte) {
	e.cells.number(col, b)
	if !e.whole[col] {
		e.put(col, parquet.ByteArrayValue(slices.Clone(b)))
		return
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		e.err = fmt.Errorf("column %s of whole numbers: %w", e.table.Columns[col].Name, err)
	}
	e.put(col, parquet.Int64Value(n))
}

func (e *parquetEncoder) boolean(col int, v bool) {
	e.cells.boolean(col, v)
	e.put(col, parquet.ByteArrayValue(strconv.AppendBool(nil, v)))
}

func (e *parquetEncoder) list(col int, items []string) { e.text(col, strings.Join(items, ";")) }

func (e *parquetEncoder) empty(col int) {
	e.cells.empty(col)
	e.put(col, parquet.NullValue())
}

func (e *parquetEncoder) endRow() error {
	if err := e.cells.endRow(); err != nil || e.err != nil {
		return firstOf(err, e.err)
	}
	_, err := e.out.WriteRows([]parquet.Row{e.row})
	e.row = e.row[:0]
	if e.rows++; err == nil && e.rows%parquetRows == 0 {
		err = e.out.Flush()
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *parquetEncoder) close(rows int64) (Manifest, error) {
	m, err := e.cells.close(rows)
	if err != nil {
		return m, err
	}
	for _, kv := range e.table.Meta {
		e.out.SetKeyValueMetadata(kv.Key, validText(kv.Value))
	}
	e.out.SetKeyValueMetadata("rows", strconv.FormatInt(m.Rows, 10))
	e.out.SetKeyValueMetadata("sha256", m.SHA256)
	return m, e.out.Close()
}
