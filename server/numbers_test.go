//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// numbers are the phones and identity numbers of a busy run, as plain digits.
type numbers []string

// identityOf is a made-up identity number with its right check digit.
func identityOf(i int) string {
	d := fmt.Sprintf("350102198%d0101%03d", i%10, i%1000)
	sum := 0
	for n := range 17 {
		sum += int(d[n]-'0') * (1 << (17 - n) % 11)
	}
	return d + string("10X98765432"[sum%11])
}

// written is a number as people write it, in one of several ways.
func written(number string, way int) string {
	join := func(with string) string { return number[:3] + with + number[3:7] + with + number[7:] }
	switch way % 5 {
	case 1:
		return join(" ")
	case 2:
		return join("-")
	case 3:
		return strings.Map(func(r rune) rune { return r - '!' + '！' }, number)
	case 4:
		return "+86" + number
	}
	return number
}

// forms are the bytes in which a number could stand in a file.
func forms(number string) (all [][]byte) {
	for way := range 4 {
		text := written(number, way)
		le, be := []byte{}, []byte{}
		for _, u := range utf16.Encode([]rune(text)) {
			le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
		}
		all = append(all, []byte(text), le, be, []byte(url.QueryEscape(text)))
	}
	return all
}

// in reports every number that stands in some bytes, also inside what is compressed.
func (n numbers) in(data []byte) (found []string) {
	// One pass over the bytes for all numbers: by the last bytes of every form, as many as
	// the shortest form has.
	const end = len("13900139000")
	byEnd := map[string][]int{}
	var wanted [][]byte
	for _, number := range n {
		for _, form := range forms(number) {
			last := string(form[len(form)-end:])
			byEnd[last] = append(byEnd[last], len(wanted))
			wanted = append(wanted, form)
		}
	}
	there := make([]bool, len(n))
	for i := end; i <= len(data); i++ {
		for _, w := range byEnd[string(data[i-end:i])] {
			if bytes.HasSuffix(data[:i], wanted[w]) {
				there[w/(len(wanted)/len(n))] = true
			}
		}
	}
	for i, number := range n {
		if there[i] {
			found = append(found, number)
		}
	}
	if z, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
		for _, f := range z.File {
			if r, err := f.Open(); err == nil {
				part, _ := io.ReadAll(r)
				found = append(found, n.in(part)...)
			}
		}
	} else if r, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		part, _ := io.ReadAll(r)
		found = append(found, n.in(part)...)
	}
	return found
}

// absent fails for every number that is found.
func (n numbers) absent(t *testing.T, where string, data []byte) {
	t.Helper()
	if found := n.in(data); len(found) > 0 {
		t.Errorf("%s holds %d of the numbers, such as %s", where, len(found), found[0])
	}
}

// files reads every file of some folders.
func files(t *testing.T, dirs ...string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a file of the moment
			}
			all[path] = data
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// documents reads every document of a MongoDB database as it is stored.
func documents(t *testing.T, uri string) map[string][]byte {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(t.Context())
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	db := client.Database(strings.Trim(u.Path, "/"))
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		cursor, err := db.Collection(name).Find(t.Context(), bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		for cursor.Next(t.Context()) {
			all[name] = append(all[name], cursor.Current...)
		}
		if err := cursor.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
