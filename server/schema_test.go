package main

import (
	"archive/zip"
	"encoding"
	"encoding/json"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"manyi/stats/proof/bundle"
)

// published is the document of a publication that the command makes.
func published(t *testing.T, c commands, audience bundle.Audience, more ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.zip")
	c.run(append([]string{"publish", "--out", path, "--audience", string(audience)}, more...)...)
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("publication.json")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestPublicationsFitTheirSchema: what is published is as the schema says that everybody
// may fetch, and with any field under another name it is not.
func TestPublicationsFitTheirSchema(t *testing.T) {
	demo := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, 10)}}
	rich := filledFolder(t)
	rich.rate(100)
	documents := map[string][]byte{
		"demo, public":    published(t, demo, bundle.Public, "--sample"),
		"demo, auditor":   published(t, demo, bundle.Auditor, "--sample"),
		"without visits":  published(t, rich, bundle.Public),
		"of another year": published(t, rich, bundle.Auditor, "--period", "2024"),
	}
	rich.rate(50)
	documents["a correction"] = published(t, rich, bundle.Public)

	var schema any
	text := get(t, rich.serve()+"/api/v1/publications/schema.json", "")
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("urn:manyi:publication:1", schema); err != nil {
		t.Fatal(err)
	}
	valid, err := compiler.Compile("urn:manyi:publication:1")
	if err != nil {
		t.Fatal(err)
	}
	renamed := 0
	for name, body := range documents {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		if err := valid.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		eachField("", doc, map[string]bool{}, func(path string, object map[string]any, field string) {
			object[field+"_"] = object[field]
			delete(object, field)
			if renamed++; valid.Validate(doc) == nil {
				t.Errorf("%s: %s_ in place of %s fits", name, path, field)
			}
			object[field] = object[field+"_"]
			delete(object, field+"_")
		})
	}
	if renamed < 300 {
		t.Errorf("only %d fields were renamed", renamed)
	}
	root := schema.(map[string]any)
	sameForm(t, "", root, root, reflect.TypeFor[bundle.Document](), false)
}

// eachField calls do for every field once, at whatever place of a list it stands. Codes
// of places are no fields.
func eachField(at string, v any, seen map[string]bool, do func(path string, object map[string]any, field string)) {
	switch v := v.(type) {
	case map[string]any:
		var names []string
		for name := range v {
			names = append(names, name)
		}
		for _, name := range names {
			path := at + "." + name
			if strings.HasSuffix(at, ".evaluations") || at == ".names" {
				path = at + ".*"
			} else if !seen[path] {
				seen[path] = true
				do(path, v, name)
			}
			eachField(path, v[name], seen, do)
		}
	case []any:
		for _, one := range v {
			eachField(at+"[]", one, seen, do)
		}
	}
}

// sameForm compares a schema with the type that documents are made of: fields, those that
// may be left out, null, and kinds of values.
func sameForm(t *testing.T, at string, root, s map[string]any, of reflect.Type, null bool) {
	t.Helper()
	mayBeNull := false
	if either, ok := s["anyOf"].([]any); ok && len(either) == 2 && reflect.DeepEqual(either[1], map[string]any{"type": "null"}) {
		s, mayBeNull = either[0].(map[string]any), true
	}
	if ref, ok := s["$ref"].(string); ok {
		s = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	kind := s["type"]
	if either, ok := kind.([]any); ok && len(either) == 2 && either[1] == "null" {
		kind, mayBeNull = either[0], true
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int32: "integer", reflect.Int64: "integer",
		reflect.Float64: "number", reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.Array: "array"}[of.Kind()]
	if of.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		want = "string"
	}
	if kind != want {
		t.Errorf("%s: %v by the schema, want %s", at, s["type"], want)
		return
	}
	if mayBeNull != null && of.Kind() != reflect.Slice { // a list that was never filled is null
		t.Errorf("%s: may be null by the schema: %v, want %v", at, mayBeNull, null)
	}
	switch {
	case want == "array":
		sameForm(t, at+"[]", root, s["items"].(map[string]any), of.Elem(), false)
	case of.Kind() == reflect.Map:
		sameForm(t, at+".*", root, s["additionalProperties"].(map[string]any), of.Elem(), false)
	case want == "object":
		sameFields(t, at, root, s, of)
	}
}

func sameFields(t *testing.T, at string, root, s map[string]any, of reflect.Type) {
	t.Helper()
	properties, required := s["properties"].(map[string]any), map[string]bool{}
	for _, name := range s["required"].([]any) {
		required[name.(string)] = true
	}
	if s["additionalProperties"] != false {
		t.Errorf("%s: other fields fit", at)
	}
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			continue // its fields follow
		}
		known[name] = true
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in the schema", at, name)
			continue
		}
		may := strings.Contains(options, "omit")
		if required[name] == may {
			t.Errorf("%s.%s: required is %v by the schema; it may be left out: %v", at, name, required[name], may)
		}
		sameForm(t, at+"."+name, root, property, f.Type, f.Type.Kind() == reflect.Pointer && !may)
	}
	for name := range properties {
		if !known[name] {
			t.Errorf("%s.%s is in the schema only", at, name)
		}
	}
}
