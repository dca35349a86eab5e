// Package public holds what people see: page templates, styles, scripts, icons and every
// text in Chinese and English, the description of the API, and the JSON Schema of a publication. It only embeds the
// files; package web turns them into pages.
package public

import "embed"

// Files holds templates/*.html, styles/*.css, scripts/*.js, icons/* and texts.json.
// The folders styles, scripts and icons may be served as they are.
//
//go:embed templates styles scripts icons texts.json openapi.json publication.schema.json
var Files embed.FS
