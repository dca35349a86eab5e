package survey

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInterviewsStandApartUnlessTheSurveySaysSo(t *testing.T) {
	rules, counted := DefaultRules(), DefaultRules()
	counted.Interviews.Counted = true
	for _, c := range Channels {
		if got, want := rules.Apart(c), c == ChannelImported || c == ChannelInterview; got != want {
			t.Errorf("%v stands apart: %v", c, got)
		}
		if got, want := counted.Apart(c), c == ChannelImported; got != want {
			t.Errorf("%v stands apart where interviews are counted: %v", c, got)
		}
	}
}

// TestRulesWithoutInterviewsAreWhatTheyWere: the version of the rules of a survey that
// opened before there were interviews is a hash of this.
func TestRulesWithoutInterviewsAreWhatTheyWere(t *testing.T) {
	doc, err := json.Marshal(DefaultRules())
	if err != nil || strings.Contains(string(doc), "interview") {
		t.Errorf("%s, %v", doc, err)
	}
}

func TestOnlyBadReviewsOfCitizensOweACase(t *testing.T) {
	for _, l := range Levels {
		for _, c := range Channels {
			want := (l == Dissatisfied || l == VeryDissatisfied) && c != ChannelInterview
			if got := (Response{Level: l, Channel: c}).OwesCase(); got != want {
				t.Errorf("%v by %v owes a case: %v", l, c, got)
			}
		}
	}
}
