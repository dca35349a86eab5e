package web

import (
	"time"

	"manyi/survey"
)

// Console is what every console page shows around its content.
type Console struct {
	Who     survey.Actor
	Survey  survey.Survey
	Surveys []survey.Survey
	CSRF    string
	Outbox  bool // messages stay here to be read
}

// SigninView asks for a name and password. Wrong says only that they did not
// fit: the words are the same for an unknown name and for a locked one.
type SigninView struct {
	CSRF  string
	Name  string
	Wrong bool
}

// CodesView lists the window codes of a place.
type CodesView struct {
	Console
	Place, PlaceName string // empty for all
	Windows          []CodeRow
}

// CodeRow is one window code.
type CodeRow struct {
	Place, Window, Hall, Bureau string
	Code, Link                  string
	Serial                      uint32
	IssuedAt                    time.Time // in the survey's zone
	Revoked                     bool
}

// TextsView lists the newest comments of a place.
type TextsView struct {
	Console
	Place, PlaceName string
	Rows             []TextRow
}

// TextRow is one comment. Level and Day are empty for viewers who might trace it to a visitor.
type TextRow struct {
	Comment        string
	Window, Bureau string
	Level, Day     string
}
