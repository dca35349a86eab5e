package survey

import (
	"slices"
	"testing"
)

func places() []Place {
	return []Place{
		{"350000", "福建省", Province, "", true},
		{"350100", "福州市", City, "350000", true},
		{"350102", "鼓楼区", County, "350100", true},
		{"350100-HR", "福州市人社局", Bureau, "350100", true},
		{"350102-HR", "鼓楼区人社局", Bureau, "350102", true},
		{"350128-HR", "平潭综合实验区人社局", Bureau, "350000", true},
		{"350102-HR-01", "服务大厅", Hall, "350102-HR", true},
		{"350102-HR-01-001", "1号窗口", Window, "350102-HR-01", true},
	}
}

func TestTree(t *testing.T) {
	tree, faults := NewTree(places())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := tree.Path("350102-HR-01-001").String(); got != "350000/350100/350102/350102-HR/350102-HR-01/350102-HR-01-001" {
		t.Errorf("path = %s", got)
	}
	for _, c := range []struct {
		code string
		kind Kind
		want string
	}{
		{"350102-HR-01-001", City, "350100"},
		{"350102-HR", City, "350100"},
		{"350128-HR", City, "350128-HR"}, // no city above it: it answers for itself
		{"350128-HR", Province, "350000"},
		{"350102-HR-01-001", Bureau, "350102-HR"},
	} {
		if got := tree.Above(c.code, c.kind); got != c.want {
			t.Errorf("Above(%s, %s) = %s, want %s", c.code, c.kind, got, c.want)
		}
	}
	if tree.Within("350128-HR", "350100") || !tree.Within("350102-HR", "350100") {
		t.Error("Within is wrong about 福州")
	}
	if got := BureauOf("350102-HR-01-001") + " " + HallOf("350102-HR-01-001") + " " + BureauOf("350102"); got != "350102-HR 350102-HR-01 " {
		t.Errorf("BureauOf, HallOf = %q", got)
	}
}

func TestPlaceFaults(t *testing.T) {
	for name, c := range map[string]struct {
		place Place
		field string
		why   Why
	}{
		"a hall's code for a window":  {Place{"350102-HR-02", "x", Window, "350102-HR-01", true}, "code", WhyPlaceCode},
		"a code of five digits":       {Place{"35010", "x", County, "350100", true}, "code", WhyPlaceCode},
		"lower case":                  {Place{"350102-hr", "x", Bureau, "350102", true}, "code", WhyPlaceCode},
		"no name":                     {Place{"350103", " ", County, "350100", true}, "name", WhyMissing},
		"a line end in the name":      {Place{"350103", "a\nb", County, "350100", true}, "name", WhyControlLetters},
		"a kind of no tree":           {Place{"350103", "x", "village", "350100", true}, "kind", WhyKind},
		"a parent nobody has":         {Place{"350103", "x", County, "350900", true}, "parent", WhyParentUnknown},
		"a county under a county":     {Place{"350103", "x", County, "350102", true}, "parent", WhyParentKind},
		"a window of another bureau":  {Place{"350100-HR-01-001", "x", Window, "350102-HR-01", true}, "parent", WhyParentCode},
		"the same code twice":         {Place{"350102", "x", County, "350100", true}, "code", WhyRepeated},
		"a province under a province": {Place{"360000", "x", Province, "350000", true}, "parent", WhyParentKind},
	} {
		_, faults := NewTree(append(places(), c.place))
		if faults.On(c.field) != c.why {
			t.Errorf("%s: faults = %v, want %s: %s", name, faults, c.field, c.why)
		}
	}
}

func TestPlanPlaces(t *testing.T) {
	stored := places()
	same, faults := PlanPlaces(stored, places(), "")
	if len(faults) > 0 || len(same.Writes()) != 0 || len(same.Unchanged) != len(stored) {
		t.Errorf("the same file again: %+v, %v", same, faults)
	}

	file := slices.DeleteFunc(places(), func(p Place) bool { return p.Kind == Window })
	file[1].Name = "福州"
	file = append(file, Place{"350103", "台江区", County, "350100", true})
	plan, faults := PlanPlaces(stored, file, "")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(plan.Added) != 1 || len(plan.Changed) != 1 || len(plan.Deactivated) != 1 || plan.Deactivated[0].Code != "350102-HR-01-001" {
		t.Errorf("plan = %+v", plan)
	}
	for _, p := range plan.Deactivated {
		if p.Active {
			t.Errorf("%s is still active", p.Code)
		}
	}

	// With under, the rest of the tree is left alone.
	part := []Place{{"350102-HR", "鼓楼区人社局", Bureau, "350102", true}}
	plan, faults = PlanPlaces(stored, part, "350102-HR")
	if len(faults) > 0 || len(plan.Deactivated) != 2 || len(plan.Unchanged) != 1 {
		t.Errorf("under a bureau: %+v, %v", plan, faults)
	}
	if _, faults = PlanPlaces(stored, []Place{{"350103", "台江区", County, "350100", true}}, "350102-HR"); faults.On("code") != WhyOutside {
		t.Errorf("a place outside: %v", faults)
	}
	stolen := []Place{{"350102-HR", "鼓楼区人社局", Bureau, "350102", true}, {"350102", "鼓楼区", County, "350100", true}, {"350100-HR", "福州市人社局", Bureau, "350102", true}}
	if _, faults = PlanPlaces(stored, stolen, "350102"); faults.On("code") != WhyOutside {
		t.Errorf("a bureau moved in from elsewhere: %v", faults)
	}
	if _, faults = PlanPlaces(stored, stored[7:], "350102-HR"); faults.On("parent") != WhyLeftOut {
		t.Errorf("a window without its hall: %v", faults)
	}
	if _, faults = PlanPlaces(stored, append(places(), Place{"360000", "江西省", Province, "", true}), ""); faults.On("kind") != WhySecondProvince {
		t.Errorf("a second province: %v", faults)
	}
	if _, faults = PlanPlaces(stored, []Place{{"350128-HR", "x", County, "350100", true}}, ""); len(faults) == 0 {
		t.Error("a bureau became a county")
	}
}
